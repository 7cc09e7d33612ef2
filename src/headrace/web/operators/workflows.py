"""The operators' workflows: what runs or waits, what has failed, and how deep the queues are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import sqlalchemy as sa
from starlette.requests import Request

from headrace.models import State
from headrace.protocol.wire import read_number
from headrace.store.reports.paging import MOST_COUNTED, Place, Total, read_page
from headrace.store.reports.resource_list import ListedResource, load_listed
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeRow, count_up_to, list_open_notices
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    Address,
    read_address,
    read_place,
    read_position,
    spell_position,
    tell_pages,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View
from headrace.workflows.engine.attempts import Attempt, list_attempts
from headrace.workflows.engine.ledger import Depth, Status, Unfinished, list_unfinished, measure_queue
from headrace.workflows.engine.port import CHANGE_QUEUE, EVENT_QUEUE, QUEUE, SWEEP_QUEUE

# The batches of the sweep are no resource's: the page of the sync has them.
QUEUES = (QUEUE, CHANGE_QUEUE, EVENT_QUEUE)


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
    previous_unfinished: str | None
    next_unfinished: str | None
    failed: Sequence[NoticeRow]
    total_failed: Total
    previous_failed: str | None
    next_failed: str | None


_QUERY = {
    "after": {"type": "string", "description": "Where the page of what is not done begins, as its `next` says it."},
    "back_after": {"type": "string", "description": "Where that page ends, as its `previous` says it."},
    "before": {"type": "string", "description": "Where the page of what has failed begins, as its `next` says it."},
    "back_before": {"type": "string", "description": "Where that page ends, as its `previous` says it."},
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
    unfinished = read_page(
        lambda place, limit: _read_unfinished(connection, place, limit),
        lambda each: each.key,
        read_place(address, "after", _read_key),
    )
    failed = read_page(
        lambda place, limit: _read_failed(connection, place, limit),
        lambda each: each.id,
        read_place(address, "before", read_number),
    )
    beside = tell_pages(address, "after", unfinished, lambda key: spell_position(*key))
    beside_failed = tell_pages(address, "before", failed, str)
    failures = count_up_to(connection, MOST_COUNTED + 1)
    return WorkflowList(
        queues=[measure_queue(connection, queue) for queue in (*QUEUES, SWEEP_QUEUE)],
        unfinished=_build_rows(connection, unfinished.rows),
        previous_unfinished=beside.previous,
        next_unfinished=beside.next,
        failed=failed.rows,
        total_failed=Total(count=min(failures, MOST_COUNTED), is_more=failures > MOST_COUNTED),
        previous_failed=beside_failed.previous,
        next_failed=beside_failed.next,
    )


def _read_unfinished(
    connection: sa.Connection, place: Place[tuple[datetime, str]] | None, limit: int
) -> Sequence[Unfinished]:
    if place is not None and place.is_back:
        return list_unfinished(connection, queues=QUEUES, before=place.key, limit=limit)[::-1]
    return list_unfinished(connection, queues=QUEUES, after=place.key if place else None, limit=limit)


def _read_failed(connection: sa.Connection, place: Place[int] | None, limit: int) -> Sequence[NoticeRow]:
    if place is not None and place.is_back:
        return list_open_notices(connection, after=place.key, limit=limit)[::-1]
    return list_open_notices(connection, before=place.key if place else None, limit=limit)


def _read_key(text: str) -> tuple[datetime, str] | None:
    position = read_position(text)
    return (position[0], position[1][0]) if position else None


def _build_rows(connection: sa.Connection, unfinished: Sequence[Unfinished]) -> list[WorkflowRow]:
    attempts = list_attempts(connection, [workflow.workflow_id for workflow in unfinished])
    resources = load_listed(connection, {workflow.resource_uuid for workflow in unfinished})
    return [
        _build_row(workflow, attempts.get(workflow.workflow_id, ()), resources.get(workflow.resource_uuid))
        for workflow in unfinished
    ]


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
