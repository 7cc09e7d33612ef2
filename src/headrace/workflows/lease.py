"""A worker's identity: unique among the living, and the same again after a restart.

The engine gives a starting worker what the last worker with its id left unfinished, so two living workers
must never share an id. On SQLite a lock on a file beside the database allows one worker; on PostgreSQL
each worker holds the advisory lock of a slot for as long as its connection lives.
"""

import fcntl
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from headrace.errors import MisuseError
from headrace.store.database import Database

# Arbitrary, but ours: the first half of an advisory lock's two numbers.
LOCK_CLASS = 0x6865
SLOTS = 1000


class WorkerLease:
    """Hands out one id and holds it until it is released or the process dies."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: IO[str] | None = None
        self._connection: sa.Connection | None = None

    def acquire(self) -> str:
        """Return this worker's id.

        Raises:
            MisuseError: another worker has this SQLite file.
        """
        return self._lock_file() if self._database.is_sqlite else self._lock_slot()

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _lock_file(self) -> str:
        path = Path(f"{self._database.engine.url.database}.lock")
        file = path.open("w", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise MisuseError(
                f"Another worker is running on {self._database.engine.url.database}. SQLite serves one worker; "
                "stop the other one, or use PostgreSQL."
            ) from None
        self._file = file
        return "worker-0"

    def _lock_slot(self) -> str:
        # A connection of its own, outside the pool: the lock lives as long as this session does.
        engine = sa.create_engine(self._database.engine.url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
        self._connection = engine.connect()
        for slot in range(SLOTS):
            query = sa.select(sa.func.pg_try_advisory_lock(LOCK_CLASS, slot))
            if self._connection.execute(query).scalar_one():
                return f"worker-{slot}"
        self.release()
        raise MisuseError(f"All {SLOTS} worker slots of this database are taken.")
