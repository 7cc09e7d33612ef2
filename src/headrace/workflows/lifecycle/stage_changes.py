"""A move of an app: noted in the timeline in the transaction that found it out, and told to the partner's hook."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.hooks.arguments import StageChange
from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.placements import (
    PlacementRow,
    find_current_placement,
    find_placement,
    find_previous_placement,
    find_told_and_current,
)
from headrace.store.state.resources import lock_resource
from headrace.store.state.timeline import TimelineName, add_event
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.port import EVENT_QUEUE
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.hook_arguments import describe_place, describe_resource, load_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.siblings import build_company
from headrace.workflows.lifecycle.steps import record_notice


class StageChanges:
    """Tells the partner of moves; telling changes nothing of the resource."""

    def __init__(self, core: Core, hooks: Hooks) -> None:
        self._core = core
        self._hooks = hooks
        core.engine.register(WorkflowKind.STAGE_CHANGE, self.tell)

    def note(self, connection: sa.Connection, uuid: str, old: PlacementRow, new: PlacementRow) -> None:
        """Note a move in the timeline, and let the worker call the partner's hook for it, if there is one.

        While a provision is under way its own hook may yet be called with the new place, and there may be nothing to
        tell of: `catch_up` tells what is left to tell once it is done.
        """
        detail = {"from": old.stage, "to": new.stage, "old_pipeline": old.pipeline_id, "new_pipeline": new.pipeline_id}
        add_event(connection, uuid, TimelineName.PLACEMENT_MOVED, now=self._core.clock(), **detail)
        row = lock_resource(connection, uuid)
        if row is not None and row.state is State.PROVISIONED:
            self._enqueue(connection, uuid, old, new)

    def catch_up(self, connection: sa.Connection, uuids: Collection[str]) -> None:
        """Have the partner told, once provisions are done, of apps that are not any more where its hook was told."""
        for uuid, (told, now) in find_told_and_current(connection, uuids).items():
            if told is not None and now is not None and not now.is_at(told):
                self._enqueue(connection, uuid, told, now)

    def _enqueue(self, connection: sa.Connection, uuid: str, old: PlacementRow, new: PlacementRow) -> None:
        kind = WorkflowKind.STAGE_CHANGE
        workflow_id = build_id(kind, uuid, which=new.id)
        self._core.engine.enqueue(connection, kind, workflow_id, uuid, [old.id, new.id], queue=EVENT_QUEUE)

    async def tell(self, run: Run, uuid: str, placements: Any) -> None:
        """Call the partner's hook for a move: from the first of these placements to the last."""
        try:
            await run.step("run_hook", partial(self._run_hook, uuid, _read_ids(placements)))
        except StepFailed as failure:
            kind, detail = NoticeKind.STAGE_CHANGE_FAILED, {"step": failure.step, "reason": failure.reason}
            await run.step("record", partial(record_notice, self._core, uuid, kind, **detail))
        scope = _name_scope(_read_ids(placements)[1])
        await run.step("forget", partial(self._core.database.write, self._core.secrets.delete_parts, uuid, scope))

    async def _run_hook(self, uuid: str, ids: tuple[int | None, int]) -> None:
        if not self._hooks.has("on_stage_change"):
            return
        change = await self._core.database.read(_build, uuid, *ids)
        if change is not None:
            steps = build_steps(self._core, self._hooks, uuid, scope=_name_scope(ids[1]))
            company = build_company(self._core, uuid)
            await self._hooks.call("on_stage_change", replace(change, _steps=steps, _company=company))
            await self._core.database.write(self._settle, uuid, ids[1])

    def _settle(self, connection: sa.Connection, uuid: str, placement_id: int) -> None:
        """Who knows where the app is now need not be told of a move before, which they could not be told of."""
        now = find_current_placement(connection, uuid)
        if now is not None and now.id == placement_id:
            kinds = [NoticeKind.STAGE_CHANGE_FAILED]
            settle_notices(connection, uuid, by="stage change", now=self._core.clock(), kinds=kinds)


def _name_scope(placement_id: int) -> str:
    """By what the steps of a move's hook are found again."""
    return f"{WorkflowKind.STAGE_CHANGE}/{placement_id}"


def _read_ids(argument: Any) -> tuple[int | None, int]:
    """What an older release enqueued is the id of the new placement alone."""
    return (None, argument) if isinstance(argument, int) else (argument[0], argument[1])


def _build(connection: sa.Connection, uuid: str, old_id: int | None, new_id: int) -> StageChange | None:
    row, _ = load_resource(connection, uuid)
    new = find_placement(connection, new_id)
    if new is None or row.state is not State.PROVISIONED:
        return None
    old = find_previous_placement(connection, uuid, new) if old_id is None else find_placement(connection, old_id)
    if old is None:
        return None
    before = describe_place(old)
    return StageChange(
        **describe_resource(row, new), old_pipeline=before.get("pipeline"), old_stage=before.get("stage")
    )
