"""What the workflows of a resource have in common: guarded steps, ways to give up in order, and the end.

A step may run again after a crash, so each looks first whether its effect is there. It works only while the resource
is in the state that its workflow is for: a deprovision that arrives meanwhile stops the workflow at its next step, and
`finish` hands over to what is due.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from headrace.errors import ClientSecretRejected, GrantError, HeadraceError
from headrace.logs import LogName
from headrace.models import State
from headrace.store.sql.group_commit import GATHERED_SECONDS
from headrace.store.state.notices import (
    MEANINGS,
    NoticeKind,
    list_open_notices_of_kind,
    raise_notice,
    settle_notices,
)
from headrace.store.state.resources import ResourceRow, fail_resource, find_state, lock_resource
from headrace.store.state.secrets import SecretStore
from headrace.store.state.sights import Sight, find_sights
from headrace.store.state.timeline import TimelineName, add_event, add_lines
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import hand_over

log = logging.getLogger(__name__)

# A step of a workflow, given the resource's uuid.
Step = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Write:
    """What is to be written of a step: an item of a query that writes those of many resources, in order of uuid."""

    query: Callable[[sa.Connection, Sequence[Any]], None]
    item: Any = field(repr=False)


# By identity: a step that is made once is the same for all workflows, and what it writes is written together.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traced:
    """A step that leaves traces of its effect in the store, in the transaction that has it, and looks for them first.

    `look` returns what there is to do, or None when it is done. It is given how the resource stands, as far as the
    latest of these `lines` of its timeline and these `kinds` of secrets tell, and what `read` tells of it, which reads
    of many resources at once, by uuid. `act` does it, given the run and the resource's uuid too, and returns what is to
    be written of it: in that transaction the next step looks already.
    """

    look: Callable[[Sight, Any], Any]
    act: Callable[[Run, str, Any], Awaitable[Write | None]]
    read: Callable[[sa.Connection, Sequence[str]], Mapping[str, Any]] | None = None
    lines: tuple[TimelineName, ...] = ()
    kinds: tuple[str, ...] = ()


# What a step returns instead of working, when the resource is no longer in the workflow's state.
STOPPED = "stopped"
# Which of them came last tells whether what the hook returned has been set.
CONFIG_LINES = (TimelineName.HOOK_RETURNED, TimelineName.CONFIG_SET)
# With these whatever went wrong before is over.
GOING = (State.DEPROVISIONING, State.DEPROVISIONED)
# What is mended when a workflow comes to its end.
OVER_AT_THE_END = (NoticeKind.CLIENT_SECRET_REFUSED, NoticeKind.WORKFLOW_FAILED)


async def run_while(core: Core, state: State, run: Run, uuid: str, steps: Mapping[str, Step | Traced]) -> str | None:
    """Run steps one after the other while the resource is in a state; return the name of the one that it left at.

    Raises:
        StepFailed: one has given up, in this run or in one before it.
    """
    if failure := await run.find_failure(steps):
        raise failure
    walk = _Walk(core, state, run, uuid)
    traced = [step if isinstance(step, Traced) else _do_always(step) for step in steps.values()]
    for (name, step), this, following in zip(steps.items(), traced, [*traced[1:], None], strict=True):
        if await run.journal.recall(name):
            walk.look_again()
        took = partial(walk.take, this, following)
        if await run.step(name, took, leaves_traces=isinstance(step, Traced)) == STOPPED:
            return name
    return None


def _do_always(step: Step) -> Traced:
    async def act(_run: Run, uuid: str, _found: object) -> None:
        await step(uuid)

    return Traced(look=lambda _sight, _told: True, act=act)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a look at a step came to: whether the resource has left the state, and else what there is to do."""

    step: Traced
    is_left: bool = False
    found: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Looks at a step of resources that are in a state, or are not any more."""

    secrets: SecretStore
    state: State
    step: Traced

    def __call__(self, connection: sa.Connection, uuids: Sequence[str]) -> list[_Seen | HeadraceError]:
        """Return what each look came to, or the error that it failed with."""
        step = self.step
        sights = find_sights(connection, self.secrets, uuids, lines=step.lines, kinds=step.kinds)
        left = {each for each in uuids if each not in sights or sights[each].state is not self.state}
        stayed = [each for each in uuids if each not in left]
        told = step.read(connection, stayed) if step.read is not None and stayed else {}
        return [
            _Seen(step=step, is_left=True) if uuid in left else self._look(sights[uuid], told.get(uuid))
            for uuid in uuids
        ]

    def _look(self, sight: Sight, told: Any) -> _Seen | HeadraceError:
        try:
            return _Seen(step=self.step, found=self.step.look(sight, told))
        except HeadraceError as error:
            return error


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Ends a step of many resources in one transaction: writes what is to be written, and looks at the next step."""

    query: Callable[[sa.Connection, Sequence[Any]], None]
    look: _Look | None

    def __call__(self, connection: sa.Connection, ends: Sequence[tuple[str, Any]]) -> list[_Seen | None]:
        """Return what was seen of the next step, if there is one; whoever saw nothing looks again."""
        self.query(connection, [item for _, item in sorted(ends, key=itemgetter(0))])
        seen = self.look(connection, [uuid for uuid, _ in ends]) if self.look is not None else [None] * len(ends)
        # That a look fails is for the step to fail with that it is for; this one is done.
        return [each if isinstance(each, _Seen) else None for each in seen]


class _Walk:
    """Takes steps while a resource is in a state, and looks at each in the transaction that ends the one before it.

    So nothing is read twice, and whoever has been taken over learns it right before each effect: that transaction, as
    every look, is behind the fence.
    """

    def __init__(self, core: Core, state: State, run: Run, uuid: str) -> None:
        self._core = core
        self._state = state
        self._run = run
        self._uuid = uuid
        self._seen: _Seen | None = None

    def look_again(self) -> None:
        """Forget what was seen: an attempt that failed is past, and some time with it."""
        self._seen = None

    async def take(self, step: Traced, following: Traced | None) -> str | None:
        """Take a step in the state, and no longer: a failure after that, of a removed add-on's token say, is none."""
        database, uuid = self._core.database, self._uuid
        seen, self._seen = self._seen, None
        if seen is None or seen.step is not step:
            seen = _require(await database.read_together(self._look_at(step), uuid, gathered_for=GATHERED_SECONDS))
        if seen.is_left:
            return STOPPED
        try:
            write = await step.act(self._run, uuid, seen.found) if seen.found is not None else None
            if write is not None:
                end = _End(query=write.query, look=None if following is None else self._look_at(following))
                self._seen = await database.write_together(end, (uuid, write.item), gathered_for=GATHERED_SECONDS)
        except Exception as error:
            if await database.read(find_state, uuid) is not self._state:
                log.info(LogName.STEP_STOPPED, extra={"workflow": self._run.workflow_id, "error": type(error).__name__})
                return STOPPED
            if isinstance(error, ClientSecretRejected):
                await _note_client_secret(self._core, uuid)
            raise
        return None

    def _look_at(self, step: Traced) -> _Look:
        return _Look(secrets=self._core.secrets, state=self._state, step=step)


def _require(seen: _Seen | HeadraceError) -> _Seen:
    if isinstance(seen, HeadraceError):
        raise seen
    return seen


async def _note_client_secret(core: Core, uuid: str) -> None:
    """Ask for an operator's eye, and say so in the log where nobody is asked for the same yet."""
    kind = NoticeKind.CLIENT_SECRET_REFUSED

    def write(connection: sa.Connection) -> bool:
        is_known = bool(list_open_notices_of_kind(connection, kind))
        raise_notice(connection, uuid, kind, now=core.clock(), setting="HEADRACE_CLIENT_SECRET")
        return is_known

    # One after the other: of two that write at the same time neither sees the other's.
    async with core.telling:
        is_known = await core.database.write(write)
    if not is_known:
        log.error(LogName.CLIENT_SECRET_REFUSED, extra={"hint": MEANINGS[kind].do})


