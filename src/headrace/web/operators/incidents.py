"""The operators' incidents: open notices that belong together, and one order for all of a group."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.errors import NothingToDo
from headrace.logs import LogName
from headrace.protocol.wire import read_number
from headrace.store.reports.vitals import Trouble, load_troubles
from headrace.store.sql.database import Database
from headrace.store.state.notices import (
    Group,
    Incident,
    NoticeKind,
    list_incidents,
    list_open_of_group,
    list_settled_incidents,
    settle_notice,
)
from headrace.web.ground.addresses import Redirect
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.groups import GroupOrder, list_group_orders, read_group, write_group
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import Question, View
from headrace.workflows.lifecycle.operations import Operations

log = logging.getLogger(__name__)

SETTLED_WITHIN = timedelta(days=7)
# Heroku's router gives a request up after 30 seconds; what is left then wants the order once more.
ORDERS_SECONDS = 20.0


# What each does, as the page that asks for confirmation says it, sentence by sentence.
WILL_DO = {
    GroupOrder.RETRY: (
        "Each starts again from its first step, and your hooks run again.",
        "What succeeds leaves this list. What fails again stays in it.",
        "What Heroku has given up, or was removed meanwhile, is left as it is.",
    ),
    GroupOrder.SETTLE: (
        "The notices leave this list. Nothing else changes: what failed stays failed.",
        "Nothing is told to Heroku or to customers.",
    ),
    GroupOrder.ABANDON: (
        "Each failed resource counts as deprovisioned, and its secrets are forgotten.",
        "No hook is called: what a resource has on your side stays there until you remove it.",
        "This cannot be undone. What has not failed is left as it is.",
    ),
}
OF_PLAN_CHANGES = (
    "Only changes that Heroku shows as done are tried again.",
    "Where it was answered that a change failed, it keeps the old plan, and so does your side.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """Groups of notices: the open ones, the latest first, and those that were settled within the last days.

    `troubles` are wrong with the service as a whole for as long as they stand here.
    """

    troubles: Sequence[Trouble]
    open: Sequence[Incident]
    settled: Sequence[Incident]


INCIDENTS = View(
    path=f"{HOME}/incidents",
    id="show_incidents",
    summary="Show what failed, the same failure once however often it happened.",
    tells="The incidents.",
    shape=Incidents,
)
GROUP_ORDER = Question(
    path=f"{INCIDENTS.path}/{{order}}",
    ids=("ask_group_order", "give_group_order"),
    summaries=(
        "Ask whether an order for all notices of a group is meant.",
        "Give an order for all notices of a group.",
    ),
    names={"order": {"type": "string", "enum": [*GroupOrder]}},
    query={
        name: {"type": "string", "description": f"The {name} of the notices."} for name in ("kind", "step", "reason")
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsContext(OperatorContext):
    """The incidents; `done` and `left` are what an order for a group has just come to, None where none was given."""

    template: ClassVar[str] = "operator_incidents.html"
    here: ClassVar[str] = INCIDENTS.path

    incidents: Incidents
    done: int | None
    left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOrderContext(OperatorContext):
    """The question whether an order is meant for so many; `sentences` say what it does."""

    template: ClassVar[str] = "operator_group_order.html"
    here: ClassVar[str] = INCIDENTS.path

    order: GroupOrder
    group: Group
    count: int
    sentences: Sequence[str]
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorIncidents:
    """The routes of the incidents."""

    guard: Guard
    database: Database
    operations: Operations
    clock: Clock
    recheck_every: timedelta

    def routes(self) -> list[DescribedRoute]:
        return [
            *self.guard.view(INCIDENTS, self.load, self.show),
            *self.guard.question(GROUP_ORDER, self.ask, self.give),
        ]

    async def load(self, _request: Request) -> Incidents:
        now = self.clock()
        return Incidents(
            troubles=await self.database.read(load_troubles, now=now, recheck_every=self.recheck_every),
            open=await self.database.read(list_incidents),
            settled=await self.database.read(list_settled_incidents, since=now - SETTLED_WITHIN),
        )

    async def show(self, request: Request, incidents: Incidents) -> OperatorContext:
        done, left = (read_number(request.query_params.get(name)) for name in ("done", "left"))
        return IncidentsContext(incidents=incidents, done=done, left=left)

    async def ask(self, request: Request, session: OperatorSession) -> Response:
        """Say what the order will do; nothing happens before its form is sent."""
        order, group = _require_order(request)
        found = await self.database.read(list_open_of_group, group)
        if not found:
            return Redirect(INCIDENTS.path, status_code=303)
        is_of_plans = order is GroupOrder.RETRY and group.kind == NoticeKind.PLAN_CHANGE_FAILED
        context = GroupOrderContext(
            order=order,
            group=group,
            count=len(found),
            sentences=(*WILL_DO[order], *(OF_PLAN_CHANGES if is_of_plans else ())),
            address=f"{INCIDENTS.path}/{order}?{write_group(group)}",
        )
        return await self.guard.show(session, context)

    async def give(self, request: Request, session: OperatorSession) -> Response:
        """Give the order for one after the other, and say for how many it was not to be."""
        order, group = _require_order(request)
        found = await self.database.read(list_open_of_group, group)
        until, done = asyncio.get_running_loop().time() + ORDERS_SECONDS, 0
        for notice_id, uuid in found:
            if asyncio.get_running_loop().time() >= until:
                break
            done += await self._give_one(order, notice_id, uuid, by=session.by)
        told = {"order": f"{order} all", "kind": group.kind, "count": done, "by": session.by}
        log.info(LogName.OPERATOR_ORDERED, extra=told)
        return Redirect(f"{INCIDENTS.path}?done={done}&left={len(found) - done}", status_code=303)

    async def _give_one(self, order: GroupOrder, notice_id: int, uuid: str, *, by: str) -> bool:
        if order is GroupOrder.SETTLE:
            return await self.database.write(settle_notice, notice_id, by=by, now=self.clock())
        give = self.operations.retry if order is GroupOrder.RETRY else self.operations.abandon
        try:
            await give(uuid, by=by)
        except NothingToDo:
            return False
        return True


def _require_order(request: Request) -> tuple[GroupOrder, Group]:
    group = read_group(request)
    try:
        order = GroupOrder(request.path_params["order"])
    except ValueError:
        raise HTTPException(404) from None
    if group is None or order not in list_group_orders(group.kind):
        raise HTTPException(404)
    return order, group
