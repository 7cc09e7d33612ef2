"""The operators' workflows: what runs or waits, what has failed, and how deep the queues are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import sqlalchemy as sa
from starlette.requests import Request

from headrace.models import State
from headrace.protocol.wire import read_number
from headrace.store.reports.resource_list import ListedResource, load_listed
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeRow, list_open_notices
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import Address, find_next, read_address, read_position, spell_position
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View
from headrace.workflows.engine.attempts import Attempt, list_attempts
from headrace.workflows.engine.ledger import Depth, Status, Unfinished, list_unfinished, measure_queue
from headrace.workflows.engine.port import EVENT_QUEUE, QUEUE, SWEEP_QUEUE

PAGE = 50
# The batches of the sweep are no resource's: the page of the sync has them.
QUEUES = (QUEUE, EVENT_QUEUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRow:
    """A workflow that is not done, with the last attempt at a step of it that is over.

    `attempts` counts the attempts at this step, `reason` is the kind of the error that ended the last one, and
    `next_at` when the next one comes.
    """

    workflow_id: str
    kind: str
    status: Status
    since: datetime
    resource_uuid: str
    resource_name: str | None
    app_name: str | None
    resource_state: State | None
    step: str | None
    attempts: int
    reason: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowList:
    """A page of each: what is not done, what waited longest first, and what has failed, the latest first.

    What has failed are the open notices. No count of `queues` exceeds 10,000 by more than one.
    """

    queues: Sequence[Depth]
    unfinished: Sequence[WorkflowRow]
    next_unfinished: str | None
    failed: Sequence[NoticeRow]
    next_failed: str | None


_QUERY = {
    "after": {"type": "string", "description": "Where the page of what is not done begins, as its `next` says it."},
    "before": {"type": "string", "description": "Where the page of what has failed begins, as its `next` says it."},
}
WORKFLOWS = View(
    path=f"{HOME}/workflows",
    id="show_workflows",
    summary="Show what runs, waits or has failed.",
    tells="A page of each.",
    shape=WorkflowList,
    query=_QUERY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowsContext(OperatorContext):
    """A page of each; `resources` are those that what has failed is about, as far as they are there."""

    template: ClassVar[str] = "operator_workflows.html"
    here: ClassVar[str] = WORKFLOWS.path

    listed: WorkflowList
    resources: Mapping[str, ListedResource]
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorWorkflows:
    """The routes of the workflows."""

    guard: Guard
    database: Database

    def routes(self) -> list[DescribedRoute]:
        page, json = self.guard.view(WORKFLOWS, self.load, self.show)
        return [json, page]

    async def load(self, request: Request) -> WorkflowList:
        return await self.database.read(_list, read_address(request, *_QUERY))

    async def show(self, request: Request, listed: WorkflowList) -> OperatorContext:
        resources = await self.database.read(load_listed, {notice.resource_uuid for notice in listed.failed})
        return WorkflowsContext(listed=listed, resources=resources, address=read_address(request, *_QUERY))


def _list(connection: sa.Connection, address: Address) -> WorkflowList:
    position = read_position(address.find("after"))
    after, before = (position[0], position[1][0]) if position else None, read_number(address.find("before"))
    unfinished = list_unfinished(connection, queues=QUEUES, after=after, limit=PAGE + 1)
    failed = list_open_notices(connection, before=before, limit=PAGE + 1)
    shown = unfinished[:PAGE]
    attempts = list_attempts(connection, [workflow.workflow_id for workflow in shown])
    resources = load_listed(connection, {workflow.resource_uuid for workflow in shown})
    rows = [
        _build_row(workflow, attempts.get(workflow.workflow_id, ()), resources.get(workflow.resource_uuid))
        for workflow in shown
    ]
    return WorkflowList(
        queues=[measure_queue(connection, queue) for queue in (*QUEUES, SWEEP_QUEUE)],
        unfinished=rows,
        next_unfinished=find_next(address, "after", unfinished, lambda each: spell_position(*each.key), most=PAGE),
        failed=failed[:PAGE],
        next_failed=find_next(address, "before", failed, lambda each: str(each.id), most=PAGE),
    )


def _build_row(workflow: Unfinished, attempts: Sequence[Attempt], resource: ListedResource | None) -> WorkflowRow:
    last = attempts[-1] if attempts else None
    next_at = None
    if last is not None and last.wait is not None and last.ended_at is not None:
        next_at = last.ended_at + timedelta(seconds=last.wait)
    return WorkflowRow(
        workflow_id=workflow.workflow_id,
        kind=workflow.kind,
        status=workflow.status,
        since=workflow.created_at,
        resource_uuid=workflow.resource_uuid,
        resource_name=resource.name if resource else None,
        app_name=resource.app_name if resource else None,
        resource_state=resource.state if resource else None,
        step=last.step if last else None,
        attempts=sum(attempt.step == last.step for attempt in attempts) if last else 0,
        reason=last.reason if last else None,
        next_at=next_at,
    )
