"""The workflow of one change of config: Heroku is told, and then it is stored what Heroku was told.

It is one of the workflows of a resource, of which one runs at a time: no plan change and no deprovision is under way
meanwhile, and the orders of a resource are carried out one after the other. A rotation has the partner's hook make the
values first. What it replaces goes on working until it is retired, which is an order of its own, some time later: so
neither side is ever without a credential, whatever crashes in between.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.platform import build_config, build_config_update, has_config, read_config
from headrace.store.state.config.changes import (
    ConfigChangeKind,
    ConfigChangeOutcome,
    ConfigChangeRow,
    add_config_changes,
    find_config_change,
    note_tried,
    settle_config_change,
)
from headrace.store.state.notices import NoticeKind, raise_notice, settle_notices
from headrace.store.state.resources import lock_resource
from headrace.store.state.secrets import LOG_DRAIN_URL, name_config_change, seal_config_change
from headrace.store.state.timeline import TimelineName, add_event
from headrace.workflows.config.actions import Actions
from headrace.workflows.config.recording import Told, is_known, record_told
from headrace.workflows.config.rotations import RotationHooks, name_scope
from headrace.workflows.engine.redaction import Redact
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.drains import LogDrains
from headrace.workflows.lifecycle.steps import Step, finish, run_while

# What is set and what is rotated fails in the same way: Heroku was not told.
FAILED = {
    ConfigChangeKind.RETIRE: NoticeKind.RETIREMENT_FAILED,
    ConfigChangeKind.ACTION: NoticeKind.ACTION_FAILED,
}


class ConfigChanges:
    """Carries out what was ordered of resources' config; what it replaced is retired after some time."""

    def __init__(
        self, core: Core, hooks: Hooks, client: HerokuClient, *, retire_after: timedelta, redact: Redact
    ) -> None:
        self._core = core
        self._hooks = hooks
        self._client = client
        self._retire_after = retire_after
        self._rotations = RotationHooks(core, hooks)
        self._actions = Actions(core, hooks, redact)
        self._drains = LogDrains(core, client)
        core.engine.register(WorkflowKind.CONFIG_CHANGE, self.change_config)

    async def change_config(self, run: Run, uuid: str, argument: Any) -> None:
        """Carry out one order, which the argument names by its number and its kind."""
        number, kind = argument[0], ConfigChangeKind(argument[1])
        try:
            await run_while(self._core, State.PROVISIONED, run, uuid, self._build_steps(number, kind))
        except StepFailed as failure:
            detail = {"number": number, "what": kind, "step": failure.step, "reason": failure.reason}
            if kind is ConfigChangeKind.ACTION:
                detail |= await self._actions.describe_failure(uuid, number, failure)
            record = partial(self._core.database.write, self._record_failed, uuid, number, kind, detail)
            await run.step("record_failure", record)
        await finish(self._core, run, uuid)

    def _build_steps(self, number: int, kind: ConfigChangeKind) -> Mapping[str, Step]:
        if kind is ConfigChangeKind.RETIRE:
            return {
                "run_hook": partial(self._rotations.retire, number=number),
                "settle": partial(self._settle_retired, number=number),
            }
        if kind is ConfigChangeKind.ACTION:
            return {"run_hook": partial(self._actions.run, number=number)}
        if kind is ConfigChangeKind.LOG_DRAIN:
            return {"set_log_drain": partial(self._set_log_drain, number=number)}
        set_config = {"set_config": partial(self._set_config, number=number)}
        if kind is ConfigChangeKind.ROTATE:
            return {"run_hook": partial(self._rotations.rotate, number=number), **set_config}
        return set_config

    async def _set_config(self, uuid: str, *, number: int) -> None:
        """Tell Heroku what it was not told yet: each PATCH restarts the customer's apps.

        After a crash nobody knows whether it was told, so it is asked first.
        """
        database = self._core.database
        change, config, known = await database.read(self._load, uuid, number)
        if change is None or change.outcome is not None or config is None:
            return
        if not is_known(known, config):
            if change.tried_at is None:
                await database.write(note_tried, uuid, number, now=self._core.clock())
            if change.tried_at is None or not await self._is_told(uuid, config):
                await self._client.call(uuid, build_config_update(uuid, config))
        await database.write(self._record_set, change, config, known)

    async def _set_log_drain(self, uuid: str, *, number: int) -> None:
        """Tell Heroku where the log goes, as often as it takes: that restarts nobody's app."""
        change, order, _ = await self._core.database.read(self._load, uuid, number)
        if change is None or change.outcome is not None or order is None:
            return
        url = order[LOG_DRAIN_URL]
        assert url is not None
        await self._drains.tell(uuid, url)
        await self._core.database.write(self._record_drained, uuid, number, url)

    def _record_drained(self, connection: sa.Connection, uuid: str, number: int, url: str) -> None:
        now = self._core.clock()
        lock_resource(connection, uuid)
        if settle_config_change(connection, uuid, number, outcome=ConfigChangeOutcome.DONE, now=now):
            self._core.secrets.save(connection, uuid, LOG_DRAIN_URL, url)
            self._forget(connection, uuid, number)
            settle_notices(connection, uuid, by="config change", now=now, kinds=[NoticeKind.CONFIG_FAILED])
            add_event(connection, uuid, TimelineName.LOG_DRAIN_SET, now=now, number=number)

    def _load(
        self, connection: sa.Connection, uuid: str, number: int
    ) -> tuple[ConfigChangeRow | None, dict[str, str | None] | None, dict[str, str]]:
        secrets = self._core.secrets
        change = find_config_change(connection, uuid, number)
        config = secrets.find_config_change(connection, uuid, number)
        return change, config, secrets.find_config(connection, uuid) or {}

    async def _is_told(self, uuid: str, config: Mapping[str, str | None]) -> bool:
        request = build_config(uuid)
        return has_config(read_config(await self._client.call(uuid, request), request), config)

    def _record_set(
        self,
        connection: sa.Connection,
        change: ConfigChangeRow,
        config: Mapping[str, str | None],
        known: dict[str, str],
    ) -> None:
        uuid, number = change.resource_uuid, change.number
        lock_resource(connection, uuid)
        if not record_told(connection, self._core, [Told(uuid=uuid, number=number, changes=config, known=known)]):
            return
        self._core.secrets.delete_parts(connection, uuid, name_scope(number))
        replaced = {name: known[name] for name, value in config.items() if name in known and known[name] != value}
        if change.kind is ConfigChangeKind.ROTATE and replaced and self._hooks.has("on_retire"):
            self._have_retired(connection, change, replaced)

    def _have_retired(self, connection: sa.Connection, change: ConfigChangeRow, replaced: Mapping[str, str]) -> None:
        uuid, now = change.resource_uuid, self._core.clock()
        numbers = add_config_changes(
            connection,
            [uuid],
            kind=ConfigChangeKind.RETIRE,
            names=replaced,
            ordered_by=change.ordered_by,
            now=now,
            waits_until=now + self._retire_after,
        )
        self._core.secrets.save_all(connection, [seal_config_change(uuid, numbers[uuid], replaced)])
        self._core.engine.news.ring_after(connection)

    async def _settle_retired(self, uuid: str, *, number: int) -> None:
        await self._core.database.write(self._record_retired, uuid, number)

    def _record_retired(self, connection: sa.Connection, uuid: str, number: int) -> None:
        now = self._core.clock()
        lock_resource(connection, uuid)
        if settle_config_change(connection, uuid, number, outcome=ConfigChangeOutcome.DONE, now=now):
            self._forget(connection, uuid, number)
            settle_notices(connection, uuid, by="retirement", now=now, kinds=[NoticeKind.RETIREMENT_FAILED])
            add_event(connection, uuid, TimelineName.CREDENTIALS_RETIRED, now=now, number=number)

    def _record_failed(
        self, connection: sa.Connection, uuid: str, number: int, kind: ConfigChangeKind, detail: Mapping[str, Any]
    ) -> None:
        now, failure = self._core.clock(), {name: detail[name] for name in ("step", "reason")}
        lock_resource(connection, uuid)
        outcome = ConfigChangeOutcome.FAILED
        if settle_config_change(connection, uuid, number, outcome=outcome, now=now, failure=failure):
            self._forget(connection, uuid, number)
            notice = FAILED.get(kind, NoticeKind.CONFIG_FAILED)
            add_event(connection, uuid, TimelineName(notice), now=now, **detail)
            # What a hook has to say to whoever ordered it stands in the timeline, and wants nobody's eye.
            if "message" not in detail:
                raise_notice(connection, uuid, notice, now=now, **detail)

    def _forget(self, connection: sa.Connection, uuid: str, number: int) -> None:
        """Forget the values of an order that is settled, and what the steps of its hook returned."""
        self._core.secrets.delete(connection, uuid, name_config_change(number))
        self._core.secrets.delete_parts(connection, uuid, name_scope(number))
