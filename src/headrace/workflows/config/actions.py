"""A partner's own actions: what somebody orders of a resource by name, and the partner's hook that does it."""

import sqlalchemy as sa

from headrace.hooks.answers import read_told
from headrace.hooks.arguments import ActionOrder
from headrace.hooks.registry import Hooks, blaming, name_action_hook
from headrace.store.state.config.changes import (
    ConfigChangeOutcome,
    ConfigChangeRow,
    find_config_change,
    note_tried,
    settle_config_change,
)
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.resources import lock_resource
from headrace.store.state.timeline import TimelineName, add_event
from headrace.workflows.config.rotations import name_scope
from headrace.workflows.engine.redaction import Redact
from headrace.workflows.engine.run import StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.hook_arguments import describe_resource, load_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.siblings import build_company


class Actions:
    """Calls the hooks of actions, and keeps what they have to tell."""

    def __init__(self, core: Core, hooks: Hooks, redact: Redact) -> None:
        self._core = core
        self._hooks = hooks
        self._redact = redact

    async def run(self, uuid: str, *, number: int) -> None:
        """Call the hook of an order, unless that is settled."""
        database = self._core.database
        change = await database.read(find_config_change, uuid, number)
        if change is None or change.outcome is not None:
            return
        [action] = change.names
        self._hooks.require_action(action)
        if change.tried_at is None:
            await database.write(self._record_begun, change)
        hook = name_action_hook(action)
        returned = await self._hooks.call(hook, await self._build(change))
        with blaming(hook):
            told = read_told(returned)
        told = told and await self._redact(uuid, told)
        await database.write(self._record_done, change, told)

    async def describe_failure(self, uuid: str, number: int, failure: StepFailed) -> dict[str, str]:
        """Return what a timeline tells of an action that failed: its name, and what its hook has said by Refused."""
        change = await self._core.database.read(find_config_change, uuid, number)
        named = {"action": change.names[0]} if change else {}
        return named if failure.message is None else {**named, "message": await self._redact(uuid, failure.message)}

    async def _build(self, change: ConfigChangeRow) -> ActionOrder:
        core, uuid, number = self._core, change.resource_uuid, change.number
        row, placement = await core.database.read(load_resource, uuid)
        return ActionOrder(
            **describe_resource(row, placement),
            action=change.names[0],
            id=f"{uuid}:{number}",
            ordered_by=change.ordered_by,
            _steps=build_steps(core, self._hooks, uuid, scope=name_scope(number)),
            _company=build_company(core, uuid),
        )

    def _record_begun(self, connection: sa.Connection, change: ConfigChangeRow) -> None:
        uuid, number, now = change.resource_uuid, change.number, self._core.clock()
        lock_resource(connection, uuid)
        note_tried(connection, uuid, number, now=now)
        add_event(connection, uuid, TimelineName.ACTION_BEGUN, now=now, number=number, action=change.names[0])

    def _record_done(self, connection: sa.Connection, change: ConfigChangeRow, told: str | None) -> None:
        uuid, number, now = change.resource_uuid, change.number, self._core.clock()
        lock_resource(connection, uuid)
        if not settle_config_change(connection, uuid, number, outcome=ConfigChangeOutcome.DONE, now=now):
            return
        self._core.secrets.delete_parts(connection, uuid, name_scope(number))
        settle_notices(connection, uuid, by="action", now=now, kinds=[NoticeKind.ACTION_FAILED])
        detail = {"action": change.names[0]} | ({} if told is None else {"message": told})
        add_event(connection, uuid, TimelineName.ACTION_DONE, now=now, number=number, **detail)
