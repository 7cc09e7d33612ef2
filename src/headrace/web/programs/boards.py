"""A person's board by `/api`, for a page of the partner's own."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.errors import Malformed
from headrace.inspector.board_json import BoardShape
from headrace.inspector.visibility import Viewer
from headrace.protocol.partner import parse_uuid
from headrace.protocol.wire import find_flaw
from headrace.store.state.people.api_tokens import Scope
from headrace.web.customers.boards import Boards
from headrace.web.customers.looking import CHANGES_ANSWERED, OPEN, Reading
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.finding import ONE
from headrace.web.programs.gate import BAD_REQUEST, GONE, UNKNOWN, Gate, describe

RETRY_AFTER = "5"
PERSON = {
    "user_id": {"type": "string", "description": "Heroku's id of the person, as the login form has it."},
    "email": {"type": "string", "description": "Their address at Heroku, where there is no id."},
}
NOT_SHOWN = {
    **BAD_REQUEST,
    **UNKNOWN,
    **GONE,
    403: show_json("The token may not read, or Heroku says that this person has no access to the app."),
    503: show_json("Heroku does not tell now who has access to the resource's app."),
}
SHOW_PERSONS_BOARD = Operation(
    id="show_board_to_program",
    summary="Return what one person may see, looking from one resource, for a page of the partner's own.",
    scheme=Scheme.PROGRAM,
    query=PERSON | OPEN,
    replies=describe(
        Scope.READ,
        NOT_SHOWN,
        {
            200: show_json("The board, with its version as ETag.", BoardShape),
            204: Reply("There is another version, and Prefer says that this is all to be told."),
            304: Reply("The board is still of the version that If-None-Match names."),
        },
    ),
)
SHOW_PERSONS_CHANGES = Operation(
    id="show_board_changes_to_program",
    summary="Return the same to a program that says what it has of it, which is left out.",
    scheme=Scheme.PROGRAM,
    query=PERSON,
    body=(JSON_TYPE, Reading),
    replies=describe(Scope.READ, CHANGES_ANSWERED, NOT_SHOWN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsBoards:
    """The route of a person's board."""

    gate: Gate
    boards: Boards

    def routes(self) -> list[DescribedRoute]:
        show = self.gate.guard(Scope.READ, self.show)
        return [
            DescribedRoute(f"{ONE}/board", show, "GET", SHOW_PERSONS_BOARD),
            DescribedRoute(f"{ONE}/board", show, "POST", SHOW_PERSONS_CHANGES),
        ]

    async def show(self, request: Request, _caller: Caller) -> Response:
        """Return a person's board, or what has changed of it.

        The partner says who they are, and Heroku, within the last minutes, what they see.
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


def _read_viewer(request: Request, uuid: str) -> Viewer:
    user_id, email = (request.query_params.get(name, "").strip() for name in ("user_id", "email"))
    if not user_id and not email:
        raise Malformed("user_id: is missing, and so is email. Say whose board it is.", field="user_id")
    for name, text in (("user_id", user_id), ("email", email)):
        if flaw := find_flaw(text):
            raise Malformed(f"{name}: {flaw}.", field=name)
    return Viewer(resource_uuid=uuid, user_id=user_id, email=email, is_proven=True)
