"""The workflow that removes a resource: the partner's hook, and then everything that was secret about it."""

from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.state.config_changes import drop_waiting_config_changes
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.placements import close_placement
from headrace.store.state.plan_changes import drop_waiting_plan_changes
from headrace.store.state.resources import ResourceRow, lock_resource, remove_resource, update_resource
from headrace.store.state.timeline import TimelineName, add_event
from headrace.store.state.webhooks import retire_credentials
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import start_due
from headrace.workflows.lifecycle.hook_arguments import find_hook_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.steps import finish, record_failure


def begin_deprovision(connection: sa.Connection, core: Core, row: ResourceRow, *, event: TimelineName) -> ResourceRow:
    """Begin to remove a resource that this transaction has locked; return it as it is then."""
    now = core.clock()
    update_resource(connection, row.uuid, state=State.DEPROVISIONING)
    drop_waiting_plan_changes(connection, row.uuid, now=now)
    drop_waiting_config_changes(connection, row.uuid, now=now)
    # What went wrong with it until now is over with it.
    settle_notices(connection, row.uuid, by="deprovision", now=now)
    add_event(connection, row.uuid, event, now=now)
    changed = replace(row, state=State.DEPROVISIONING)
    start_due(connection, core.engine, changed)
    return changed


class Deprovisions:
    """Removes resources."""

    def __init__(self, core: Core, hooks: Hooks) -> None:
        self._core = core
        self._hooks = hooks
        core.engine.register(WorkflowKind.DEPROVISION, self.deprovision)

    async def deprovision(self, run: Run, uuid: str, _argument: Any) -> None:
        """Remove a resource and forget its secrets."""
        try:
            await run.step("run_hook", partial(self.run_hook, uuid))
            await run.step("forget", partial(self._core.database.write, self._forget, uuid), leaves_traces=True)
        except StepFailed as failure:
            failed = partial(record_failure, self._core, uuid, NoticeKind.DEPROVISION_FAILED, failure)
            await run.step("record_failure", failed)
        await finish(self._core, run, uuid)

    async def run_hook(self, uuid: str, *, scope: str = WorkflowKind.DEPROVISION) -> None:
        """Call the partner's hook, for a deprovision or for what a failed provision has left.

        What its steps returned goes with the resource; `scope` parts them from those of another call.
        """
        steps = build_steps(self._core, self._hooks, uuid, scope=scope)
        await self._hooks.call("on_deprovision", await find_hook_resource(self._core, uuid, steps=steps))

    def _forget(self, connection: sa.Connection, uuid: str) -> None:
        row = lock_resource(connection, uuid)
        if row is None or row.state is State.DEPROVISIONED:
            return
        now = self._core.clock()
        retire_credentials(connection, self._core.secrets, uuid)
        self._core.secrets.delete_all(connection, uuid)
        close_placement(connection, uuid, now=now)
        remove_resource(connection, row, now=now)
        settle_notices(connection, uuid, by="deprovision", now=now)
        add_event(connection, uuid, TimelineName.DEPROVISION_DONE, now=now)
