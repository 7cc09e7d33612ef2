"""Which workflow of a resource runs: one at a time, and the one that ends starts what is due."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind, find_due
from headrace.store.state.config.batches import is_for_batch
from headrace.store.state.config.changes import find_waiting_config_changes
from headrace.store.state.plan_changes import find_waiting_plan_changes
from headrace.store.state.resources import ResourceRow, update_resource, update_resources
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.port import CHANGE_QUEUE, EVENT_QUEUE, QUEUE, Engine
from headrace.workflows.engine.run import JSON

QUEUES = {
    WorkflowKind.PLAN_CHANGE: CHANGE_QUEUE,
    WorkflowKind.DEPROVISION: CHANGE_QUEUE,
    # Customers wait for the others; of this one there may be ten thousand at a time.
    WorkflowKind.CONFIG_CHANGE: EVENT_QUEUE,
}


def start_due(connection: sa.Connection, engine: Engine, row: ResourceRow) -> None:
    """Start the workflow that a resource needs next, unless one is running: that one will start it when it ends."""
    if row.running is None:
        hand_over(connection, engine, row)


def hand_over(connection: sa.Connection, engine: Engine, row: ResourceRow) -> None:
    """Replace a resource's running workflow, which has ended, by the one that is due, or by none.

    What waits for a batch is begun by a worker, with that of others.
    """
    hand_over_all(connection, engine, [row])


def hand_over_all(connection: sa.Connection, engine: Engine, rows: Sequence[ResourceRow], **changes: Any) -> None:
    """Do the same for many resources; `changes` are what else the end of its workflow changes of each."""
    due = _find_due(connection, [replace(row, **changes) for row in rows])
    update_resources(
        connection, [row.uuid for row in rows if row.uuid not in due], running=None, ordered=None, **changes
    )
    for row in rows:
        if row.uuid in due:
            kind, argument = due[row.uuid]
            number = row.workflow_count + 1
            workflow_id = build_id(kind, row.uuid, which=number)
            update_resource(connection, row.uuid, running=workflow_id, workflow_count=number, ordered=None, **changes)
            engine.enqueue(connection, kind, workflow_id, row.uuid, argument, queue=QUEUES.get(kind, QUEUE))


def _find_due(connection: sa.Connection, rows: Sequence[ResourceRow]) -> dict[str, tuple[WorkflowKind, JSON]]:
    """Return, of the resources of which a workflow is due, its kind and its argument."""
    plans = find_waiting_plan_changes(connection, [row.uuid for row in rows])
    may_set = [row.uuid for row in rows if row.state is State.PROVISIONED and row.uuid not in plans]
    waiting = find_waiting_config_changes(connection, may_set)
    configs = {uuid: change for uuid, change in waiting.items() if not is_for_batch(change)}
    due: dict[str, tuple[WorkflowKind, JSON]] = {}
    for row in rows:
        plan, config = plans.get(row.uuid), configs.get(row.uuid)
        kind = find_due(row.state, is_change_waiting=plan is not None, is_config_waiting=config is not None)
        if plan is not None and kind is WorkflowKind.PLAN_CHANGE:
            due[row.uuid] = kind, plan.number
        elif config is not None and kind is WorkflowKind.CONFIG_CHANGE:
            due[row.uuid] = kind, [config.number, config.kind]
        elif kind is not None:
            due[row.uuid] = kind, row.is_synchronous
    return due
