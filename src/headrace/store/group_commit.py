"""Writing for many at once: whoever comes while a transaction is being committed is in the next one.

SQLite has one writer at a time, and what a write costs is mostly the commit: it waits for the disk. So the writes that
have come meanwhile share a commit, each in a savepoint of its own, and are done when all of it is on disk.
"""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

Begin = Callable[[], AbstractContextManager[sa.Connection]]

# So that nobody waits for very many others.
LARGEST_GROUP = 64


@dataclass(frozen=True, slots=True)
class Write:
    """One caller's write, and where its caller waits."""

    run: Callable[[sa.Connection], Any]
    done: "Future[Any]"


class GroupCommit:
    """A thread that runs writes in transactions which `begin` opens."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._waiting: SimpleQueue[Write | None] = SimpleQueue()
        self._is_closed = False
        self._lock = Lock()
        self._thread = Thread(target=self._work, name="headrace-database-writer", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[sa.Connection], T]) -> "Future[T]":
        """Have a write run; the future has its result once it is on disk, or the error that undid it.

        Raises:
            RuntimeError: the database is closed.
        """
        done: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The database is closed.")
            self._waiting.put(Write(run, done))
        return done

    def close(self) -> None:
        """Write what was submitted, and no more."""
        with self._lock:
            self._is_closed = True
            self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while group := self._take_group():
            commit(group, self._begin)

    def _take_group(self) -> list[Write]:
        """Wait for a write, and return it with those that are there already; nothing at the end."""
        group: list[Write] = []
        write = self._waiting.get()
        while write is not None:
            if write.done.set_running_or_notify_cancel():
                group.append(write)
            if len(group) == LARGEST_GROUP:
                return group
            try:
                write = self._waiting.get(block=not group)
            except Empty:
                return group
        # What comes with the end is written first; the end is then found again.
        self._waiting.put(None)
        return group


def commit(group: list[Write], begin: Begin) -> None:
    """Run writes in one transaction. One that fails is undone alone; a commit that fails undoes all of them.

    SQLite itself undoes a whole transaction in some errors, a full disk among them: then a savepoint is gone too, and
    everybody is told.
    """
    outcomes: list[tuple[Write, Any, BaseException | None]] = []
    try:
        with begin() as connection:
            outcomes = [(write, *_try(write, connection)) for write in group]
    except BaseException as error:  # noqa: BLE001 - nothing was written: everybody is told, and the thread lives on
        outcomes = [(write, None, error) for write in group]
    for write, result, failure in outcomes:
        if failure is None:
            write.done.set_result(result)
        else:
            write.done.set_exception(failure)


def _try(write: Write, connection: sa.Connection) -> tuple[Any, BaseException | None]:
    """Run one write in a savepoint; what goes wrong with the savepoint goes wrong with all of the transaction."""
    savepoint = connection.begin_nested()
    try:
        result = write.run(connection)
    except BaseException as error:  # noqa: BLE001 - it is the caller's, who waits for it
        savepoint.rollback()
        return None, error
    savepoint.commit()
    return result, None
