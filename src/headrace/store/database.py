"""Opening a database and running queries on it: a file of SQLite by default, or PostgreSQL.

SQLAlchemy is used synchronously, on a small pool of threads: the same connection can then commit our row
and the enqueued workflow together (see docs/decisions.md).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from headrace.store.group_commit import GroupCommit

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

SQLITE_READERS = 2
POSTGRES_CONNECTIONS = 3
# Of groups that are committed together.
SQLITE_WRITERS, POSTGRES_WRITERS = 1, 3
# Of those who only look again and again: on PostgreSQL a look is mostly waiting.
SQLITE_WATCHERS, POSTGRES_WATCHERS = 1, 2

# How long a write waits for SQLite's lock, and how soon one of ours asks for it again. SQLite itself lets who waits
# sleep for longer and longer, up to a tenth of a second, and whoever asks meanwhile gets it: so the workflow engine,
# which writes without end when there is much to do, gave ours no turn for a second.
LOCKED_SECONDS = 30
ASK_AGAIN_SECONDS = 0.0005


class Database:
    """One database: an engine, and the threads on which its queries run."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _create_sqlite_engine(url) if self.is_sqlite else _create_postgres_engine(url)
        self.reads = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.writes = _create_sqlite_engine(url, waits_seconds=0) if self.is_sqlite else self.engine
        connections = SQLITE_READERS if self.is_sqlite else POSTGRES_CONNECTIONS
        self._threads = ThreadPoolExecutor(max_workers=connections, thread_name_prefix="headrace-database")
        watchers = SQLITE_WATCHERS if self.is_sqlite else POSTGRES_WATCHERS
        self._watching = ThreadPoolExecutor(max_workers=watchers, thread_name_prefix="headrace-watching")
        writers = SQLITE_WRITERS if self.is_sqlite else POSTGRES_WRITERS
        self._writer = GroupCommit(self.transaction, threads=writers)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction that writes. SQLite's lock is taken at once, so that no read in it gets old."""
        with self.writes.connect() as connection, connection.begin():
            if self.is_sqlite:
                _lock(connection)
            yield connection

    async def write(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query, all of it or nothing; it is committed when this returns."""
        if self.is_sqlite:
            return await asyncio.wrap_future(self._writer.submit(lambda each: query(each, *args, **kwargs)))

        def run() -> T:
            with self.transaction() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def write_together(self, query: Callable[[sa.Connection, Sequence[Item]], Sequence[T]], item: Item) -> T:
        """Write an item by a query that takes many, with those that come meanwhile.

        The query returns a result for each item. Where one item spoils it, each is written by itself.
        """
        return await asyncio.wrap_future(self._writer.submit_item(query, item))

    async def read(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query that changes nothing."""
        return await self._read(self._threads, lambda connection: query(connection, *args, **kwargs))

    async def watch(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of those who only look, again and again: nothing else ever waits behind them."""
        return await self._read(self._watching, lambda connection: query(connection, *args, **kwargs))

    async def _read(self, threads: ThreadPoolExecutor, query: Callable[[sa.Connection], T]) -> T:
        def run() -> T:
            with self.reads.connect() as connection:
                return query(connection)

        return await asyncio.get_running_loop().run_in_executor(threads, run)

    def close(self) -> None:
        self._watching.shutdown(wait=True)
        self._writer.close()
        self._threads.shutdown(wait=True)
        # A thread of the workflow engine may still be using a connection: it is closed when it comes back.
        event.listen(self.engine, "checkin", _close_connection)
        self.engine.dispose()
        self.writes.dispose()


def plan_anew(connection: sa.Connection) -> None:
    """Have PostgreSQL plan each statement of this transaction for the tables as they are now.

    It keeps a plan for what is run often, and the one it made for an empty table reads the whole of a large one, until
    the table's statistics are made anew: a minute in which a fleet that was just imported would be read for each batch.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


def _lock(connection: sa.Connection) -> None:
    """Take SQLite's lock for writing, which only one connection at a time has."""
    until = monotonic() + LOCKED_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError as error:
            if not _is_busy(error.orig) or monotonic() > until:
                raise
            sleep(ASK_AGAIN_SECONDS)
        else:
            return


def _is_busy(error: BaseException | None) -> bool:
    # In the lowest byte stands what it is; the others say more of it, such as that a log is being recovered.
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _close_connection(_connection: Any, record: Any) -> None:
    record.invalidate()


def _create_postgres_engine(url: str) -> sa.Engine:
    # An error's text shows the statement and never its values.
    return sa.create_engine(
        url,
        # The workflow engine's threads have the rest.
        pool_size=POSTGRES_CONNECTIONS + POSTGRES_WRITERS + POSTGRES_WATCHERS + 4,
        max_overflow=5,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def _create_sqlite_engine(url: str, *, waits_seconds: float = LOCKED_SECONDS) -> sa.Engine:
    engine = sa.create_engine(
        url,
        # The writer, the one for open boards, and the workflow engine, which polls on connections of its own.
        pool_size=SQLITE_READERS + 4,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged request survives a power cut
            f"busy_timeout={round(waits_seconds * 1000)}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine
