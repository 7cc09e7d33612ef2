"""What is kept of steps: what has failed, and what leaves no traces of its own; on both databases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from dbos import DBOSClient

from headrace.clock import read_clock
from headrace.errors import MisuseError
from headrace.protocol.partner import ProvisionRequest, parse_provision
from headrace.store.sql.database import Database
from headrace.store.state.resources import AttemptOrder, AttemptOrderKind, insert_resources, save_attempt_order
from headrace.testing import eventually
from headrace.workflows.engine.attempts import KeptAttempt, StepOutcome, add_outcomes, list_attempts
from headrace.workflows.engine.journal import Journal
from headrace.workflows.engine.ledger import workflow_status
from headrace.workflows.engine.port import Engine, prepare
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.engine.runtime import SERIALIZER, find_schema
from pair import QUICK_RETRIES

UUID = "01234567-89ab-cdef-0123-456789abcdef"
ID = "work:1"
Work = Callable[[Run], Awaitable[None]]


async def test_a_step_that_is_done_is_not_done_again(database: Database) -> None:
    """After a restart in the middle of the next step its value is handed back, and nothing of it is asked for."""
    done: list[str] = []

    async def count() -> str:
        done.append("counted")
        return "value"

    async def work(run: Run) -> None:
        value = await run.step("count", count)
        done.append(value)
        if done.count("value") == 1:
            await asyncio.Event().wait()

    async with _working(database, work) as engine:
        _enqueue(engine, database)
        await eventually(lambda: "value" in done)
    async with _working(database, work):
        await eventually(lambda: done.count("value") == 2)

    assert ["counted", "value", "value"] == done


async def test_of_what_never_ran_nothing_is_read(database: Database) -> None:
    """It has no steps yet. What was taken before has its own read, once."""
    began: list[str] = []
    sent: list[str] = []

    async def work(run: Run) -> None:
        await run.step("begin", _return_nothing, leaves_traces=True)
        began.append(run.workflow_id)
        if len(began) == 1:
            await asyncio.Event().wait()

    sa.event.listen(database.engine, "before_cursor_execute", lambda *what: sent.append(what[2]))
    async with _working(database, work) as engine:
        _enqueue(engine, database)
        await eventually(lambda: len(began) == 1)
    of_first = _count_reads(sent)
    async with _working(database, work):
        await eventually(lambda: len(began) == 2)

    assert (0, 1) == (of_first, _count_reads(sent))


async def test_nothing_is_stored_of_a_step_that_leaves_traces(database: Database) -> None:
    """It looks for them itself, and runs again after a crash for that."""
    looked: list[int] = []

    async def look() -> None:
        looked.append(1)

    async def work(run: Run) -> None:
        await run.step("look", look, leaves_traces=True)

    await _run_once(database, work)

    assert [1] == looked
    assert {} == await database.read(list_attempts, [ID])


async def test_of_a_step_that_leaves_traces_failures_are_stored_and_how_they_ended(database: Database) -> None:
    """An operator sees them, and that they are over."""
    attempts: list[int] = []

    async def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError

    async def work(run: Run) -> None:
        await run.step("look", fail_once, leaves_traces=True)

    await _run_once(database, work)
    kept = (await database.read(list_attempts, [ID]))[ID]

    assert [("look", "OSError", True), ("look", None, False)] == [(a.step, a.reason, a.wait is not None) for a in kept]


async def test_a_wait_goes_on_after_a_restart(database: Database) -> None:
    """What was to be tried again after hours is tried when they are over, of which most have passed."""
    began: list[datetime] = []
    now = datetime.now(UTC)
    ended_at, wait = now - timedelta(hours=2), timedelta(hours=2, seconds=1)
    failed = StepOutcome(
        step="look", began_at=ended_at, ended_at=ended_at, outcome={"wait": wait.total_seconds(), "reason": "OSError"}
    )

    async def look() -> None:
        began.append(datetime.now(UTC))

    async def work(run: Run) -> None:
        await run.step("look", look)

    prepare(database)
    engine = Engine(database, clock=read_clock)
    _enqueue(engine, database)
    await database.write(_have_failed, failed)
    async with _working(database, work):
        await eventually(lambda: began)

    assert ended_at + wait <= began[0] < now + timedelta(minutes=1)


async def test_a_step_that_gave_up_gives_up_again_after_a_restart(database: Database) -> None:
    """Whoever winds up after it goes on with that."""
    found: list[tuple[str, str]] = []

    async def give_up() -> None:
        raise MisuseError("no")

    async def work(run: Run) -> None:
        try:
            await run.step("look", give_up)
        except StepFailed as failure:
            known = await run.find_failure(["look"])
            assert known is not None
            found.append((failure.reason, known.reason))
        if len(found) == 1:
            await asyncio.Event().wait()

    async with _working(database, work) as engine:
        _enqueue(engine, database)
        await eventually(lambda: len(found) == 1)
    async with _working(database, work):
        await eventually(lambda: len(found) == 2)

    assert [("MisuseError", "MisuseError")] * 2 == found
    assert 1 == len((await database.read(list_attempts, [ID]))[ID])


async def test_the_engine_s_own_client_reads_what_is_kept(database: Database) -> None:
    """Its tools show the steps of a workflow as if it had kept them."""

    async def count() -> int:
        return 3

    async def work(run: Run) -> None:
        await run.step("count", count)

    await _run_once(database, work)
    client = DBOSClient(
        system_database_engine=database.engine,
        dbos_system_schema=find_schema(database),
        serializer=SERIALIZER,
        lazy=True,
    )
    steps = await asyncio.to_thread(client.list_workflow_steps, ID)
    client.destroy()

    assert [(1, "count", {"done": 3}, None)] == [
        (step["function_id"], step["function_name"], step["output"], step["error"]) for step in steps
    ]


async def _run_once(database: Database, work: Work) -> None:
    """Run one workflow until its end is recorded."""
    async with _working(database, work) as engine:
        _enqueue(engine, database)

        async def is_done() -> bool:
            return (await database.read(engine.find_statuses, [ID])) == {ID: "done"}

        await eventually(is_done)


async def _return_nothing() -> None:
    """A step that does nothing."""


async def test_attempts_that_fail_at_once_are_kept_together_and_each_heeds_its_own_order(database: Database) -> None:
    """As when Heroku goes away. What was ordered of one is about no other, and about no other workflow of it."""
    uuids = [f"{number:08}{UUID[8:]}" for number in range(4)]
    journals = {uuid: Journal(database, f"work:{uuid}", uuid=uuid, carried={}) for uuid in uuids}
    await database.write(insert_resources, {f"work:{uuid}": _ask(uuid) for uuid in uuids}, now=read_clock())
    for journal in journals.values():
        await journal.record(_fail())
    await database.write(save_attempt_order, uuids[1], _give_up(f"work:{uuids[1]}"))
    await database.write(save_attempt_order, uuids[2], _give_up(f"event:{uuids[2]}"))
    sent: list[str] = []
    sa.event.listen(database.writes, "before_cursor_execute", lambda *what: sent.append(what[2]))
    await asyncio.gather(*(journal.record(_fail()) for journal in journals.values()))
    attempts = await database.read(list_attempts, [f"work:{uuid}" for uuid in uuids])

    assert [True, False, True, True] == [attempts[f"work:{uuid}"][1].wait is not None for uuid in uuids]
    assert 2 == sum(1 for statement in sent if "INSERT" in statement and "operation_outputs" in statement)


def _fail() -> StepOutcome:
    now = read_clock()
    return StepOutcome(step="ask", began_at=now, ended_at=now, outcome={"wait": 60.0, "reason": "Unreachable"})


def _give_up(workflow: str) -> AttemptOrder:
    return AttemptOrder(kind=AttemptOrderKind.GIVE_UP, workflow=workflow, step="ask", attempts=1)


def _ask(uuid: str) -> ProvisionRequest:
    return parse_provision(msgspec.json.encode({"uuid": uuid, "plan": "basic", "region": "us", "options": {}}))


def _count_reads(sent: list[str]) -> int:
    """How often the steps of a workflow were read."""
    return sum(1 for statement in sent if "operation_outputs" in statement and statement.startswith("SELECT"))


def _enqueue(engine: Engine, database: Database) -> None:
    with database.transaction() as connection:
        engine.enqueue(connection, "work", ID, UUID)


def _have_failed(connection: sa.Connection, outcome: StepOutcome) -> None:
    """Have a workflow put back that was taken once, and whose only step failed then."""
    attempt = KeptAttempt(workflow_id=ID, uuid=UUID, number=1, outcome=outcome, has_failed_before=False)
    add_outcomes(connection, [attempt])
    connection.execute(sa.update(workflow_status).values(recovery_attempts=1))


@asynccontextmanager
async def _working(database: Database, work: Work) -> AsyncIterator[Engine]:
    async def run_work(run: Run, _uuid: str, _argument: Any) -> None:
        await work(run)

    engine = Engine(database, clock=read_clock, retries=QUICK_RETRIES)
    engine.register("work", run_work)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
