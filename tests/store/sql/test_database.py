"""Opening and closing a database."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from headrace.store.reports.exports import reading
from headrace.store.sql.database import IDLE_SECONDS, Database, plan_once
from headrace.store.sql.tables.schema import resource

BOUND = sa.select(sa.func.current_setting("idle_in_transaction_session_timeout"))


async def test_a_connection_that_comes_back_after_the_end_is_closed(database: Database) -> None:
    """A thread that was still using it leaves none open, which the server would have to find out."""
    late = database.engine.connect()
    late.execute(sa.text("SELECT 1"))
    used = late.connection.driver_connection
    database.close()
    late.close()

    assert used is not None
    assert late.closed
    assert used.closed if hasattr(used, "closed") else _is_closed(used)


async def test_a_write_waits_for_who_has_the_lock_of_the_file(sqlite_url: str) -> None:
    """Another process may have it, or the workflow engine: the write is done when they are."""
    database, other = Database(sqlite_url), Database(sqlite_url)
    is_locked, may_go_on = Event(), Event()

    def hold() -> None:
        with other.transaction():
            is_locked.set()
            may_go_on.wait()

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(is_locked.wait)
    writing = asyncio.create_task(database.write(lambda connection: connection.execute(sa.text("SELECT 7")).scalar()))
    done_early, _ = await asyncio.wait([writing], timeout=0.05)
    may_go_on.set()
    await holding

    assert not done_early
    assert 7 == await writing
    database.close()
    other.close()


async def test_a_write_gives_up_when_the_lock_never_comes_free(sqlite_url: str) -> None:
    """Then its caller is told, as of any database that does not answer."""
    database, other = Database(sqlite_url, waits_seconds=0.01), Database(sqlite_url)
    with other.transaction(), pytest.raises(sa.exc.OperationalError, match="locked"):
        await database.write(lambda _connection: None)
    await database.write(lambda _connection: None)
    database.close()
    other.close()


def _is_closed(connection: object) -> bool:
    import sqlite3

    assert isinstance(connection, sqlite3.Connection)
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_a_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    """0600 from its first moment, and so are the files that SQLite writes beside it."""
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(sa.text("CREATE TABLE one (id INTEGER)"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    database.close()

    assert {"fresh.db": 0o600, "fresh.db-wal": 0o600, "fresh.db-shm": 0o600} == modes


def test_only_who_reads_for_others_may_be_idle_in_a_transaction(postgres_url: str) -> None:
    """What else is idle the server ends after a while, with whatever it has locked; the next is bounded again."""
    database, bounds = Database(postgres_url), []
    for reads in (False, True, False):
        with (
            database.engine.connect() as connection,
            reading(connection, sa.select(resource)) if reads else nullcontext(),
        ):
            bounds.append(connection.execute(BOUND).scalar())
    database.close()

    assert [f"{IDLE_SECONDS}s", "0", f"{IDLE_SECONDS}s"] == bounds


def _reading(connection: sa.Connection) -> AbstractContextManager[object]:
    return reading(connection, sa.select(resource))


def test_a_batchs_statements_are_planned_for_the_tables_as_they_are_now_but_once(postgres_url: str) -> None:
    """A plan of an empty table would read the whole of a large one; and not each row of many costs a plan."""
    database = Database(postgres_url)
    find = sa.text("SELECT name FROM note WHERE name = :name")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE note (name text PRIMARY KEY)")
        connection.exec_driver_sql("ANALYZE note")
        _run_often(connection, find)
        connection.exec_driver_sql("INSERT INTO note SELECT 'note-' || n FROM generate_series(1, 10000) n")
        before = _explain_prepared(connection)
        plan_once(connection)
        after = _explain_prepared(connection)
        _run_often(connection, find)
        counted = _count_plans(connection)
        _run_often(connection, find)
        counted_again = _count_plans(connection)
    database.close()

    assert (True, True) == (before.startswith("Seq Scan"), after.startswith("Index Only Scan"))
    assert counted == counted_again


def _run_often(connection: sa.Connection, query: sa.TextClause) -> None:
    """As often as it takes until the driver prepares a statement, and PostgreSQL keeps a plan for it."""
    for _ in range(20):
        connection.execute(query, {"name": "note-7"})


def _explain_prepared(connection: sa.Connection) -> str:
    [(name,)] = connection.exec_driver_sql(
        "SELECT name FROM pg_prepared_statements WHERE statement LIKE 'SELECT name FROM note%%'"
    )
    return str(connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}('note-7')").scalars().first())


def _count_plans(connection: sa.Connection) -> int:
    """Return how often a statement was planned for the values that it was sent with."""
    query = "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE 'SELECT name FROM note%%'"
    return int(connection.exec_driver_sql(query).scalar_one())
