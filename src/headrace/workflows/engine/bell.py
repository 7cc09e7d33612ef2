"""How a worker is told that there is something to take: nobody asks for it again and again.

PostgreSQL hands a word on, over the connection on which a worker has its lease. It is sent once what it tells of is
committed, and not in that transaction, whose commit would then wait for those of all others who tell something. SQLite
tells nobody anything; but that somebody has committed something shows in a number, which takes microseconds to read.

A word may get lost, with a connection or with the process that was to send it. So a worker also looks unasked, rarely.
"""

import os
import select
import sqlite3
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol
from weakref import finalize

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.workflows.engine.lease import WorkerLease, name_channel

# How soon a worker on SQLite sees what was committed.
LOOK_SECONDS = 0.04
# However much is enqueued, a process does not tell of it more often.
TELLS_EVERY_SECONDS = 0.02

_TELL = sa.select(sa.func.pg_notify(sa.bindparam("channel"), ""))


class Bell:
    """Tells all workers, from any process, that something was enqueued; rung after the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rung = Event()
        self._is_over = False
        self._lock = Lock()
        self._thread: Thread | None = None

    def ring(self) -> None:
        """Have workers told, soon. On SQLite they see it by themselves."""
        if self._database.is_sqlite:
            return
        self._rung.set()
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="headrace-bell", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Tell of what is left to tell; it may be rung again."""
        with self._lock:
            thread, self._thread, self._is_over = self._thread, None, True
            self._rung.set()
            if thread is not None:
                thread.join()
            self._is_over = False

    def _work(self) -> None:
        pause = Event()
        while True:
            self._rung.wait()
            self._rung.clear()
            # Without a database nobody is there to be told; workers look by themselves when it is back.
            with suppress(sa.exc.SQLAlchemyError), self._database.reads.connect() as connection:
                connection.execute(_TELL, {"channel": name_channel(self._database.place)})
            if self._is_over:
                return
            pause.wait(TELLS_EVERY_SECONDS)


class Ear(Protocol):
    """Waits for news in a worker."""

    def wait(self, seconds: float) -> bool:
        """Return at the next news, when it is rung, or after so many seconds; whether there was news."""
        ...

    def ring(self) -> None:
        """Have whoever waits come back, from any thread of this process."""
        ...

    def close(self) -> None:
        """Give back what waiting holds open; whoever waits again opens it again."""
        ...


def make_ear(database: Database, lease: WorkerLease) -> Ear:
    return SqliteEar(database) if database.is_sqlite else PostgresEar(lease)


class PostgresEar:
    """Hears what is told over the connection of a lease."""

    def __init__(self, lease: WorkerLease) -> None:
        self._lease = lease
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        for each in (self._reader, self._writer):
            finalize(self, os.close, each)

    def wait(self, seconds: float) -> bool:
        # Not `select`, which knows the first thousand descriptors only.
        listening = select.poll()
        for each in (self._reader, *self._lease.list_sockets()):
            listening.register(each, select.POLLIN)
        ready = {each for each, _ in listening.poll(seconds * 1000)}
        if self._reader in ready:
            os.read(self._reader, 4096)
        # What comes may be an answer to whoever looks after the lease.
        return bool(ready - {self._reader}) and self._lease.hear()

    def ring(self) -> None:
        # A pipe that is full has rung already.
        with suppress(BlockingIOError):
            os.write(self._writer, b"!")

    def close(self) -> None:
        """Nothing is open but the pipe, for whoever waits next."""


class SqliteEar:
    """Sees that somebody has committed something: in this process or in another one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rung = Event()
        self._connection: sa.Connection | None = None
        self._version = -1

    def wait(self, seconds: float) -> bool:
        until = monotonic() + seconds
        while not self._rung.wait(min(LOOK_SECONDS, max(0.0, until - monotonic()))):
            if self._has_changed():
                return True
            if monotonic() >= until:
                return False
        self._rung.clear()
        return self._has_changed()

    def ring(self) -> None:
        self._rung.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _has_changed(self) -> bool:
        before = self._version
        try:
            self._version = self._read_version()
        except (sa.exc.SQLAlchemyError, sqlite3.Error):
            # Whoever looks unasked will hear what is wrong with the file.
            self.close()
            return False
        return self._version != before

    def _read_version(self) -> int:
        if self._connection is None:
            self._connection = self._database.reads.connect()
        # What SQLAlchemy has around it takes ten times as long as the look itself.
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return int(driver.execute("PRAGMA data_version").fetchone()[0])
