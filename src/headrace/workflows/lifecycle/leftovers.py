"""What a hook has left that went on after another worker took its workflow over.

Nobody hears the end of such a hook. Where the resource was removed meanwhile, the partner's deprovision hook may have
run before it: so it runs once more.
"""

from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.state.notices import NoticeKind, raise_notice
from headrace.store.state.resources import lock_resource
from headrace.store.state.timeline import TimelineName, add_event, count_events
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.deprovisions import Deprovisions
from headrace.workflows.lifecycle.hook_arguments import load_resource

# Hooks that may make something at the partner's, and the workflows that call them.
MAKERS = {"on_provision": WorkflowKind.PROVISION, "on_plan_change": WorkflowKind.PLAN_CHANGE}
GONE = (State.DEPROVISIONING, State.DEPROVISIONED, State.FAILED)


class Leftovers:
    """Has the partner remove what a hook made too late."""

    def __init__(self, core: Core, hooks: Hooks, deprovisions: Deprovisions) -> None:
        self._core = core
        self._deprovisions = deprovisions
        core.engine.register(WorkflowKind.CLEAN_UP, self.clean_up)
        for kind in MAKERS.values():
            core.engine.clean_up_after(kind, self._note)
        hooks.when_left_behind(self._leave)

    async def clean_up(self, run: Run, uuid: str, _argument: Any) -> None:
        """Call the partner's deprovision hook once more; that it gives up is a notice, gone as the resource is."""
        try:
            await run.step("clean_up", partial(self._clean_up, uuid, scope=run.workflow_id))
        except StepFailed as failure:
            await run.step("record_clean_up", partial(self._core.database.write, self._record, uuid, failure))
        # Nothing of a resource that is gone is kept.
        forget = self._core.secrets.delete_parts
        await run.step("forget", partial(self._core.database.write, forget, uuid, run.workflow_id))

    def _record(self, connection: sa.Connection, uuid: str, failure: StepFailed) -> None:
        kind, now = NoticeKind.CLEAN_UP_FAILED, self._core.clock()
        detail = {"step": failure.step, "reason": failure.reason}
        add_event(connection, uuid, TimelineName(kind), now=now, **detail)
        raise_notice(connection, uuid, kind, now=now, **detail)

    async def _clean_up(self, uuid: str, *, scope: str) -> None:
        row, _ = await self._core.database.read(load_resource, uuid)
        # An operator may have had it tried again.
        if row.state in GONE:
            await self._deprovisions.run_hook(uuid, scope=scope)

    def _note(self, connection: sa.Connection, uuid: str) -> None:
        """What is to stay is as its own workflow made it; when it is removed, that comes after the late hook."""
        row = lock_resource(connection, uuid)
        if row is None or row.state not in GONE:
            return
        add_event(connection, uuid, TimelineName.HOOK_CAME_LATE, now=self._core.clock())
        which = count_events(connection, uuid, TimelineName.HOOK_CAME_LATE)
        kind = WorkflowKind.CLEAN_UP
        self._core.engine.enqueue(connection, kind, build_id(kind, uuid, which=which), uuid)

    def _leave(self, name: str, argument: Any) -> None:
        """A plain hook, which nobody can stop, has come to its end on its thread."""
        if name in MAKERS:
            self._core.engine.leave_behind(MAKERS[name], argument.uuid)
