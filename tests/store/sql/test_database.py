"""Opening and closing a database."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from headrace.store.reports.exports import reading
from headrace.store.sql.database import IDLE_SECONDS, Database
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
