"""A worker's identity: unique among the living, and the same again after a restart.

The engine gives a starting worker what the last worker with its id left unfinished, so two living workers
must never share an id. On SQLite a lock on a file beside the database allows one worker; on PostgreSQL
each worker holds the advisory lock of a slot for as long as its connection lives.
"""

import fcntl
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from headrace.errors import ConfigurationError, MisuseError
from headrace.store.sql.database import Database
from headrace.store.sql.place import Place

if TYPE_CHECKING:
    # Whoever is on SQLite does without its memory.
    from psycopg import Connection

# Arbitrary, but ours: the first half of an advisory lock's two numbers, of an installation that older releases serve.
OLD_LOCK_CLASS = 0x6865
SLOTS = 1000
KEEPALIVE_SECONDS = 5
OLD_CHANNEL = "headrace"


def find_lock_class(place: Place) -> int:
    """Return the first half of the numbers of an installation's locks."""
    return OLD_LOCK_CLASS if place.is_old else place.derive_number("workers", bits=32)


def name_channel(place: Place) -> str:
    """Return on what an installation's workers hear that something was enqueued."""
    return OLD_CHANNEL if place.is_old else f"headrace_{place.tables}"


class WorkerLease:
    """Hands out one id and holds it until it is released or the process dies."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: IO[str] | None = None
        self._connection: sa.Connection | None = None
        self._driver: Connection[Any] | None = None
        self._slot = 0
        self._is_held = False

    def acquire(self) -> str:
        """Return this worker's id.

        Raises:
            MisuseError: another worker has this SQLite file.
            ConfigurationError: nothing can be written beside it.
        """
        return self._lock_file() if self._database.is_sqlite else self._lock_slot()

    @property
    def was_held(self) -> bool:
        """Whether the id was ours when we last looked."""
        return self._file is not None or self._is_held

    @property
    def slot(self) -> int:
        return self._slot

    def is_held(self) -> bool:
        """Whether the id is still ours: on PostgreSQL it goes with the connection, say at a restart of the server."""
        if self._database.is_sqlite:
            return self._file is not None
        if self._connection is None:
            return False
        try:
            self._connection.execute(sa.select(1))
        except sa.exc.SQLAlchemyError:
            self._is_held = False
        return self._is_held

    def regain(self) -> bool:
        """Take the same id again over a new connection; False when another worker has it by now.

        Raises:
            SQLAlchemyError: the database is away.
        """
        self.release()
        self._connection = self._connect()
        self._is_held = self._try_lock(self._slot)
        return self._is_held

    def try_other(self, slot: int) -> bool:
        """Take another worker's slot too, if nobody holds it.

        Raises:
            SQLAlchemyError: our own id may be lost with the connection; `is_held` tells.
        """
        return self._try_lock(slot)

    def list_sockets(self) -> list[int]:
        """Return where it shows that something was told: the socket of the lease's connection, if one lives."""
        driver = self._driver
        return [] if driver is None or driver.closed else [driver.fileno()]

    def hear(self) -> bool:
        """Take what was told, and return whether that was anything; a connection that has ended is not heard again.

        What was told while something else was asked over it is among it.
        """
        driver, was_told = self._driver, False
        if driver is None:
            return False
        from psycopg import Error

        try:
            for _ in driver.notifies(timeout=0):
                was_told = True
        except Error:
            self._driver = None
        return was_told

    def give_back(self, slot: int) -> None:
        """Let go of another worker's slot."""
        self._find_connection().execute(sa.select(sa.func.pg_advisory_unlock(self._find_lock_class(), slot)))

    def release(self) -> None:
        self._is_held = False
        driver, self._driver = self._driver, None
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            if driver is None or driver.closed:
                # It is lost: closing it would want to end a transaction on it first.
                connection.invalidate()
            connection.close()

    def _lock_file(self) -> str:
        path = Path(f"{self._database.engine.url.database}.lock")
        try:
            file = path.open("w", encoding="utf-8")
        except OSError as error:
            what = f"{path} cannot be written ({error.strerror}); SQLite wants a folder that can be."
            raise ConfigurationError([f"{self._database.setting}: {what}"]) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise MisuseError(
                f"Another worker is running on {self._database.engine.url.database}. SQLite serves one worker; "
                "stop the other one, or use PostgreSQL."
            ) from None
        self._file = file
        return name_worker(0)

    def _lock_slot(self) -> str:
        self._connection = self._connect()
        for slot in range(SLOTS):
            if self._try_lock(slot):
                self._slot, self._is_held = slot, True
                return name_worker(slot)
        self.release()
        raise MisuseError(f"All {SLOTS} worker slots of this database are taken.")

    def _connect(self) -> sa.Connection:
        # A connection of its own, outside the pool: the lock lives as long as this session does. That a machine at
        # either end has vanished shows within seconds.
        engine = sa.create_engine(
            self._database.engine.url,
            poolclass=sa.pool.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={
                "connect_timeout": 5,
                "keepalives_idle": KEEPALIVE_SECONDS,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
            },
        )
        connection = engine.connect()
        for name, value in (("idle", KEEPALIVE_SECONDS), ("interval", 2), ("count", 3)):
            connection.execute(sa.text(f"SET tcp_keepalives_{name} = {value}"))
        connection.exec_driver_sql(f"LISTEN {name_channel(self._database.place)}")
        self._driver = cast("Connection[Any]", connection.connection.driver_connection)
        return connection

    def _try_lock(self, slot: int) -> bool:
        query = sa.select(sa.func.pg_try_advisory_lock(self._find_lock_class(), slot))
        return bool(self._find_connection().execute(query).scalar_one())

    def _find_lock_class(self) -> int:
        return find_lock_class(self._database.place)

    def _find_connection(self) -> sa.Connection:
        if self._connection is None:
            raise MisuseError("This worker has no lease.")
        return self._connection


def name_worker(slot: int) -> str:
    return f"worker-{slot}"


def read_slot(name: str) -> int | None:
    """Return the slot that a worker's id was made of; None when it is no id of ours."""
    prefix, _, number = name.partition("-")
    return int(number) if prefix == "worker" and number.isdecimal() else None
