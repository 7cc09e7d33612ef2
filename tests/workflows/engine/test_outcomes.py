"""That workflows are done is recorded of many at once, in the rows that the engine would write. On both databases."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import sqlalchemy as sa
from dbos._sys_db import SystemDatabase
from sqlalchemy import event

from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine.ledger import Claim, Status, workflow_status
from headrace.workflows.engine.outcomes import record_done
from headrace.workflows.engine.port import CONCURRENCY, QUEUE, Engine
from headrace.workflows.engine.run import Run
from headrace.workflows.engine.runtime import SERIALIZER, find_schema

UUID = "01234567-89ab-cdef-0123-456789abcdef"
TOKEN = "of-this-taking"
# What differs from one row to the next: names, moments, and a token of each insert.
DIFFERS = {
    *("workflow_uuid", "created_at", "updated_at", "completed_at"),
    *("retention_timestamp", "creator_xid"),
}
A_MINUTE = 60_000


async def test_what_is_done_is_in_the_rows_that_the_engine_would_write(database: Database) -> None:
    """In every column of both tables; moments are the database's."""
    _take(database, "ours", "theirs")
    tables = SystemDatabase.create(
        database.engine.url.render_as_string(hide_password=False),
        engine_kwargs={},
        engine=database.engine,
        schema=find_schema(database),
        serializer=SERIALIZER,
        executor_id=None,
    )
    assert tables.update_workflow_outcome("theirs", "SUCCESS", output="null", owner_xid=TOKEN)
    with database.transaction() as connection:
        record_done(connection, [Claim(workflow_id="ours", token=TOKEN)])
    (ours, theirs), (our_output, their_output) = (
        [_read(database, table, each) for each in ("ours", "theirs")]
        for table in ("workflow_status", "workflow_output")
    )

    assert _leave_out(theirs) == _leave_out(ours)
    assert _leave_out(their_output) == _leave_out(our_output)
    assert all(abs(theirs[name] - ours[name]) < A_MINUTE for name in ("updated_at", "completed_at"))


async def test_only_a_claim_that_stands_is_recorded(database: Database) -> None:
    """Not what somebody else has taken, what was put back, what is done, or what is gone."""
    _take(database, "mine", "another's", "put back", "done")
    rows = workflow_status
    changes: dict[str, dict[str, Any]] = {
        "another's": {"owner_xid": "of-another-taking"},
        "put back": {"owner_xid": None, "status": "ENQUEUED"},
        "done": {"owner_xid": None, "status": "SUCCESS"},
    }
    names = ["another's", "mine", "put back", "done", "gone"]
    with database.transaction() as connection:
        for name, change in changes.items():
            connection.execute(sa.update(rows).where(rows.c.workflow_uuid == name).values(change))
        stood = record_done(connection, [Claim(workflow_id=name, token=TOKEN) for name in names])
        found = {row.workflow_uuid: row.status for row in connection.execute(sa.select(rows))}

    assert [False, True, False, False, False] == stood
    assert {"another's": "PENDING", "mine": "SUCCESS", "put back": "ENQUEUED", "done": "SUCCESS"} == found


async def test_workflows_that_end_together_are_recorded_together_and_once(database: Database) -> None:
    """The engine's own way of recording one is not gone."""
    go_on, sent = Event(), list[str]()

    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        await eventually(go_on.is_set)

    count = CONCURRENCY[QUEUE]
    ids = {f"work:{number}": (UUID, None) for number in range(count)}
    async with _working(database, work) as engine:
        with database.transaction() as connection:
            engine.enqueue_all(connection, "work", ids)
        await eventually(lambda: _count(database, engine, ids, Status.RUNNING) == count)
        for each in {database.engine, database.writes}:
            event.listen(each, "before_cursor_execute", lambda *what: sent.append(what[2]))
        go_on.set()
        await eventually(lambda: _count(database, engine, ids, Status.DONE) == count)

    recorded = [statement for statement in sent if "completed_at" in statement and statement.startswith("UPDATE")]
    assert 0 < len(recorded) < count
    assert not [statement for statement in sent if "WITH updated" in statement]


async def test_what_cannot_be_recorded_with_others_is_recorded_by_the_engine(sqlite_url: str) -> None:
    """Here somebody has SQLite's lock for longer than a write of ours waits."""
    database = Database(sqlite_url, waits_seconds=0.05)
    locked, freed = Event(), Event()

    async def work(_run: Run, _uuid: str, _argument: Any) -> None:
        locker.execute("BEGIN IMMEDIATE")
        locked.set()

    locker = sqlite3.connect(sa.make_url(sqlite_url).database or "", check_same_thread=False)
    async with _working(database, work) as engine:
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "work:1", UUID)
        await eventually(locked.is_set)
        failed = database.write_together(_do_nothing, None)
        try:
            await failed
        except sa.exc.OperationalError:
            freed.set()
            locker.execute("ROLLBACK")
        await eventually(lambda: _count(database, engine, {"work:1": None}, Status.DONE) == 1)
    locker.close()
    database.close()

    assert freed.is_set()


def _do_nothing(_connection: sa.Connection, items: Any) -> Any:
    return items


@asynccontextmanager
async def _working(database: Database, work: Any) -> AsyncIterator[Engine]:
    engine = Engine(database, clock=read_clock)
    engine.register("work", work)
    await engine.start()
    yield engine
    await engine.stop()


def _count(database: Database, engine: Engine, ids: Any, status: Status) -> int:
    with database.reads.connect() as connection:
        return list(engine.find_statuses(connection, list(ids)).values()).count(status)


def _take(database: Database, *names: str) -> None:
    """Have workflows that a worker has taken."""
    engine = Engine(database, clock=read_clock)
    with database.transaction() as connection:
        engine.enqueue_all(connection, "work", dict.fromkeys(names, (UUID, None)))
        connection.execute(sa.update(workflow_status).values(status="PENDING", owner_xid=TOKEN, executor_id="worker-1"))


def _read(database: Database, table: str, name: str) -> dict[str, Any]:
    schema = "" if database.is_sqlite else f"{database.place.engine}."
    query = sa.text(f"SELECT * FROM {schema}{table} WHERE workflow_uuid = :name")
    with database.reads.connect() as connection:
        return dict(connection.execute(query, {"name": name}).mappings().one())


def _leave_out(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in DIFFERS}
