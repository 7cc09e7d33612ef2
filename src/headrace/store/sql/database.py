"""Opening a database and running queries on it: a file of SQLite by default, or PostgreSQL.

SQLAlchemy is used synchronously, on a small pool of threads: the same connection can then commit our row
and the enqueued workflow together (see docs/decisions.md).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from headrace.database_urls import DATABASE_SCHEMA
from headrace.store.sql.compiled import COMPILED
from headrace.store.sql.deadlocks import run_transaction
from headrace.store.sql.fence import find_fence, put_behind_fence
from headrace.store.sql.group_commit import GroupCommit
from headrace.store.sql.open_file import OpenFile
from headrace.store.sql.outage import OutageLog
from headrace.store.sql.place import Place, Whereabouts
from headrace.store.sql.pool import POOL_LOG, BoundedPool, Closer
from headrace.store.sql.sqlite_versions import require_sqlite, supply_fractions
from headrace.store.sql.waits import Waits

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

SQLITE_READERS = 2
POSTGRES_READERS = 3
# Of groups that are committed together.
SQLITE_WRITERS, POSTGRES_WRITERS = 1, 3
# Of those who only look again and again: on PostgreSQL a look is mostly waiting.
SQLITE_WATCHERS, POSTGRES_WATCHERS = 1, 2

# Of one process on PostgreSQL, of which one is kept for a worker's lease (headrace.workflows.engine.lease). A web and
# two workers come to 15, where Heroku's small plans have 20. A worker has two that nothing else can use, and works with
# the rest.
CONNECTIONS = 5
LEASE_CONNECTIONS = 1
# How soon a PostgreSQL, or a machine on the way to it, that has vanished without a word is given up. By itself the
# driver waits for two minutes, and TCP for a quarter of an hour; what an address says of these is as it says.
GIVEN_UP = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

# How long a transaction of ours may be idle before a PostgreSQL ends it, and lets go of what it has locked. A server
# hears of a machine that vanished in the middle of one after hours, and who takes its work over would wait as long.
IDLE_SECONDS = 20

# How long a write waits for SQLite's lock, and how soon one of ours asks for it again. SQLite itself lets who waits
# sleep for longer and longer, up to a tenth of a second, and whoever asks meanwhile gets it: so the workflow engine,
# which writes without end when there is much to do, gave ours no turn for a second.
# Whoever comes while another waits in vain waits for twice as long, which is still less than Heroku waits.
LOCKED_SECONDS = 10
ENGINE_LOCKED_SECONDS = 30
ASK_AGAIN_SECONDS = 0.0005
TAKE_LOCK = "BEGIN IMMEDIATE"
# How much of a file each connection keeps in memory at the most. Of a large one SQLite's own 2 MiB hold too little of
# the indexes, and what a page shows is read from the system again and again.
CACHE_KIB = 8 * 1024

# In a connection's notes, what is to be done once its transaction is committed.
AFTER_COMMIT = "headrace_after_commit"


class Database:
    """One database: an engine, and the threads on which its queries run."""

    def __init__(
        self,
        url: str,
        *,
        setting: str = "DATABASE_URL",
        schema: str = DATABASE_SCHEMA,
        waits_seconds: float = LOCKED_SECONDS,
        connections: int = CONNECTIONS,
    ) -> None:
        """`setting` is what the url was read from, and `waits_seconds` how long a write waits for SQLite's lock.

        On PostgreSQL our tables stand in `schema`, and a process has so many `connections`, a worker's lease included.

        Raises:
            ConfigurationError: SQLite is too old.
        """
        self.url = url
        self.setting = setting
        self.whereabouts = Whereabouts(schema)
        self.outages = OutageLog()
        self._waits = Waits()
        self._waits_seconds = waits_seconds
        self.is_sqlite = url.startswith("sqlite")
        self.is_closed = False
        self.file = OpenFile(url) if self.is_sqlite else None
        self._closer: Closer | None = None
        if self.file is not None:
            self.engine = self.reads = _create_sqlite_engine(url, self.file, waits_seconds=ENGINE_LOCKED_SECONDS)
            self.writes = _create_sqlite_engine(url, self.file, waits_seconds=0)
        else:
            self.engine = self.writes = _create_postgres_engine(url, most=connections - LEASE_CONNECTIONS)
            event.listen(self.engine, "connect", self.whereabouts.learn)
            self.reads = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            self._closer = Closer(self.engine)
            POOL_LOG.addFilter(self.outages.spare)
        for each in {self.engine, self.writes, self.reads}:
            each.update_execution_options(schema_translate_map=self.whereabouts.schemas, compiled_cache=COMPILED)
        self._threads = _make_threads("database", SQLITE_READERS if self.is_sqlite else POSTGRES_READERS)
        self._watching = _make_threads("watching", SQLITE_WATCHERS if self.is_sqlite else POSTGRES_WATCHERS)
        self._writer, self._reader = _make_writer(self), GroupCommit("reader", self._reading, threads=1)

    @property
    def place(self) -> Place:
        """Where our tables and the engine's stand in a PostgreSQL.

        Raises:
            SQLAlchemyError: it is not known yet, and the database is away.
        """
        if self.whereabouts.place is None:
            with self.engine.connect():
                pass
        assert self.whereabouts.place is not None
        return self.whereabouts.place

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction that writes. SQLite's lock is taken at once, so that no read in it gets old."""
        with self._waits.noted(), self.writes.connect() as connection:
            connection.info.pop(AFTER_COMMIT, None)
            with connection.begin():
                if self.is_sqlite:
                    _lock(connection, waits_seconds=self._waits_seconds)
                yield connection
            for act in connection.info.pop(AFTER_COMMIT, ()):
                act()

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._waits.noted(), self.reads.connect() as connection:
            yield connection

    async def write(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query, all of it or nothing; it is committed when this returns.

        Raises:
            Superseded: whoever calls this runs behind a fence, and has been taken over.
        """
        bound = _bind(query, args, kwargs)
        if self.is_sqlite:
            return await self._writer.submit(bound, fence=find_fence())
        fenced = put_behind_fence(bound)

        def run() -> T:
            with self.transaction() as connection:
                return fenced(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run_transaction, run)

    async def write_together(
        self,
        query: Callable[[sa.Connection, Sequence[Item]], Sequence[T]],
        item: Item,
        *,
        gathered_for: float | None = None,
    ) -> T:
        """Write an item by a query that takes many, with those that come meanwhile.

        The query returns a result for each item, and is the same for two items if it is equal. Where one item spoils
        it, each is written by itself. It may be gathered: one that comes while others are written waits for more until
        they are, and with more than 0.0 as long again, and for so many seconds at the least.

        Raises:
            Superseded: whoever calls this runs behind a fence, and has been taken over.
        """
        return await self._writer.submit_item(query, item, fence=find_fence(), gathered_for=gathered_for)

    async def read(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query that changes nothing."""
        return await self._read(self._threads, lambda connection: query(connection, *args, **kwargs))

    async def read_behind_fence(
        self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query that changes nothing, right before an effect that is not the database's.

        Raises:
            Superseded: whoever calls this runs behind a fence, and has been taken over.
        """
        return await self._read(self._threads, put_behind_fence(_bind(query, args, kwargs)))

    async def read_together(
        self,
        query: Callable[[sa.Connection, Sequence[Item]], Sequence[T]],
        item: Item,
        *,
        gathered_for: float | None = None,
    ) -> T:
        """Read of an item by a query that reads of many, as `write_together` writes, and as `read_behind_fence` reads.

        Raises:
            Superseded: whoever calls this runs behind a fence, and has been taken over.
        """
        return await self._reader.submit_item(query, item, fence=find_fence(), gathered_for=gathered_for)

    async def watch(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of those who only look, again and again: nothing else ever waits behind them."""
        return await self._read(self._watching, lambda connection: query(connection, *args, **kwargs))

    async def _read(self, threads: ThreadPoolExecutor, query: Callable[[sa.Connection], T]) -> T:
        def run() -> T:
            with self._reading() as connection:
                return query(connection)

        return await asyncio.get_running_loop().run_in_executor(threads, run)

    def gather_among(self, count_at_work: Callable[[], int]) -> None:
        """Say how many work in this process: where few do, nobody who is gathered waits for others."""
        self._writer.count_at_work = self._reader.count_at_work = count_at_work

    def measure_wait(self) -> float:
        """Return for how many seconds the read or write of this process that waits longest has waited."""
        return self._waits.measure()

    def is_used_up(self) -> bool:
        """Whether all connections that this process may open to a PostgreSQL are in use."""
        pool = self.engine.pool
        return isinstance(pool, BoundedPool) and pool.is_used_up()

    def close(self) -> None:
        self.is_closed = True
        self._watching.shutdown(wait=True)
        self._writer.close()
        self._reader.close()
        self._threads.shutdown(wait=True)
        if self._closer is not None:
            self._closer.end()
            POOL_LOG.removeFilter(self.outages.spare)
        # A thread of the workflow engine may still be using a connection: it is closed when it comes back.
        event.listen(self.engine, "checkin", _close_connection)
        self.engine.dispose()
        self.writes.dispose()


def after_commit(connection: sa.Connection, act: Callable[[], None]) -> None:
    """Have something done once the transaction that is open on a connection is committed, however often it is asked."""
    connection.info.setdefault(AFTER_COMMIT, set()).add(act)


def _bind(query: Callable[..., T], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Callable[[sa.Connection], T]:
    return lambda connection: query(connection, *args, **kwargs)


def plan_anew(connection: sa.Connection) -> None:
    """Have PostgreSQL plan each statement of this transaction for the tables as they are now.

    It keeps a plan for what is run often, and the one it made for an empty table reads the whole of a large one, until
    the table's statistics are made anew: a minute in which a fleet that was just imported would be read for each batch.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


def plan_once(connection: sa.Connection) -> None:
    """Have PostgreSQL plan what runs from here on for the tables as they are now, as `plan_anew` does, but once.

    For who inserts many rows: what looks for each row's foreign keys is a statement too, and would be planned for each.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DISCARD PLANS")


def let_idle(connection: sa.Connection) -> None:
    """Have PostgreSQL bear that this transaction is idle, for as long as whoever works off what it reads may take."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def _lock(connection: sa.Connection, *, waits_seconds: float) -> None:
    """Take SQLite's lock for writing, which only one connection at a time has.

    The driver is asked, as often as it takes: SQLAlchemy needs many times as long to say that the lock is taken.
    """
    until, driver = monotonic() + waits_seconds, connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    while True:
        try:
            driver.execute(TAKE_LOCK)
        except sqlite3.Error as error:
            if not _is_busy(error) or monotonic() > until:
                # Whoever hears of it knows SQLAlchemy's errors.
                connection.exec_driver_sql(TAKE_LOCK)
                return
            sleep(ASK_AGAIN_SECONDS)
        else:
            return


def _is_busy(error: sqlite3.Error) -> bool:
    # In the lowest byte stands what it is; the others say more of it, such as that a log is being recovered. An error
    # of the driver's own has none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _make_writer(database: Database) -> GroupCommit:
    threads = SQLITE_WRITERS if database.is_sqlite else POSTGRES_WRITERS
    return GroupCommit("writer", database.transaction, threads=threads, mixes_kinds=database.is_sqlite)


def _make_threads(name: str, count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=count, thread_name_prefix=f"headrace-{name}")


def _close_connection(_connection: Any, record: Any) -> None:
    record.invalidate()


def _create_postgres_engine(url: str, *, most: int) -> sa.Engine:
    # Whoever is on SQLite does without its memory.
    from headrace.store.sql.postgres import Cursor, keep_names

    # An error's text shows the statement and never its values.
    engine = sa.create_engine(
        url,
        poolclass=BoundedPool,
        most=most,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"cursor_factory": Cursor, **list_patience(sa.make_url(url))},
    )
    keep_names(engine)
    event.listen(engine, "connect", _end_what_is_idle)
    return engine


def _end_what_is_idle(connection: Any, _record: Any) -> None:
    """Say so over a connection of the driver's that was just opened: not all poolers take it with the address."""
    connection.autocommit = True
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    connection.autocommit = False


def list_patience(url: sa.URL) -> dict[str, int]:
    """Return how long a connection to a PostgreSQL is waited for, but for what its address says of that."""
    return {name: value for name, value in GIVEN_UP.items() if name not in url.query}


def _create_sqlite_engine(url: str, file: OpenFile, *, waits_seconds: float) -> sa.Engine:
    require_sqlite()
    engine = sa.create_engine(
        url,
        # The writer, the one for open boards, and the workflow engine, which polls on connections of its own.
        pool_size=SQLITE_READERS + 4,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "uri": True},
    )

    @event.listens_for(engine, "checkout")
    def look_at_file(_connection: Any, _record: Any, _proxy: Any) -> None:
        file.require_same()

    @event.listens_for(engine, "do_connect")
    def lead(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
        file.require_same()
        arguments[0] = file.prepare(arguments[0])

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged request survives a power cut
            f"busy_timeout={round(waits_seconds * 1000)}",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        file.remember()
        supply_fractions(connection)

    return engine
