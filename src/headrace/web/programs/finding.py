"""Finding resources by `/api`: a page of those that are wanted, one, its places, and its siblings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import Malformed, UnknownResource
from headrace.models import State
from headrace.protocol.partner import parse_uuid
from headrace.protocol.wire import find_flaw
from headrace.resources.known import ResourceFilters
from headrace.resources.reading import LONGEST_PAGE, PAGE, Resources
from headrace.store.sql.database import Database
from headrace.store.state.people.api_tokens import Scope
from headrace.store.state.placements import list_placements, pick_placement
from headrace.store.state.resources import find_resource
from headrace.web.ground.openapi import DescribedRoute, Operation, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.gate import BAD_BODY, BAD_REQUEST, UNKNOWN, Gate, describe, read_count, read_moment, respond
from headrace.web.programs.shapes import Place, ResourceShape, describe_place, describe_resources

HOME = "/api/resources"
ONE = f"{HOME}/{{uuid}}"
MOMENTS = ("made_after", "made_before", "as_of")
TEXTS = ("uuid", "name", "state", "plan", "region", "stage", "pipeline", "app")
PAGING = ("after", "limit")


class ResourceListing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of resources, the oldest first; `next` is the `after` of the next page, null where there is none."""

    resources: list[ResourceShape]
    next: str | None


class SiblingListing(msgspec.Struct, frozen=True, kw_only=True):
    """The other resources in the pipeline of one, the oldest first, as far as they are known."""

    uuid: str
    siblings: list[ResourceShape]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Every place of a resource, oldest first. Nothing of it is ever rewritten."""

    uuid: str
    placements: list[Place]


def _several(what: str, **items: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", **items}, "description": what}


def _moment(what: str) -> dict[str, Any]:
    return {"type": "string", "format": "date-time", "description": f"{what} A moment with its time zone."}


FILTERS = {
    "uuid": _several("Any of these resources.", format="uuid"),
    "name": _several("Add-ons of any of these names."),
    "state": _several("In any of these states.", enum=[*State]),
    "plan": _several("On any of these plans."),
    "region": _several("In any of these regions."),
    "stage": _several("At any of these stages; `none` is in no pipeline, `unknown` where Heroku did not tell."),
    "pipeline": _several("In any of these pipelines, by id or name."),
    "app": _several("On any of these apps, by id or name."),
    "made_after": _moment("Made then or later."),
    "made_before": _moment("Made before."),
}
AS_OF = {"as_of": _moment("As it was then.")}
LIST = Operation(
    id="list_resources_to_program",
    summary="List the resources that are wanted, the oldest first.",
    scheme=Scheme.PROGRAM,
    query={
        **FILTERS,
        **AS_OF,
        "after": {"type": "string", "description": "The `next` of the page before."},
        "limit": {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
    },
    replies=describe(
        Scope.READ, BAD_REQUEST, {422: BAD_BODY[422], 200: show_json("A page of resources.", ResourceListing)}
    ),
)
SHOW = Operation(
    id="show_resource_to_program",
    summary="Return a resource and where it is, or where it was.",
    scheme=Scheme.PROGRAM,
    query=AS_OF,
    replies=describe(Scope.READ, BAD_REQUEST, UNKNOWN, {200: show_json("The resource.", ResourceShape)}),
)
SHOW_HISTORY = Operation(
    id="show_placements",
    summary="Return every place that a resource has been in.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.READ, BAD_REQUEST, UNKNOWN, {200: show_json("The places.", History)}),
)
SHOW_SIBLINGS = Operation(
    id="list_siblings",
    summary="Return the other resources in the same pipeline.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.READ, BAD_REQUEST, UNKNOWN, {200: show_json("The siblings.", SiblingListing)}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The routes that find resources."""

    gate: Gate
    database: Database
    resources: Resources

    def routes(self) -> list[DescribedRoute]:
        guard = self.gate.guard
        return [
            DescribedRoute(HOME, guard(Scope.READ, self.list), "GET", LIST),
            DescribedRoute(f"{ONE}/placements", guard(Scope.READ, self.show_history), "GET", SHOW_HISTORY),
            DescribedRoute(f"{ONE}/siblings", guard(Scope.READ, self.show_siblings), "GET", SHOW_SIBLINGS),
            DescribedRoute(ONE, guard(Scope.READ, self.show), "GET", SHOW),
        ]

    async def list(self, request: Request, _caller: Caller) -> Response:
        query = request.query_params
        if unknown := sorted({*query} - {*TEXTS, *MOMENTS, *PAGING}):
            raise Malformed(f"{unknown[0]}: is no filter. There are {', '.join((*TEXTS, *MOMENTS))}.", field=unknown[0])
        filters: Any = read_texts({name: query.getlist(name) for name in TEXTS if name in query})
        filters |= {name: read_moment(name, query[name]) for name in MOMENTS if name in query}
        wanted: ResourceFilters = filters
        limit = read_count("limit", query.get("limit"), default=PAGE, least=1, most=LONGEST_PAGE)
        page = await self.resources.list(after=query.get("after"), limit=limit, **wanted)
        return respond(ResourceListing(resources=describe_resources(page.resources), next=page.next))

    async def show(self, request: Request, _caller: Caller) -> Response:
        uuid, as_of = parse_uuid(request.path_params["uuid"]), read_moment("as_of", request.query_params.get("as_of"))
        [shape] = describe_resources([await self.resources.get(uuid)])
        if as_of is not None:
            place = pick_placement(await self.database.read(list_placements, uuid), as_of=as_of)
            shape = msgspec.structs.replace(shape, placement=None if place is None else describe_place(place))
        return respond(shape)

    async def show_history(self, request: Request, _caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        if await self.database.read(find_resource, uuid) is None:
            raise UnknownResource(uuid)
        places = await self.database.read(list_placements, uuid)
        return respond(History(uuid=uuid, placements=[describe_place(place) for place in places]))

    async def show_siblings(self, request: Request, _caller: Caller) -> Response:
        known = await self.resources.get(parse_uuid(request.path_params["uuid"]))
        return respond(SiblingListing(uuid=known.uuid, siblings=describe_resources(await known.siblings())))


def read_texts(given: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return filters of texts.

    Raises:
        Malformed: a text of them is one that no database has.
    """
    for name, texts in given.items():
        for text in texts:
            if flaw := find_flaw(text):
                raise Malformed(f"{name}: {flaw}.", field=name)
    return dict(given)
