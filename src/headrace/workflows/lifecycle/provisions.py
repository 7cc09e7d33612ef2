"""The workflow that creates a resource, and how one that cannot be created ends in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.errors import ClientSecretRejected, GrantError, NotFound, TokenRejected, Unprocessable
from headrace.hooks.answers import Provisioned, read_provisioned
from headrace.hooks.arguments import Provision
from headrace.hooks.registry import Hooks, blaming
from headrace.inspector.inspector import Findings, Inspector
from headrace.models import Grant, Inspection, Outcome, Secret, State, Token
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.manifest import SYSLOG_DRAIN
from headrace.protocol.platform import (
    build_addon_info,
    build_config_update,
    build_deprovision_action,
    build_provision_action,
    read_addon,
)
from headrace.store.state.notices import NoticeKind, settle_notices_of
from headrace.store.state.placements import PlacementRow, find_current_placements, find_outcomes, note_told
from headrace.store.state.resources import ResourceRow, find_resources, lock_rows, update_resources
from headrace.store.state.secrets import (
    CONFIG,
    GRANT,
    LOG_DRAIN_TOKEN,
    LOG_DRAIN_URL,
    LOG_INPUT_URL,
    MESSAGE,
    TOKEN,
    Sealing,
    write_config,
)
from headrace.store.state.sights import Sight
from headrace.store.state.timeline import TimelineName, add_events, find_last_event
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.deprovisions import Deprovisions
from headrace.workflows.lifecycle.drains import LogDrains
from headrace.workflows.lifecycle.handover import hand_over_all
from headrace.workflows.lifecycle.hook_arguments import describe_resource, load_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.siblings import build_company
from headrace.workflows.lifecycle.stage_changes import StageChanges
from headrace.workflows.lifecycle.steps import (
    CONFIG_LINES,
    Step,
    Traced,
    Write,
    end,
    finish,
    is_config_set,
    note,
    record,
    record_failure,
    run_while,
    try_step,
)

# Heroku is being told that a provision failed; it has refused to hear it.
TELLING = (TimelineName.HEROKU_ASKED, TimelineName.HEROKU_REFUSED)
# With these a provision begins, for the first time or anew.
BEGINNINGS = (TimelineName.PROVISION_REQUESTED, TimelineName.OPERATOR_RETRIED)


class Provisions:
    """Creates resources."""

    def __init__(
        self,
        core: Core,
        hooks: Hooks,
        client: HerokuClient,
        *,
        inspector: Inspector,
        deprovisions: Deprovisions,
        stage_changes: StageChanges,
    ) -> None:
        self._core = core
        self._hooks = hooks
        self._client = client
        self._inspector = inspector
        self._deprovisions = deprovisions
        self._stage_changes = stage_changes
        self._drains = LogDrains(core, client)
        self._steps = self._build_steps()
        # Those of a provision that is done at once have no part of Heroku's.
        self._marking_here = Traced(look=_find_unmarked, act=self._record_provisioned, kinds=(TOKEN,))
        core.engine.register(WorkflowKind.PROVISION, self.provision)
        core.engine.register(WorkflowKind.EXPIRE, self.expire)

    async def provision(self, run: Run, uuid: str, is_synchronous: Any) -> None:
        """Create a resource. Without a grant nothing can be asked of Heroku or told it: only the hook runs."""
        steps = self._steps
        if is_synchronous:
            steps = {"run_hook": steps["run_hook"], "mark_provisioned": self._marking_here}
        try:
            stopped_at = await run_while(self._core, State.PROVISIONING, run, uuid, steps)
            if stopped_at is None:
                # The last step has handed over.
                return
            await self._clean_up_after(run, uuid)
        except StepFailed as failure:
            await self._give_up(run, uuid, failure, can_tell_heroku=not is_synchronous)
        await finish(self._core, run, uuid)

    def _build_steps(self) -> dict[str, Traced]:
        steps = {
            "exchange_grant": Traced(look=_find_unspent, act=self._exchange_grant, kinds=(TOKEN, GRANT)),
            "inspect": Traced(
                look=_find_unlooked,
                act=self._inspect,
                read=find_resources,
                lines=(*BEGINNINGS, TimelineName.PLACEMENT_FOUND),
                kinds=(TOKEN,),
            ),
            "run_hook": Traced(
                look=self._find_uncalled,
                act=self._run_hook,
                read=_load_for_hook,
                lines=(*BEGINNINGS, TimelineName.HOOK_RETURNED),
                kinds=(LOG_INPUT_URL, LOG_DRAIN_TOKEN),
            ),
            "set_config": Traced(look=_find_unset, act=self._set_config, lines=CONFIG_LINES, kinds=(CONFIG, TOKEN)),
            "set_log_drain": self._drains.step,
            # Once it is marked, the resource has left the state.
            "mark_provisioned": Traced(look=_find_unmarked, act=self._mark_provisioned, kinds=(TOKEN,)),
        }
        if SYSLOG_DRAIN not in self._core.manifest.requires:
            del steps["set_log_drain"]
        return steps

    async def expire(self, run: Run, uuid: str, _argument: Any) -> None:
        """Tell Heroku of a provision that has passed its limit; `Upkeep` has recorded it.

        Its own workflow may hang in a hook: it cleans up when it goes on. What has none is cleaned up here.
        """
        await self._try_to_tell_heroku(run, uuid)
        await self._try_to_clean_up(run, uuid, self._clean_up_unless_running)

    async def _exchange_grant(self, run: Run, uuid: str, grant: Grant) -> Write:
        """The code works once: the token is stored within the step, with when it was first tried to get it."""
        past = await run.journal.recall("exchange_grant")
        began_at = past[0].began_at if past else self._core.clock()
        token = await self._exchange(uuid, grant)
        return Write(self._record_exchanged, _Exchanged(uuid, token, began_at))

    def _record_exchanged(self, connection: sa.Connection, exchanged: Sequence["_Exchanged"]) -> None:
        now, tokens = self._core.clock(), {each.uuid: each.token for each in exchanged}
        self._core.secrets.save_tokens(connection, tokens)
        settle_notices_of(connection, tokens, by="provision", now=now, kinds=[NoticeKind.CLIENT_SECRET_REFUSED])
        took = {each.uuid: {"seconds": (now - each.began_at).total_seconds()} for each in exchanged}
        add_events(connection, TimelineName.GRANT_EXCHANGED, took, now=now)

    async def _exchange(self, uuid: str, grant: Grant) -> Token:
        """Exchange a grant; one that expired, or that a crash burnt before its token was stored, is asked for anew."""
        try:
            return await self._client.exchange(grant)
        except GrantError:
            manifest = self._core.manifest
            passwords = manifest.list_passwords(self._core.clock())
            fresh = await self._client.ask_for_grant(uuid, slug=manifest.id, passwords=passwords)
            if fresh is None:
                raise
            # Kept, for when this one is not taken for the client secret's sake.
            await self._core.database.write(self._core.secrets.save_grant, uuid, fresh)
            return await self._client.exchange(fresh)

    async def _inspect(self, _run: Run, _uuid: str, found: tuple[ResourceRow, Token | None]) -> Write:
        # Who may see it is known from the start, so that a customer's board can show resources of other pipelines too.
        row, token = found
        return Write(self._record_found, await self._inspector.find_out(row, token=token))

    def _record_found(self, connection: sa.Connection, findings: Sequence[Findings]) -> None:
        self._inspector.record_all(connection, findings)
        told = {each.inspection.addon.id: _describe_found(each.inspection) for each in findings}
        add_events(connection, TimelineName.PLACEMENT_FOUND, told, now=self._core.clock())

    async def _run_hook(self, _run: Run, uuid: str, called: tuple[Provision, PlacementRow | None]) -> Write:
        core, (provision, placement) = self._core, called
        returned = await self._hooks.call("on_provision", provision)
        with blaming("on_provision"):
            has_drain = provision.log_drain_token is not None
            answer = read_provisioned(returned, manifest=core.manifest, has_drain=has_drain)
        # An app of the Fir generation has no drain, whatever the hook says.
        answer = answer if has_drain else replace(answer, log_drain_url=None)
        return Write(self._record_returned, _Returned(uuid, answer, placement))

    def _record_returned(self, connection: sa.Connection, returned: Sequence["_Returned"]) -> None:
        """Keep what the hook returned, and with which place it was called."""
        now = self._core.clock()
        self._core.secrets.save_all(connection, [sealing for each in returned for sealing in each.list_sealings()])
        note_told(connection, [each.placement.id for each in returned if each.placement is not None], now=now)
        told = {each.uuid: {"hook": "on_provision", "config_vars": sorted(each.answer.config)} for each in returned}
        add_events(connection, TimelineName.HOOK_RETURNED, told, now=now)

    async def _set_config(self, _run: Run, uuid: str, found: tuple[Mapping[str, str], Token | None]) -> Write:
        config, token = found
        await self._client.call(uuid, build_config_update(uuid, config), token=token)
        return note(self._core, uuid, TimelineName.CONFIG_SET, config_vars=sorted(config))

    async def _mark_provisioned(self, run: Run, uuid: str, found: tuple[Token | None]) -> Write:
        try:
            await self._client.call(uuid, build_provision_action(uuid), token=found[0])
        except Unprocessable:
            # After a crash the action may have been taken already; then Heroku shows it.
            request = build_addon_info(uuid)
            if read_addon(await self._client.call(uuid, request), request).state != State.PROVISIONED:
                raise
        return await self._record_provisioned(run, uuid, found)

    async def _record_provisioned(self, run: Run, uuid: str, _found: object) -> Write:
        return Write(self._mark, (uuid, run.workflow_id))

    def _mark(self, connection: sa.Connection, marked: Sequence[tuple[str, str]]) -> None:
        """Note that provisions are done, and hand over: whatever else is due begins in the same moment.

        Each comes with its workflow's id.
        """
        rows, now = lock_rows(connection, [uuid for uuid, _ in marked]), self._core.clock()
        done = {uuid for uuid, row in rows.items() if row.state is State.PROVISIONING}
        settle_notices_of(connection, done, by="provision", now=now)
        add_events(connection, TimelineName.PROVISION_DONE, {uuid: {} for uuid in done}, now=now)
        self._stage_changes.catch_up(connection, done)
        changes = {"state": State.PROVISIONED, "provisioned_at": now}
        ending = {uuid for uuid, workflow_id in marked if uuid in rows and rows[uuid].running == workflow_id}
        hand_over_all(connection, self._core.engine, [rows[uuid] for uuid in sorted(done & ending)], **changes)
        update_resources(connection, sorted(done - ending), **changes)
        for uuid, workflow_id in marked:
            if uuid in ending - done:
                end(connection, self._core, rows[uuid], workflow_id)

    async def _give_up(self, run: Run, uuid: str, failure: StepFailed, *, can_tell_heroku: bool) -> None:
        """A provision that cannot succeed ends in order: recorded, told Heroku, and cleaned up at the partner's."""
        failed = partial(record_failure, self._core, uuid, NoticeKind.PROVISION_FAILED, failure)
        await run.step("record_failure", failed)
        if can_tell_heroku:
            await self._try_to_tell_heroku(run, uuid)
        await self._clean_up_after(run, uuid)

    async def _clean_up_after(self, run: Run, uuid: str) -> None:
        """Remove what the hook may have made for a provision that ended.

        Where a deprovision is what ended it, that one calls the hook.
        """
        if await self._core.database.read(_may_have_begun_hook, uuid, run.workflow_id):
            await self._try_to_clean_up(run, uuid, self._deprovisions.run_hook)

    async def _try_to_tell_heroku(self, run: Run, uuid: str) -> None:
        or_raise = NoticeKind.TELL_HEROKU_FAILED
        await try_step(self._core, run, uuid, "tell_heroku", self._tell_heroku, or_raise=or_raise)

    async def _try_to_clean_up(self, run: Run, uuid: str, step: Step) -> None:
        await try_step(self._core, run, uuid, "clean_up", step, or_raise=NoticeKind.CLEAN_UP_FAILED)

    async def _clean_up_unless_running(self, uuid: str) -> None:
        row, _ = await self._core.database.read(load_resource, uuid)
        if row.running is None:
            await self._deprovisions.run_hook(uuid)

    async def _tell_heroku(self, uuid: str) -> None:
        """Ask Heroku to remove the add-on; without a token nobody can, and Heroku does it after its own limit.

        Its tokens end with it. So one that is refused after an attempt of which we never heard the end, because of a
        crash say, means that Heroku was told; refused at the first attempt, it waits for the right client secret.
        """
        core = self._core
        if await core.database.read(core.secrets.find_token, uuid) is None:
            return
        last = await core.database.read(find_last_event, uuid, TELLING)
        if last is None:
            await record(core, uuid, TimelineName.HEROKU_ASKED)
        try:
            await self._client.call(uuid, build_deprovision_action(uuid))
        except NotFound:
            return
        except ClientSecretRejected:
            raise
        except TokenRejected:
            if last is None:
                await record(core, uuid, TimelineName.HEROKU_REFUSED)
            if last is None or last.name == TimelineName.HEROKU_REFUSED:
                raise
        await record(core, uuid, TimelineName.HEROKU_TOLD)

    def _find_uncalled(self, sight: Sight, known: "_Known") -> tuple[Provision, PlacementRow | None] | None:
        """Return what the hook is called with, and where the app is; nothing, when it has been called."""
        if sight.last == TimelineName.HOOK_RETURNED:
            return None
        uuid = sight.uuid
        log_input_url, log_drain_token = sight.find(LOG_INPUT_URL), sight.find(LOG_DRAIN_TOKEN)
        provision = Provision(
            **describe_resource(known.row, known.placement),
            outcome=known.outcome,
            log_input_url=Secret(log_input_url) if log_input_url else None,
            log_drain_token=Secret(log_drain_token) if log_drain_token else None,
            _steps=build_steps(self._core, self._hooks, uuid),
            _company=build_company(self._core, uuid),
        )
        return provision, known.placement


@dataclass(frozen=True, slots=True)
class _Exchanged:
    """A grant that has become a token, and when it was first tried."""

    uuid: str
    token: Token
    began_at: datetime


@dataclass(frozen=True, slots=True)
class _Returned:
    """What a hook returned, and with which place it was called."""

    uuid: str
    answer: Provisioned
    placement: PlacementRow | None

    def list_sealings(self) -> list[Sealing]:
        answer = self.answer
        said = ((CONFIG, write_config(answer.config)), (LOG_DRAIN_URL, answer.log_drain_url), (MESSAGE, answer.message))
        return [Sealing(self.uuid, kind, text) for kind, text in said if text is not None]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the hook is told of a resource."""

    row: ResourceRow
    placement: PlacementRow | None
    outcome: Outcome | None


def _load_for_hook(connection: sa.Connection, uuids: Sequence[str]) -> dict[str, _Known]:
    rows, outcomes = find_resources(connection, uuids), find_outcomes(connection, uuids)
    places = find_current_placements(connection, uuids)
    return {uuid: _Known(row, places.get(uuid), outcomes.get(uuid)) for uuid, row in rows.items()}


def _describe_found(inspection: Inspection) -> dict[str, Any]:
    found = inspection.placement
    return {
        "app": inspection.app.name,
        "outcome": inspection.outcome,
        "pipeline": found.pipeline.name if found else None,
        "stage": found.stage if found else None,
    }


def _find_unspent(sight: Sight, _told: object) -> Grant | None:
    """Return the grant, unless it has become a token already.

    Raises:
        GrantError: there is neither.
    """
    if sight.token is not None:
        return None
    if (grant := sight.grant) is None:
        raise GrantError(f"Resource {sight.uuid} has neither a token nor a grant.", reason="missing")
    return grant


def _find_unlooked(sight: Sight, row: ResourceRow) -> tuple[ResourceRow, Token | None] | None:
    """Return what Heroku is asked about, and the token for it; nothing, when it has been since the provision began."""
    return None if sight.last == TimelineName.PLACEMENT_FOUND else (row, sight.token)


def _find_unset(sight: Sight, _told: object) -> tuple[Mapping[str, str], Token | None] | None:
    config = None if is_config_set(sight) else sight.find_config()
    return (config, sight.token) if config else None


def _find_unmarked(sight: Sight, _told: object) -> tuple[Token | None]:
    """Return the token, if there is one: that it is not marked yet its state has said."""
    return (sight.token,)


def _may_have_begun_hook(connection: sa.Connection, uuid: str, workflow_id: str) -> bool:
    """Whether there may be something at the partner's: the hook comes after the place was found, or first of all.

    A workflow that has handed over, and runs again after a crash, has nothing more to do with it.
    """
    row, _ = load_resource(connection, uuid)
    if row.running != workflow_id or row.is_synchronous:
        return row.running == workflow_id
    last = find_last_event(connection, uuid, (*BEGINNINGS, TimelineName.PLACEMENT_FOUND))
    return last is not None and last.name == TimelineName.PLACEMENT_FOUND
