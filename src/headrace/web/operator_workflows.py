"""The operators' workflows: what runs or waits, what has failed, and how deep the queues are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from headrace.models import State
from headrace.store.database import Database
from headrace.store.notices import NoticeRow, list_open_notices
from headrace.store.resource_list import ListedResource, load_listed
from headrace.web.lists import Address, is_number, read_address, read_position, spell_position
from headrace.web.openapi import DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.sessions import OperatorSession
from headrace.workflows.engine import EVENT_QUEUE, QUEUE, SWEEP_QUEUE
from headrace.workflows.ledger import Attempt, Depth, Status, Unfinished, list_attempts, list_unfinished, measure_queue

WORKFLOWS = f"{HOME}/workflows"
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
SHOW_WORKFLOWS = Operation(
    id="show_workflows",
    summary="Show what runs, waits or has failed.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=LOG_IN_FIRST | {200: show_page("A page of each.")},
)
SHOW_WORKFLOWS_JSON = Operation(
    id="show_workflows_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=NO_SESSION | {200: show_json("A page of each.", WorkflowList)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorWorkflows:
    """The routes of the workflows."""

    door: OperatorDoor
    database: Database

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        return [
            DescribedRoute(f"{WORKFLOWS}.json", door.twin(self.show_workflows_json), "GET", SHOW_WORKFLOWS_JSON),
            DescribedRoute(WORKFLOWS, door.page(self.show_workflows), "GET", SHOW_WORKFLOWS),
        ]

    async def show_workflows(self, request: Request, session: OperatorSession) -> Response:
        address = read_address(request, *_QUERY)
        listed, resources = await self.database.read(_list, address)
        return self.door.show(
            session, "operator_workflows.html", here=WORKFLOWS, listed=listed, resources=resources, address=address
        )

    async def show_workflows_json(self, request: Request, _session: OperatorSession) -> Response:
        listed, _ = await self.database.read(_list, read_address(request, *_QUERY).twin)
        return respond_json(listed)


def _list(connection: sa.Connection, address: Address) -> tuple[WorkflowList, dict[str, ListedResource]]:
    """Return a page of each, and the resources that they are about."""
    position, before = read_position(address.find("after")), address.find("before")
    after = (position[0], position[1][0]) if position else None
    unfinished = list_unfinished(connection, queues=QUEUES, after=after, limit=PAGE + 1)
    failed = list_open_notices(connection, before=int(before) if is_number(before) else None, limit=PAGE + 1)
    attempts = list_attempts(connection, [workflow.workflow_id for workflow in unfinished[:PAGE]])
    uuids = {workflow.resource_uuid for workflow in unfinished} | {notice.resource_uuid for notice in failed}
    resources = load_listed(connection, uuids)
    rows = [
        _build_row(workflow, attempts.get(workflow.workflow_id, ()), resources.get(workflow.resource_uuid))
        for workflow in unfinished[:PAGE]
    ]
    listed = WorkflowList(
        queues=[measure_queue(connection, queue) for queue in (*QUEUES, SWEEP_QUEUE)],
        unfinished=rows,
        next_unfinished=_find_next(address, "after", unfinished, lambda each: spell_position(*each.key)),
        failed=failed[:PAGE],
        next_failed=_find_next(address, "before", failed, lambda each: str(each.id)),
    )
    return listed, resources


def _find_next(address: Address, name: str, found: Sequence[Any], spell: Any) -> str | None:
    return str(address.at(name, spell(found[PAGE - 1]))) if len(found) > PAGE else None


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
