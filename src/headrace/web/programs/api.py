"""The API for a partner's own programs: import a resource, ask where it is and was, and show a person their board."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.errors import Malformed, Rejected, UnknownResource
from headrace.inspector.board_json import BoardShape
from headrace.inspector.visibility import Viewer
from headrace.models import Secret, State
from headrace.protocol.import_lines import ImportBody, parse_request
from headrace.protocol.partner import BODY_LIMIT, parse_uuid
from headrace.protocol.wire import find_flaw
from headrace.store.sql.database import Database
from headrace.store.state.placements import PlacementRow, list_placements, pick_placement
from headrace.store.state.resources import find_resource
from headrace.web.customers.boards import Boards
from headrace.web.ground.bodies import read_body
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.workflows.lifecycle.importing import Change, Imports

HOME = "/api/resources"
RETRY_AFTER = "5"


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What importing came to. `kept`: the resource is ours, and was not changed."""

    uuid: str
    change: Change


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time that a resource's app spent in one place; without a pipeline it was in none.

    `valid_to` null means that it is there now.
    """

    app_id: str
    app: str | None
    pipeline_id: str | None
    pipeline: str | None
    stage: str | None
    valid_from: datetime
    valid_to: datetime | None


class ResourceShape(msgspec.Struct, frozen=True, kw_only=True):
    """A resource, and where it was at the moment that was asked about; null where that is not known."""

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    created_at: datetime
    deprovisioned_at: datetime | None
    placement: Place | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Every place of a resource, oldest first. Nothing of it is ever rewritten."""

    uuid: str
    placements: list[Place]


_GUARDED = {401: show_json("The token is missing or wrong.")}
_UNKNOWN = {400: show_json("The request cannot be read."), 404: show_json("There is no such resource.")}

