"""The workflow that removes a resource: the partner's hook, and then everything that was secret about it.

Where Heroku was answered 202, it is told in between: its tokens end with that, and they are forgotten after it.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.errors import ClientSecretRejected, GrantError, NotFound, TokenRejected
from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.platform import build_deprovision_action
from headrace.store.state.config.changes import drop_waiting_config_changes
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.placements import close_placement
from headrace.store.state.plan_changes import drop_waiting_plan_changes
from headrace.store.state.resources import ResourceRow, lock_resource, remove_resource, update_resource
from headrace.store.state.timeline import TimelineName, add_event, find_last_event
from headrace.store.state.webhooks import retire_credentials
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import start_due
from headrace.workflows.lifecycle.hook_arguments import find_hook_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.steps import finish, record, record_failure, record_notice

# How Heroku's word on a removal, or what was found of it, was taken last.
ASKED = (
    TimelineName.DEPROVISION_REQUESTED,
    TimelineName.DEPROVISION_IMPORTED,
    TimelineName.DEPROVISION_RECONCILED,
    TimelineName.DEPROVISION_PROMISED,
)


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


def is_end_promised(connection: sa.Connection, uuid: str) -> bool:
    """Whether Heroku was answered 202 when it last asked for the removal, and so waits for its end."""
    last = find_last_event(connection, uuid, ASKED)
    return last is not None and last.name == TimelineName.DEPROVISION_PROMISED


class Deprovisions:
    """Removes resources."""

    def __init__(self, core: Core, hooks: Hooks, client: HerokuClient) -> None:
        self._core = core
        self._hooks = hooks
        self._client = client
        core.engine.register(WorkflowKind.DEPROVISION, self.deprovision)

    async def deprovision(self, run: Run, uuid: str, _argument: Any) -> None:
        """Remove a resource and forget its secrets."""
        try:
            await run.step("run_hook", partial(self.run_hook, uuid))
            if await self._core.database.read(is_end_promised, uuid):
                await self._tell_heroku(run, uuid)
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

    async def _tell_heroku(self, run: Run, uuid: str) -> None:
        """Tell Heroku that there is nothing any more; what it cannot be told it assumes after twelve hours."""
        try:
            await run.step("mark_deprovisioned", partial(self._mark_deprovisioned, uuid))
        except StepFailed as failure:
            detail = {"step": failure.step, "reason": failure.reason}
            untold = partial(record_notice, self._core, uuid, NoticeKind.TELL_HEROKU_FAILED, **detail)
            await run.step("record_untold", untold)

    async def _mark_deprovisioned(self, uuid: str) -> None:
        """Take the action that ends the add-on.

        Its tokens end with it. A refused one means that it has ended: by this step before a crash, by Heroku's limit,
        or at once, where Heroku has not opened its beta to this add-on.
        """
        try:
            await self._client.call(uuid, build_deprovision_action(uuid))
        except ClientSecretRejected:
            raise
        except (NotFound, TokenRejected, GrantError) as error:
            await record(self._core, uuid, TimelineName.HEROKU_REFUSED, reason=type(error).__name__)
        else:
            await record(self._core, uuid, TimelineName.DEPROVISION_TOLD)

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
