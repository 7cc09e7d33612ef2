"""Which workflow of a resource runs: one at a time, and the one that ends starts what is due."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind, find_due
from headrace.store.state.config.batches import is_for_batch
from headrace.store.state.config.changes import find_waiting_config_change
from headrace.store.state.plan_changes import find_waiting_plan_change
from headrace.store.state.resources import ResourceRow, update_resource
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


def hand_over(connection: sa.Connection, engine: Engine, row: ResourceRow, **changes: Any) -> None:
    """Replace a resource's running workflow, which has ended, by the one that is due, or by none.

    `changes` are what else its end changes of the resource. What waits for a batch is begun by a worker, with that of
    others.
    """
    kind, argument = _find_due(connection, replace(row, **changes))
    if kind is None:
        update_resource(connection, row.uuid, running=None, ordered=None, **changes)
        return
    number = row.workflow_count + 1
    workflow_id = build_id(kind, row.uuid, which=number)
    update_resource(connection, row.uuid, running=workflow_id, workflow_count=number, ordered=None, **changes)
    engine.enqueue(connection, kind, workflow_id, row.uuid, argument, queue=QUEUES.get(kind, QUEUE))


def _find_due(connection: sa.Connection, row: ResourceRow) -> tuple[WorkflowKind | None, JSON]:
    """Return the kind of workflow that is due, and its argument."""
    change = find_waiting_plan_change(connection, row.uuid)
    may_set = change is None and row.state is State.PROVISIONED
    config = find_waiting_config_change(connection, row.uuid) if may_set else None
    config = None if config is None or is_for_batch(config) else config
    kind = find_due(row.state, is_change_waiting=change is not None, is_config_waiting=config is not None)
    if change is not None and kind is WorkflowKind.PLAN_CHANGE:
        return kind, change.number
    if config is not None and kind is WorkflowKind.CONFIG_CHANGE:
        return kind, [config.number, config.kind]
    return kind, row.is_synchronous