IMPORT = Operation(
    id="import_resource",
    summary="Import a resource that another provider provisions, or say what has changed with it.",
    scheme=Scheme.PROGRAM,
    body=(JSON_TYPE, ImportBody),
    replies=_GUARDED
    | {
        200: show_json("It was there already.", ImportResult),
        201: show_json("It is new.", ImportResult),
        400: show_json("The body cannot be read."),
        408: show_json("The body did not arrive in time."),
        409: show_json("This service provisioned it, or it is gone for good: it was not changed.", ImportResult),
        413: show_json(f"The body is larger than {BODY_LIMIT:,} bytes."),
    },
)
SHOW = Operation(
    id="show_resource_to_program",
    summary="Return a resource and where it is, or where it was.",
    scheme=Scheme.PROGRAM,
    query={"as_of": {"type": "string", "format": "date-time", "description": "A moment, with its time zone."}},
    replies=_GUARDED | _UNKNOWN | {200: show_json("The resource.", ResourceShape)},
)
SHOW_HISTORY = Operation(
    id="show_placements",
    summary="Return every place that a resource has been in.",
    scheme=Scheme.PROGRAM,
    replies=_GUARDED | _UNKNOWN | {200: show_json("The places.", History)},
)
SHOW_PERSONS_BOARD = Operation(
    id="show_board_to_program",
    summary="Return what one person may see, looking from one resource, for a page of the partner's own.",
    scheme=Scheme.PROGRAM,
    query={
        "user_id": {"type": "string", "description": "Heroku's id of the person, as the login form has it."},
        "email": {"type": "string", "description": "Their address at Heroku, where there is no id."},
    },
    replies=_GUARDED
    | _UNKNOWN
    | {
        200: show_json("The board, with its version as ETag.", BoardShape),
        304: Reply("The board is still of the version that If-None-Match names."),
        403: show_json("Heroku says that this person has no access to the resource's app."),
        410: show_json("The resource was deprovisioned."),
        503: show_json("Heroku does not tell now who has access to the resource's app."),
    },
)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the API's routes work with."""

    database: Database
    imports: Imports
    boards: Boards
    token: Secret
    service: str

    def routes(self) -> list[DescribedRoute]:
        one = f"{HOME}/{{uuid}}"
        return [
            DescribedRoute(HOME, self.guard(self.import_resource), "POST", IMPORT),
            DescribedRoute(f"{one}/board", self.guard(self.show_board), "GET", SHOW_PERSONS_BOARD),
            DescribedRoute(f"{one}/placements", self.guard(self.show_history), "GET", SHOW_HISTORY),
            DescribedRoute(one, self.guard(self.show), "GET", SHOW),
        ]

    async def import_resource(self, request: Request) -> Response:
        resource = parse_request(await read_body(request, limit=BODY_LIMIT), service=self.service)
        change = await self.imports.take(resource)
        status = {Change.NEW: 201, Change.KEPT: 409}.get(change, 200)
        return _respond(ImportResult(uuid=resource.uuid, change=change), status=status)

    async def show(self, request: Request) -> Response:
        uuid, as_of = parse_uuid(request.path_params["uuid"]), _read_moment(request)
        row = await self.database.read(find_resource, uuid)
        if row is None:
            raise UnknownResource(uuid)
        places = await self.database.read(list_placements, uuid)
        place = pick_placement(places, as_of=as_of)
        return _respond(
            ResourceShape(
                uuid=row.uuid,
                name=row.name,
                plan=row.plan,
                region=row.region,
                state=row.state,
                created_at=row.created_at,
                deprovisioned_at=row.deprovisioned_at,
                placement=None if place is None else _describe(place),
            )
        )

    async def show_history(self, request: Request) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        if await self.database.read(find_resource, uuid) is None:
            raise UnknownResource(uuid)
        places = await self.database.read(list_placements, uuid)
        return _respond(History(uuid=uuid, placements=[_describe(place) for place in places]))

    async def show_board(self, request: Request) -> Response:
        """Return a person's board. The partner says who they are, and Heroku, within the last minutes, what they see.

        No login of Heroku's let them in, so without its answer there is nothing to show, not even this resource.
        """
        uuid = parse_uuid(request.path_params["uuid"])
        viewer = _read_viewer(request, uuid)
        await self.boards.require_open(uuid)
        seen = await self.boards.find_seen(viewer)
        if seen is not None:
            return await self.boards.answer(request, viewer, seen)
        if await self.boards.visibility.is_told(uuid):
            return JSONResponse({"message": "This person has no access to the app."}, status_code=403)
        message = "Heroku does not tell now who has access to the app. It is asked again at the next request."
        return JSONResponse({"message": message}, status_code=503, headers={"Retry-After": RETRY_AFTER})

    def guard(self, endpoint: Endpoint) -> Endpoint:
        """Return what answers only who brings the token; nothing of the request is read before."""

        async def respond(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token.reveal()}".encode()):
                headers = {"WWW-Authenticate": 'Bearer realm="api"'}
                return JSONResponse(
                    {"message": "Send HEADRACE_API_TOKEN as a bearer token."}, status_code=401, headers=headers
                )
            try:
                return await endpoint(request)
            except Rejected as error:
                return JSONResponse({"message": error.message}, status_code=error.status)

        return respond


def _describe(place: PlacementRow) -> Place:
    return Place(
        app_id=place.app_id,
        app=place.app_name,
        pipeline_id=place.pipeline_id,
        pipeline=place.pipeline_name,
        stage=place.stage,
        valid_from=place.valid_from,
        valid_to=place.valid_to,
    )


def _read_viewer(request: Request, uuid: str) -> Viewer:
    user_id, email = (request.query_params.get(name, "").strip() for name in ("user_id", "email"))
    if not user_id and not email:
        raise Malformed("user_id: is missing, and so is email. Say whose board it is.", field="user_id")
    for name, text in (("user_id", user_id), ("email", email)):
        if flaw := find_flaw(text):
            raise Malformed(f"{name}: {flaw}.", field=name)
    return Viewer(resource_uuid=uuid, user_id=user_id, email=email, is_proven=True)


def _read_moment(request: Request) -> datetime | None:
    text = request.query_params.get("as_of")
    if text is None:
        return None
    problem = Malformed("as_of: is not a moment with a time zone, such as 2026-11-24T12:00:00Z.", field="as_of")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise problem
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise problem from None


def _respond(shape: msgspec.Struct, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(shape), status_code=status, media_type=JSON_TYPE)
