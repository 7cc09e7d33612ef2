"""Opening and closing a database."""

import asyncio
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from headrace.store.sql.database import Database


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
