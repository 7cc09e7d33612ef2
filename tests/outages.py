"""Databases that fail in earnest while a service runs on them: read-only, as after a failover, or away."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from headrace.copying.tables import spell_table
from headrace.store.sql.database import Database, let_idle


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    """Let the database refuse whatever is written until the block ends."""
    if database.is_sqlite:
        with _pragma(database, "query_only = ON", "query_only = OFF"):
            yield
        return
    with _altered(database, "SET default_transaction_read_only = on", "RESET default_transaction_read_only"):
        yield


@contextmanager
def away(database: Database) -> Iterator[None]:
    """Let a PostgreSQL take no connection until the block ends."""
    with _altered(database, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
        yield


@contextmanager
def full(database: Database) -> Iterator[None]:
    """Let a file of SQLite's have no page left until the block ends."""
    with _pragma(database, "max_page_count = 1", "max_page_count = 1000000"):  # as many as there are
        filling = sqlite3.connect(database.engine.url.database or "", timeout=30, isolation_level=None)
        filling.execute("CREATE TABLE IF NOT EXISTS filling (text)")
        filling.execute("PRAGMA max_page_count = 1")
        # Pages that were freed before are used first.
        with suppress(sqlite3.OperationalError):
            while True:
                filling.execute("INSERT INTO filling VALUES (zeroblob(2000))")
        filling.close()
        yield


@contextmanager
def holding(url: str, table: sa.Table) -> Iterator[None]:
    """Let nobody write to a table of a PostgreSQL until the block ends: who wants to waits, inside a transaction."""
    database = Database(url)
    with database.transaction() as connection:
        let_idle(connection)
        connection.exec_driver_sql(f"LOCK TABLE {spell_table(connection, table)} IN SHARE MODE")
        yield
    database.close()


def end_waiting(url: str) -> bool:
    """End the sessions of a PostgreSQL that wait for a lock; return whether there were any."""
    query = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    database = Database(url)
    with database.reads.connect() as connection:
        ended = connection.execute(query).all()
    database.close()
    return bool(ended)


@contextmanager
def _pragma(database: Database, change: str, undo: str) -> Iterator[None]:
    """Change something for every connection that writes: processes write of themselves every few seconds."""
    now = [change]

    def apply(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA {now[0]}")

    sa.event.listen(database.writes, "checkout", apply)
    yield
    now[0] = undo


@contextmanager
def _altered(database: Database, change: str, undo: str) -> Iterator[None]:
    """Alter the database from beside it; whoever is connected has to connect anew, and finds it changed."""
    name = database.engine.url.database
    url = database.engine.url.set(database="postgres")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    # It waits until each has ended: one that is about to end would still take a query.
    end_all = sa.text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
    with engine.connect() as connection:
        for words in (change, undo):
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" {words}')
            connection.execute(end_all, {"name": name})
            if words is change:
                yield
