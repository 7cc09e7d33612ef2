"""The operators' notices: what wants a person's eye."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headrace.client import Clock
from headrace.inspector.overview import MOST_NOTICES
from headrace.models import State
from headrace.store.database import Database
from headrace.store.notices import PAGE, NoticeRow, count_up_to, list_open_notices, settle_notice
from headrace.store.resources import find_states
from headrace.web.bodies import OwnForm
from headrace.web.openapi import FORM, FORM_REJECTED, NOT_FOUND, DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import DONE_OR_LOG_IN, HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.operator_pages import render_notices
from headrace.web.sessions import OperatorSession

NOTICES = f"{HOME}/notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotice(NoticeRow):
    """A notice with the state that its resource is in now."""

    resource_state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotices:
    """Open notices, newest first; what is `older` than this page has lower ids, None where nothing is."""

    notices: list[OpenNotice]
    older: int | None


_BEFORE = {"before": {"type": "string", "description": "The id of a notice: show those that are older."}}
SHOW_NOTICES = Operation(
    id="show_notices",
    summary="Show the open notices.",
    scheme=Scheme.OPERATOR,
    query=_BEFORE,
    replies=LOG_IN_FIRST | {200: show_page("The open notices.")},
)
SHOW_NOTICES_JSON = Operation(
    id="show_notices_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_BEFORE,
    replies=NO_SESSION | {200: show_json("The open notices.", OpenNotices)},
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
            DescribedRoute(NOTICES, door.page(self.show_notices), "GET", SHOW_NOTICES),
            DescribedRoute(f"{NOTICES}.json", door.twin(self.show_notices_json), "GET", SHOW_NOTICES_JSON),
            DescribedRoute(f"{NOTICES}/{{id:int}}/settle", door.form(self.settle), "POST", SETTLE),
        ]

    async def show_notices(self, request: Request, session: OperatorSession) -> Response:
        before = _read_before(request)
        notices = await self.database.read(list_open_notices, before=before)
        page = render_notices(
            notices,
            await self.database.read(find_states, {notice.resource_uuid for notice in notices}),
            service_name=self.door.service_name,
            csrf=session.csrf,
            now=self.clock(),
            open_count=await self.database.read(count_up_to, MOST_NOTICES),
            is_first=before is None,
            older=_find_older(notices),
        )
        return HTMLResponse(page)

    async def show_notices_json(self, request: Request, _session: OperatorSession) -> Response:
        notices = await self.database.read(list_open_notices, before=_read_before(request))
        states = await self.database.read(find_states, {notice.resource_uuid for notice in notices})
        described = [OpenNotice(**asdict(notice), resource_state=states[notice.resource_uuid]) for notice in notices]
        return respond_json(OpenNotices(notices=described, older=_find_older(notices)))

    async def settle(self, request: Request, _session: OperatorSession) -> Response:
        """Settle a notice; one that somebody has settled meanwhile is as good."""
        await self.database.write(settle_notice, request.path_params["id"], by="operator", now=self.clock())
        return RedirectResponse(NOTICES, status_code=303)


def _read_before(request: Request) -> int | None:
    before = request.query_params.get("before", "")
    # Ten digits fit into every database's integers.
    is_number = before.isascii() and before.isdecimal() and len(before) < 10
    return int(before) if is_number else None


def _find_older(notices: Sequence[NoticeRow]) -> int | None:
    return notices[-1].id if len(notices) == PAGE else None
