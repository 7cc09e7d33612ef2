"""The operators' notices: what wants a person's eye."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import ClassVar

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.models import State
from headrace.protocol.wire import read_number
from headrace.store.reports.paging import MOST_COUNTED, Page, Place, Total, read_page
from headrace.store.reports.vitals import Trouble, load_troubles
from headrace.store.sql.database import Database
from headrace.store.state.notices import PAGE, Group, NoticeRow, count_up_to, list_open_notices, settle_notice
from headrace.store.state.resources import find_states
from headrace.web.ground.addresses import Redirect
from headrace.web.ground.bodies import OwnForm
from headrace.web.ground.openapi import FORM_REJECTED, FORM_TYPE, NOT_FOUND, DescribedRoute, Operation, Scheme
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.groups import read_group
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import Address, read_address, read_place
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import DONE_OR_LOG_IN, View
from headrace.web.operators.incidents import INCIDENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotice(NoticeRow):
    """A notice with the state that its resource is in now."""

    resource_state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotices:
    """Open notices, newest first; what is `older` than this page has lower ids than this one, what is `newer` higher.

    Each is None where nothing is. `troubles` are wrong with the service as a whole for as long as they stand here.
    """

    troubles: list[Trouble]
    notices: list[OpenNotice]
    newer: int | None
    older: int | None


_QUERY = {
    "before": {"type": "string", "description": "The id of a notice: show those that are older."},
    "back_before": {"type": "string", "description": "The id of a notice: show those that are next newer."},
    "kind": {"type": "string", "description": "Show the notices of this kind, step and reason."},
    "step": {"type": "string", "description": "The step that failed."},
    "reason": {"type": "string", "description": "The kind of its error."},
}
NOTICES = View(
    path=f"{HOME}/notices",
    id="show_notices",
    summary="Show the open notices.",
    tells="The open notices.",
    shape=OpenNotices,
    query=_QUERY,
)
SETTLE = Operation(
    id="settle_notice",
    summary="Settle a notice; one that somebody has settled meanwhile is as good.",
    scheme=Scheme.OPERATOR,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesContext(OperatorContext):
    """A page of the open notices, of one group where one is asked for, and how many there are in all, up to a bound."""

    template: ClassVar[str] = "operator_notices.html"
    here: ClassVar[str] = INCIDENTS.path

    open: OpenNotices
    total: Total
    address: Address
    group: Group | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotices:
    """The routes of the notices."""

    guard: Guard
    database: Database
    clock: Clock
    recheck_every: timedelta

    def routes(self) -> list[DescribedRoute]:
        return [
            *self.guard.view(NOTICES, self.load, self.show),
            DescribedRoute(f"{NOTICES.path}/{{id:int}}/settle", self.guard.form(self.settle), "POST", SETTLE),
        ]

    async def load(self, request: Request) -> OpenNotices:
        page = await self.database.read(_read_page, read_address(request, *_QUERY), read_group(request))
        states = await self.database.read(find_states, {notice.resource_uuid for notice in page.rows})
        described = [OpenNotice(**asdict(notice), resource_state=states[notice.resource_uuid]) for notice in page.rows]
        troubles = await self.database.read(load_troubles, now=self.clock(), recheck_every=self.recheck_every)
        return OpenNotices(troubles=troubles, notices=described, newer=page.previous, older=page.next)

    async def show(self, request: Request, loaded: OpenNotices) -> OperatorContext:
        group = read_group(request)
        count = await self.database.read(count_up_to, MOST_COUNTED + 1, group=group)
        total = Total(count=min(count, MOST_COUNTED), is_more=count > MOST_COUNTED)
        return NoticesContext(open=loaded, total=total, address=read_address(request, *_QUERY), group=group)

    async def settle(self, request: Request, session: OperatorSession) -> Response:
        """Settle a notice; one that somebody has settled meanwhile is as good."""
        await self.database.write(settle_notice, request.path_params["id"], by=session.by, now=self.clock())
        return Redirect(NOTICES.path, status_code=303)


def _read_page(connection: sa.Connection, address: Address, group: Group | None) -> Page[NoticeRow, int]:
    def read(place: Place[int] | None, limit: int) -> Sequence[NoticeRow]:
        if place is not None and place.is_back:
            return list_open_notices(connection, after=place.key, group=group, limit=limit)[::-1]
        return list_open_notices(connection, before=place.key if place else None, group=group, limit=limit)

    return read_page(read, lambda notice: notice.id, read_place(address, "before", read_number), most=PAGE)
