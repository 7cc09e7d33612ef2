"""A pool of connections with a bound that nothing exceeds, which gives back what nobody uses for a while.

SQLAlchemy's own keeps open what was once needed. A PostgreSQL counts connections of all processes together, and small
plans of Heroku's have 20 of them.
"""

import logging
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry, Pool

# How long a connection that nobody uses stays open.
IDLE_SECONDS = 30.0
# How long a connection that has answered counts as alive.
ALIVE_SECONDS = 1.0
# How long somebody waits for one of them, which is less than Heroku waits for an answer.
WAIT_SECONDS = 15.0

# SQLAlchemy names a pool's logger after its class, and keeps only its own classes from saying what they do.
POOL_LOG = logging.getLogger(f"{__name__}.BoundedPool")
POOL_LOG.setLevel(logging.WARNING)


class BoundedPool(Pool):
    """Opens `most` connections at the most, and uses first what was used last: so the others become idle."""

    # SQLAlchemy hands on only what is no keyword-only argument.
    def __init__(
        self,
        creator: Any,
        most: int = 1,
        timeout: float = WAIT_SECONDS,
        alive_seconds: float = ALIVE_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(creator, **options)
        self._most = most
        self._timeout = timeout
        self._alive_seconds = alive_seconds
        self._turns = threading.BoundedSemaphore(most)
        self._idle: deque[tuple[float, ConnectionPoolEntry]] = deque()
        self._used: set[ConnectionPoolEntry] = set()

    def close_idle(self, *, before: float) -> None:
        """Close what was last used before a moment of the monotonic clock."""
        while self._idle:
            try:
                since, entry = self._idle.popleft()
            except IndexError:
                return
            if since >= before:
                self._idle.appendleft((since, entry))
                return
            entry.close()

    def is_used_up(self) -> bool:
        """Whether whoever comes now has to wait."""
        if not self._turns.acquire(blocking=False):
            return True
        self._turns.release()
        return False

    def cut_off(self) -> None:
        """End the connections that are in use: whoever waits there for an answer is told so at once."""
        # Whoever is on SQLite does without its memory.
        import psycopg

        for entry in list(self._used):
            connection = entry.dbapi_connection
            # It may be closed by whoever uses it just now.
            with suppress(OSError, psycopg.Error):
                if isinstance(connection, psycopg.Connection):
                    _shut_down(connection.fileno())

    def status(self) -> str:
        return f"{len(self._idle)} idle of {self._most}"

    def recreate(self) -> "BoundedPool":
        return type(self)(
            self._creator,
            most=self._most,
            timeout=self._timeout,
            alive_seconds=self._alive_seconds,
            pre_ping=self._pre_ping,
            recycle=self._recycle,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        self.close_idle(before=float("inf"))

    def _do_get(self) -> ConnectionPoolEntry:
        # Whoever has a turn finds an idle connection, or opens one: those in use and the idle ones are never more than
        # the turns, because a connection is opened only when none is idle.
        if not self._turns.acquire(timeout=self._timeout):
            raise sa.exc.TimeoutError(f"All {self._most} connections of this process are in use.")
        try:
            entry = self._take_idle() or self._create_connection()
        except BaseException:
            self._turns.release()
            raise
        self._used.add(entry)
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._used.discard(record)
        self._idle.append((monotonic(), record))
        self._turns.release()

    def _take_idle(self) -> ConnectionPoolEntry | None:
        try:
            since, entry = self._idle.pop()
        except IndexError:
            return None
        # Whether it lives is asked of what has been idle, and not of what has answered just now and is silent since.
        is_fresh = monotonic() - since < self._alive_seconds and not _has_come(entry.dbapi_connection)
        entry.fresh = is_fresh  # type: ignore[attr-defined]
        return entry


@contextmanager
def answering(engine: sa.Engine, *, within: float) -> Iterator[None]:
    """Have whoever waits for an answer on one of these connections to a PostgreSQL wait so many seconds and no longer.

    Nothing else ends such a wait: a pooler, a relay or a lock says nothing, and takes what is sent. For those who have
    the engine to themselves, since all of its connections end.

    Raises:
        sqlalchemy.exc.TimeoutError: there was no answer.
    """
    pool, is_late = engine.pool, threading.Event()
    if not isinstance(pool, BoundedPool):
        yield
        return

    def cut_off() -> None:
        is_late.set()
        pool.cut_off()

    timer = threading.Timer(within, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        if not is_late.is_set():
            raise
        raise sa.exc.TimeoutError(f"it takes connections and has not answered for {within:.0f} s") from error
    finally:
        timer.cancel()


def _has_come(connection: Any) -> bool:
    """Whether something came on a connection that asked nothing: a server that ends it says so. Takes microseconds."""
    import psycopg

    try:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        return bool(waiting.poll(0))
    except (psycopg.Error, AttributeError):
        return True


def _shut_down(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as shared:
        shared.shutdown(socket.SHUT_RDWR)


class Closer:
    """A thread that has a pool close what is idle, until it is ended."""

    def __init__(self, engine: sa.Engine, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._engine = engine
        self._idle_seconds = idle_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="headrace-database-closer", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(self._idle_seconds / 2):
            pool = self._engine.pool
            if isinstance(pool, BoundedPool):
                pool.close_idle(before=monotonic() - self._idle_seconds)
