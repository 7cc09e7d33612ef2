"""The workflows of a resource: provision, plan change, deprovision, and telling the partner of a move.

Any step may run again after a crash, so each looks first whether its effect is there. A step works only while
the resource is in the state that the workflow is for: a deprovision that arrives meanwhile stops the workflow
at its next step, and `_finish` hands over to what is due.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.client import Clock, HerokuClient
from headrace.errors import GrantError, MisuseError, NotFound, TokenRejected, UnknownResource, Unprocessable
from headrace.inspector.placements import Inspector
from headrace.models import Grant, Ref, Secret, State, Token, read_stage
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.manifest import Manifest
from headrace.protocol.platform import (
    build_addon_info,
    build_config_update,
    build_deprovision_action,
    build_provision_action,
    read_addon,
)
from headrace.store.database import Database
from headrace.store.notices import NoticeKind, raise_notice, settle_notices
from headrace.store.placements import (
    PlacementRow,
    close_placement,
    find_check,
    find_current_placement,
    find_placement,
    find_previous_placement,
)
from headrace.store.resources import (
    ResourceRow,
    add_event,
    fail_resource,
    find_last_event,
    find_plan_change,
    find_resource,
    lock_resource,
    settle_plan_change,
    update_resource,
)
from headrace.store.secrets import CONFIG, HOOK_STEP, LOG_DRAIN_TOKEN, LOG_INPUT_URL, SecretStore
from headrace.workflows.calls import hand_over, is_promised
from headrace.workflows.engine import EVENT_QUEUE, Engine
from headrace.workflows.hooks import Hooks, PlanChange, Provision, Resource, StageChange, read_config
from headrace.workflows.run import Run, StepFailed

log = logging.getLogger(__name__)

STAGE_CHANGE = "stage-change"
EXPIRE = "expire"
LONGEST_STEP_NAME = 100
# What a step returns instead of working, when the resource is no longer in the workflow's state.
STOPPED = "stopped"
# Heroku is being told that a provision failed; it has refused to hear it.
TELLING = ASKED, REFUSED = ("heroku.asked", "heroku.refused")
# From the hook on there may be something at the partner's that has to be removed again.
STEPS_WITH_EFFECT = ("run_hook", "set_config", "mark_provisioned")


class Workflows:
    """The four workflows, with everything that they work with."""

    def __init__(
        self,
        *,
        database: Database,
        secrets: SecretStore,
        engine: Engine,
        client: HerokuClient,
        inspector: Inspector,
        hooks: Hooks,
        manifest: Manifest,
        clock: Clock,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._engine = engine
        self._client = client
        self._inspector = inspector
        self._hooks = hooks
        self._manifest = manifest
        self._clock = clock
        inspector.on_move = self.enqueue_stage_change
        engine.register(WorkflowKind.PROVISION, self.provision)
        engine.register(WorkflowKind.PLAN_CHANGE, self.change_plan)
        engine.register(WorkflowKind.DEPROVISION, self.deprovision)
        engine.register(EXPIRE, self.expire)
        engine.register(STAGE_CHANGE, self.tell_stage_change)

    async def provision(self, run: Run, uuid: str, is_synchronous: Any) -> None:
        """Create a resource. Without a grant nothing can be asked of Heroku or told it: only the hook runs."""
        steps: list[tuple[str, Callable[[str], Awaitable[None]]]] = [
            ("exchange_grant", self._exchange_grant),
            ("inspect", self._inspect),
            ("run_hook", self._run_provision_hook),
            ("set_config", self._set_config),
            ("mark_provisioned", self._mark_provisioned),
        ]
        if is_synchronous:
            steps = [("run_hook", self._run_provision_hook), ("mark_provisioned", self._record_provisioned)]
        try:
            for name, step in steps:
                if await self._step_while(State.PROVISIONING, run, uuid, name, step) == STOPPED:
                    await self._clean_up_after(run, uuid, name)
                    break
        except StepFailed as failure:
            await self._give_up(run, uuid, failure, can_tell_heroku=not is_synchronous)
        await self._finish(run, uuid)

    async def change_plan(self, run: Run, uuid: str, number: Any) -> None:
        """Change a resource's plan; Heroku has changed it on its side once we answer with a 2xx."""
        try:
            for name, step in (
                ("run_hook", partial(self._run_plan_change_hook, number=number)),
                ("set_config", partial(self._set_changed_config, number=number)),
                ("settle", partial(self._settle_plan_change, number=number)),
            ):
                if await self._step_while(State.PROVISIONED, run, uuid, name, step) == STOPPED:
                    break
        except StepFailed as failure:
            await run.step("refuse", partial(self._refuse_plan_change, uuid, number, failure))
        await self._finish(run, uuid)

    async def deprovision(self, run: Run, uuid: str, _argument: Any) -> None:
        """Remove a resource and forget its secrets."""
        try:
            await run.step("run_hook", partial(self._run_deprovision_hook, uuid))
            await run.step("forget", partial(self._forget, uuid))
        except StepFailed as failure:
            record = partial(self._record_failure, uuid, NoticeKind.DEPROVISION_FAILED, failure)
            await run.step("record_failure", record)
        await self._finish(run, uuid)

    async def expire(self, run: Run, uuid: str, _argument: Any) -> None:
        """Tell Heroku of a provision that has passed its limit; `Upkeep` has recorded it.

        Its own workflow may hang in a hook: it cleans up when it goes on. What has none is cleaned up here.
        """
        await self._try_step(run, uuid, "tell_heroku", self._tell_heroku)
        await self._try_step(run, uuid, "clean_up", self._clean_up_unless_running)

    async def tell_stage_change(self, run: Run, uuid: str, placement_id: Any) -> None:
        """Call the partner's hook for a move of an app; it changes nothing of the resource."""
        try:
            await run.step("run_hook", partial(self._run_stage_change_hook, uuid, placement_id))
        except StepFailed as failure:
            await run.step("record", partial(self._record_notice, uuid, NoticeKind.STAGE_CHANGE_FAILED, failure))

    def enqueue_stage_change(self, connection: sa.Connection, uuid: str, old: PlacementRow, new: PlacementRow) -> None:
        """Note a move in the timeline, and let the worker call the partner's hook for it, if there is one."""
        detail = {"from": old.stage, "to": new.stage, "old_pipeline": old.pipeline_id, "new_pipeline": new.pipeline_id}
        add_event(connection, uuid, "placement.moved", now=self._clock(), **detail)
        self._engine.enqueue(
            connection, STAGE_CHANGE, f"{STAGE_CHANGE}:{uuid}:{new.id}", uuid, new.id, queue=EVENT_QUEUE
        )

    async def find_resource(self, uuid: str) -> Resource:
        """Return a resource as hooks see it."""
        row, placement = await self._database.read(_load, uuid)
        return Resource(**_describe(row, placement))

    async def _step_while(
        self, state: State, run: Run, uuid: str, name: str, step: Callable[[str], Awaitable[None]]
    ) -> str | None:
        async def guarded() -> str | None:
            row, _ = await self._database.read(_load, uuid)
            if row.state is not state:
                return STOPPED
            await step(uuid)
            return None

        result: str | None = await run.step(name, guarded)
        return result

    async def _exchange_grant(self, uuid: str) -> None:
        """The code works once: the token is stored within the step, before the step is checkpointed."""
        if await self._database.read(self._secrets.find_token, uuid) is not None:
            return
        grant = await self._database.read(self._secrets.find_grant, uuid)
        if grant is None:
            raise GrantError(f"Resource {uuid} has neither a token nor a grant.", reason="missing")
        await self._database.write(self._secrets.save_token, uuid, await self._exchange(uuid, grant))
        await self._record_event(uuid, "grant.exchanged")

    async def _exchange(self, uuid: str, grant: Grant) -> Token:
        """Exchange a grant; one that expired, or that a crash burnt before its token was stored, is asked for anew."""
        try:
            return await self._client.exchange(grant)
        except GrantError:
            fresh = await self._client.ask_for_grant(uuid, slug=self._manifest.id, password=self._manifest.password)
            if fresh is None:
                raise
            return await self._client.exchange(fresh)

    async def _inspect(self, uuid: str) -> None:
        inspection = await self._inspector.inspect(uuid)
        # Known from the start, so that a customer's board can show resources of other pipelines too.
        await self._inspector.refresh_access({inspection.app.id: uuid})
        found = inspection.placement
        await self._record_event(
            uuid,
            "placement.found",
            app=inspection.app.name,
            outcome=inspection.outcome,
            pipeline=found.pipeline.name if found else None,
            stage=found.stage if found else None,
        )

    async def _run_provision_hook(self, uuid: str) -> None:
        provision = await self._database.read(self._build_provision, uuid)
        config = read_config(await self._hooks.call("on_provision", provision), manifest=self._manifest)
        await self._database.write(self._secrets.save_config, uuid, config)
        await self._record_event(uuid, "hook.returned", hook="on_provision", config_vars=sorted(config))

    async def _set_config(self, uuid: str) -> None:
        config = await self._database.read(self._secrets.find_config, uuid)
        if config:
            await self._client.call(uuid, build_config_update(uuid, config))
            await self._record_event(uuid, "config.set", config_vars=sorted(config))

    async def _set_changed_config(self, uuid: str, *, number: int) -> None:
        """Set what the hook of a plan change returned, and nothing else: each PATCH restarts the customer's apps.

        Without a token the config goes out with the answer to the plan change instead.
        """
        changed = await self._database.read(self._secrets.find_config, uuid, kind=_changed_config(number))
        if changed and await self._database.read(self._secrets.find_token, uuid) is not None:
            await self._client.call(uuid, build_config_update(uuid, changed))
            await self._record_event(uuid, "config.set", config_vars=sorted(changed))

    async def _mark_provisioned(self, uuid: str) -> None:
        try:
            await self._client.call(uuid, build_provision_action(uuid))
        except Unprocessable:
            # After a crash the action may have been taken already; then Heroku shows it.
            request = build_addon_info(uuid)
            if read_addon(await self._client.call(uuid, request), request).state != State.PROVISIONED:
                raise
        await self._record_provisioned(uuid)

    async def _record_provisioned(self, uuid: str) -> None:
        await self._database.write(self._mark, uuid)

    def _mark(self, connection: sa.Connection, uuid: str) -> None:
        row = lock_resource(connection, uuid)
        if row is not None and row.state is State.PROVISIONING:
            now = self._clock()
            update_resource(connection, uuid, state=State.PROVISIONED, provisioned_at=now)
            settle_notices(connection, uuid, by="provision", now=now)
            add_event(connection, uuid, "provision.done", now=now)

    async def _run_plan_change_hook(self, uuid: str, *, number: int) -> None:
        row, placement = await self._database.read(_load, uuid)
        change = await self._database.read(find_plan_change, uuid, number)
        argument = PlanChange(**_describe(row, placement), new_plan=change.new_plan)
        returned = read_config(await self._hooks.call("on_plan_change", argument), manifest=self._manifest)
        await self._database.write(self._save_changed_config, uuid, number, returned)
        await self._record_event(uuid, "hook.returned", hook="on_plan_change", config_vars=sorted(returned))

    def _save_changed_config(
        self, connection: sa.Connection, uuid: str, number: int, returned: Mapping[str, str]
    ) -> None:
        if returned:
            known = self._secrets.find_config(connection, uuid) or {}
            self._secrets.save_config(connection, uuid, {**known, **returned})
            self._secrets.save_config(connection, uuid, returned, kind=_changed_config(number))

    async def _settle_plan_change(self, uuid: str, *, number: int) -> None:
        def settle(connection: sa.Connection) -> None:
            now = self._clock()
            change = find_plan_change(connection, uuid, number)
            if change.outcome is not None:
                return
            update_resource(connection, uuid, plan=change.new_plan)
            settle_plan_change(connection, uuid, number, outcome="done", message=None, now=now)
            self._secrets.delete(connection, uuid, _changed_config(number))
            settle_notices(connection, uuid, by="plan change", now=now, kinds=[NoticeKind.PLAN_CHANGE_FAILED])
            add_event(connection, uuid, "plan_change.done", now=now, plan=change.new_plan)

        await self._database.write(settle)

    async def _refuse_plan_change(self, uuid: str, number: int, failure: StepFailed) -> None:
        def refuse(connection: sa.Connection) -> None:
            now = self._clock()
            lock_resource(connection, uuid)
            change = find_plan_change(connection, uuid, number)
            if change.outcome is not None:
                return
            # Refused is what Heroku is told. When it has been promised the plan already, an operator has to know.
            is_refused = failure.message is not None and not is_promised(connection, uuid, number)
            outcome = "refused" if is_refused else "failed"
            settle_plan_change(connection, uuid, number, outcome=outcome, message=failure.message, now=now)
            detail = {"step": failure.step, "reason": failure.reason, "plan": change.new_plan}
            add_event(connection, uuid, f"plan_change.{outcome}", now=now, **detail)
            if outcome == "failed":
                raise_notice(connection, uuid, NoticeKind.PLAN_CHANGE_FAILED, now=now, **detail)

        await self._database.write(refuse)

    async def _run_deprovision_hook(self, uuid: str) -> None:
        row, placement = await self._database.read(_load, uuid)
        await self._hooks.call("on_deprovision", Resource(**_describe(row, placement)))

    async def _forget(self, uuid: str) -> None:
        def forget(connection: sa.Connection) -> None:
            row = lock_resource(connection, uuid)
            if row is None or row.state is State.DEPROVISIONED:
                return
            now = self._clock()
            self._secrets.delete_all(connection, uuid)
            close_placement(connection, uuid, now=now)
            update_resource(connection, uuid, state=State.DEPROVISIONED, deprovisioned_at=now)
            settle_notices(connection, uuid, by="deprovision", now=now)
            add_event(connection, uuid, "deprovision.done", now=now)

        await self._database.write(forget)

    async def _run_stage_change_hook(self, uuid: str, placement_id: int) -> None:
        def build(connection: sa.Connection) -> StageChange | None:
            row, _ = _load(connection, uuid)
            new = find_placement(connection, placement_id)
            old = find_previous_placement(connection, uuid, new) if new else None
            if old is None or row.state is not State.PROVISIONED:
                return None
            before = _describe_place(old)
            return StageChange(
                **_describe(row, new), old_pipeline=before.get("pipeline"), old_stage=before.get("stage")
            )

        change = await self._database.read(build) if self._hooks.has("on_stage_change") else None
        if change is not None:
            await self._hooks.call("on_stage_change", change)

    async def _give_up(self, run: Run, uuid: str, failure: StepFailed, *, can_tell_heroku: bool) -> None:
        """A provision that cannot succeed ends in order: recorded, told Heroku, and cleaned up at the partner's."""
        await run.step("record_failure", partial(self._record_failure, uuid, NoticeKind.PROVISION_FAILED, failure))
        if can_tell_heroku:
            await self._try_step(run, uuid, "tell_heroku", self._tell_heroku)
        if failure.step in STEPS_WITH_EFFECT:
            await self._try_step(run, uuid, "clean_up", self._run_deprovision_hook)

    async def _clean_up_after(self, run: Run, uuid: str, name: str) -> None:
        """Remove what the hook may have made for a provision that ended while it ran.

        Where a deprovision is what ended it, that one calls the hook.
        """
        if name in STEPS_WITH_EFFECT:
            await self._try_step(run, uuid, "clean_up", self._clean_up_failed)

    async def _clean_up_failed(self, uuid: str) -> None:
        row, _ = await self._database.read(_load, uuid)
        if row.state is State.FAILED:
            await self._run_deprovision_hook(uuid)

    async def _clean_up_unless_running(self, uuid: str) -> None:
        row, _ = await self._database.read(_load, uuid)
        if row.running is None:
            await self._clean_up_failed(uuid)

    async def _try_step(self, run: Run, uuid: str, name: str, step: Callable[[str], Awaitable[None]]) -> None:
        """Run a step on the way out: that it gives up is noted, and keeps nothing else from being done."""
        try:
            await run.step(name, partial(step, uuid))
        except StepFailed as failure:
            kind = NoticeKind(f"{name}.failed")
            await run.step(f"record_{name}", partial(self._record_notice, uuid, kind, failure))

    async def _record_notice(self, uuid: str, kind: NoticeKind, failure: StepFailed) -> None:
        """Note in the timeline what gave up, and ask for an operator's eye."""

        def record(connection: sa.Connection) -> None:
            detail = {"step": failure.step, "reason": failure.reason}
            add_event(connection, uuid, kind, now=self._clock(), **detail)
            raise_notice(connection, uuid, kind, now=self._clock(), **detail)

        await self._database.write(record)

    async def _record_failure(self, uuid: str, event: NoticeKind, failure: StepFailed) -> None:
        def record(connection: sa.Connection) -> None:
            row = lock_resource(connection, uuid)
            now = self._clock()
            detail = {"step": failure.step, "reason": failure.reason}
            add_event(connection, uuid, event, now=now, **detail)
            is_provisioning = row is None or row.state is State.PROVISIONING
            # Somebody has ended a provision meanwhile: that is what became of it.
            if is_provisioning or event is not NoticeKind.PROVISION_FAILED:
                fail_resource(connection, uuid, message=failure.message, now=now)
                if failure.message is None:
                    kind = NoticeKind.GRANT_LOST if failure.reason == GrantError.__name__ else event
                    raise_notice(connection, uuid, kind, now=now, **detail)

        await self._database.write(record)

    async def _tell_heroku(self, uuid: str) -> None:
        """Ask Heroku to remove the add-on; without a token nobody can, and Heroku does it after its own limit.

        Its tokens end with it. So one that is refused after an attempt of which we never heard the end, because of a
        crash say, means that Heroku was told; refused at the first attempt, it waits for the right client secret.
        """
        if await self._database.read(self._secrets.find_token, uuid) is None:
            return
        last = await self._database.read(find_last_event, uuid, TELLING)
        if last is None:
            await self._record_event(uuid, ASKED)
        try:
            await self._client.call(uuid, build_deprovision_action(uuid))
        except NotFound:
            return
        except TokenRejected:
            if last is None:
                await self._record_event(uuid, REFUSED)
            if last is None or last.name == REFUSED:
                raise
        await self._record_event(uuid, "heroku.told")

    async def _finish(self, run: Run, uuid: str) -> None:
        """End: start what is due next, in the transaction in which this workflow ceases to be the running one."""

        def finish(connection: sa.Connection) -> None:
            row = lock_resource(connection, uuid)
            if row is not None and row.running == run.workflow_id:
                hand_over(connection, self._engine, row)

        await run.step("finish", partial(self._database.write, finish))

    async def _record_event(self, uuid: str, name: str, **detail: Any) -> None:
        await self._database.write(partial(add_event, now=self._clock(), **detail), uuid, name)

    def _build_provision(self, connection: sa.Connection, uuid: str) -> Provision:
        row, placement = _load(connection, uuid)
        check = find_check(connection, uuid)
        log_input_url = self._secrets.find(connection, uuid, LOG_INPUT_URL)
        log_drain_token = self._secrets.find(connection, uuid, LOG_DRAIN_TOKEN)
        return Provision(
            **_describe(row, placement),
            outcome=check.outcome if check else None,
            log_input_url=Secret(log_input_url) if log_input_url else None,
            log_drain_token=Secret(log_drain_token) if log_drain_token else None,
            _checkpoint=partial(self._checkpoint, uuid),
        )

    async def _checkpoint(self, uuid: str, name: str, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run a part of a hook once; its result is sealed, because it may well be a password."""
        if len(name) > LONGEST_STEP_NAME:
            raise MisuseError(f"The name of a step has {len(name)} characters; {LONGEST_STEP_NAME} are enough.")
        kind = f"{HOOK_STEP}/{name}"
        known = await self._database.read(self._secrets.find, uuid, kind)
        if known is not None:
            return msgspec.json.decode(known)
        result = await function()
        await self._database.write(self._secrets.save, uuid, kind, msgspec.json.encode(result).decode())
        return result


def _load(connection: sa.Connection, uuid: str) -> tuple[ResourceRow, PlacementRow | None]:
    row = find_resource(connection, uuid)
    if row is None:
        raise UnknownResource(uuid)
    return row, find_current_placement(connection, uuid)


def _changed_config(number: int) -> str:
    """The kind of secret under which a plan change keeps its config until it is settled."""
    return f"{CONFIG}/{number}"


def _describe(row: ResourceRow, placement: PlacementRow | None) -> dict[str, Any]:
    """Return the members that every hook's argument has."""
    return {
        "uuid": row.uuid,
        "name": row.name,
        "plan": row.plan,
        "region": row.region,
        "options": row.options,
        "app": Ref(id=row.app_id, name=row.app_name) if row.app_id else None,
        **_describe_place(placement),
    }


def _describe_place(placement: PlacementRow | None) -> dict[str, Any]:
    if placement is None or placement.pipeline_id is None or placement.stage is None:
        return {}
    return {
        "pipeline": Ref(id=placement.pipeline_id, name=placement.pipeline_name),
        "stage": read_stage(placement.stage),
    }