async def try_step(core: Core, run: Run, uuid: str, name: str, step: Step, *, or_raise: NoticeKind) -> None:
    """Run a step that winds a failed resource up: that it gives up is a notice, and keeps nothing else from being done.

    One that is being removed by now, or tried again, has nothing to be wound up: whoever does that is waiting.
    """
    try:
        await run_while(core, State.FAILED, run, uuid, {name: step})
    except StepFailed as failure:
        detail = {"step": failure.step, "reason": failure.reason}
        await run.step(f"record_{name}", partial(record_notice, core, uuid, or_raise, **detail))


async def finish(core: Core, run: Run, uuid: str) -> None:
    """End: start what is due next, in the transaction in which this workflow ceases to be the running one."""

    def write(connection: sa.Connection) -> None:
        row = lock_resource(connection, uuid)
        if row is not None:
            end(connection, core, row, run.workflow_id)

    await run.step("finish", partial(core.database.write, write), leaves_traces=True)


def end(connection: sa.Connection, core: Core, row: ResourceRow, workflow_id: str) -> None:
    """Start what is due next for a resource that is locked, if this workflow is still the running one."""
    if row.running == workflow_id:
        # Of what failed before it came to its end nothing waits any more.
        settle_notices(connection, row.uuid, by="worker", now=core.clock(), kinds=OVER_AT_THE_END)
        hand_over(connection, core.engine, row)


def is_config_set(sight: Sight) -> bool:
    """Whether what the hook last returned has been set: a crash after that costs the customer no other restart.

    It is told by the latest of the lines `CONFIG_LINES`.
    """
    return sight.last == TimelineName.CONFIG_SET


def write_alone(query: Callable[[sa.Connection], None]) -> Write:
    """Return what is written by a query of its own."""
    return Write(_run_each, query)


def _run_each(connection: sa.Connection, queries: Sequence[Callable[[sa.Connection], None]]) -> None:
    for query in queries:
        query(connection)


def note(core: Core, uuid: str, name: TimelineName, **detail: Any) -> Write:
    """Return what adds a line to the resource's timeline."""
    return Write(_Note(name), (uuid, core.clock(), detail))


@dataclass(frozen=True, slots=True)
class _Note:
    """Adds a line to the timelines of resources."""

    name: TimelineName

    def __call__(self, connection: sa.Connection, lines: Sequence[tuple[str, datetime, Mapping[str, Any]]]) -> None:
        add_lines(connection, self.name, lines)


async def record(core: Core, uuid: str, name: TimelineName, **detail: Any) -> None:
    """Add a line to the resource's timeline."""
    await core.database.write(partial(add_event, uuid=uuid, name=name, now=core.clock(), **detail))


async def record_notice(core: Core, uuid: str, kind: NoticeKind, **detail: Any) -> None:
    """Note in the timeline what gave up, and ask for an operator's eye, unless what it is about is going anyway."""

    def write(connection: sa.Connection) -> None:
        row = lock_resource(connection, uuid)
        add_event(connection, uuid, TimelineName(kind), now=core.clock(), **detail)
        if row is not None and row.state not in GOING:
            raise_notice(connection, uuid, kind, now=core.clock(), **detail)

    await core.database.write(write)


async def record_failure(core: Core, uuid: str, kind: NoticeKind, failure: StepFailed) -> None:
    """Note that a provision or a deprovision was given up: the resource has failed, and waits for an operator.

    What the hook said with Refused is meant for the customer, and no notice.
    """

    def write(connection: sa.Connection) -> None:
        row = lock_resource(connection, uuid)
        now = core.clock()
        detail = {"step": failure.step, "reason": failure.reason}
        add_event(connection, uuid, TimelineName(kind), now=now, **detail)
        is_provisioning = row is None or row.state is State.PROVISIONING
        # Somebody has ended a provision meanwhile: that is what became of it.
        if kind is NoticeKind.PROVISION_FAILED and not is_provisioning:
            return
        fail_resource(connection, uuid, message=failure.message, now=now)
        if failure.message is None:
            is_grant_lost = failure.reason == GrantError.__name__
            raise_notice(connection, uuid, NoticeKind.GRANT_LOST if is_grant_lost else kind, now=now, **detail)

    await core.database.write(write)
