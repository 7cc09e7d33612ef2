"""The operators' notices: what wants attention."""

from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headrace.client import Clock
from headrace.models import State
from headrace.store.database import Database
from headrace.store.notices import PAGE, NoticeRow, list_open_notices, settle_notice
from headrace.store.resources import find_states
from headrace.web.bodies import OwnForm
from headrace.web.openapi import FORM, FORM_REJECTED, NOT_FOUND, DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import DONE_OR_LOG_IN, HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.operator_pages import render_attention
from headrace.web.sessions import OperatorSession


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotice(NoticeRow):
    """A notice with the state that its resource is in now."""

    resource_state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What wants attention, newest first."""

    notices: list[OpenNotice]


_BEFORE = {"before": {"type": "string", "description": "The id of a notice: show those that are older."}}
SHOW_ATTENTION = Operation(
    id="show_attention",
    summary="Show what wants attention.",
    scheme=Scheme.OPERATOR,
    query=_BEFORE,
    replies=LOG_IN_FIRST | {200: show_page("The open notices.")},
)
SHOW_ATTENTION_JSON = Operation(
    id="show_attention_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_BEFORE,
    replies=NO_SESSION | {200: show_json("The open notices.", Attention)},
)
SETTLE = Operation(
    id="settle_notice",
    summary="Settle a notice; one that somebody has settled meanwhile is as good.",
    scheme=Scheme.OPERATOR,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotices:
    """The routes of the notices."""

    door: OperatorDoor
    database: Database
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        return [
            DescribedRoute(HOME, door.page(self.show_attention), "GET", SHOW_ATTENTION),
            DescribedRoute(f"{HOME}.json", door.twin(self.show_attention_json), "GET", SHOW_ATTENTION_JSON),
            DescribedRoute(f"{HOME}/notices/{{id:int}}/settle", door.form(self.settle), "POST", SETTLE),
        ]

    async def show_attention(self, request: Request, session: OperatorSession) -> Response:
        notices = await self._list_notices(request)
        states = await self.database.read(find_states, {notice.resource_uuid for notice in notices})
        page = render_attention(
            notices,
            states,
            service_name=self.door.service_name,
            csrf=session.csrf,
            now=self.clock(),
            older=notices[-1].id if len(notices) == PAGE else None,
        )
        return HTMLResponse(page)

    async def show_attention_json(self, request: Request, _session: OperatorSession) -> Response:
        notices = await self._list_notices(request)
        states = await self.database.read(find_states, {notice.resource_uuid for notice in notices})
        described = [OpenNotice(**asdict(notice), resource_state=states[notice.resource_uuid]) for notice in notices]
        return respond_json(Attention(notices=described))

    async def settle(self, request: Request, _session: OperatorSession) -> Response:
        """Settle a notice; one that somebody has settled meanwhile is as good."""
        await self.database.write(settle_notice, request.path_params["id"], by="operator", now=self.clock())
        return RedirectResponse(HOME, status_code=303)

    async def _list_notices(self, request: Request) -> list[NoticeRow]:
        before = request.query_params.get("before", "")
        # Ten digits fit into every database's integers.
        is_number = before.isascii() and before.isdecimal() and len(before) < 10
        return await self.database.read(list_open_notices, before=int(before) if is_number else None)
