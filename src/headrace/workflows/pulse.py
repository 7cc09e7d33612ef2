"""Whether a worker's engine works: that its threads are alive does not say so.

It takes no work when the oldest of a queue waits and waits although there is room for it. It does no work when the
event loop on which workflows run does not answer: a hook that is a coroutine function blocks it.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from time import monotonic

from headrace.store.database import Database
from headrace.workflows import ledger

# Many times what a poll takes, and what the engine's own waiting after a conflict comes to.
STUCK_AFTER_SECONDS = 30.0
ANSWERS_WITHIN_SECONDS = 2.0


class Pulse:
    """Felt every few seconds; `problem` is what the last look came to. `room` is how many a queue may run here."""

    def __init__(self, database: Database, *, version: str, room: Mapping[str, int]) -> None:
        self._database = database
        self._version = version
        self._room = room
        self._first: dict[str, tuple[str | None, float]] = {}
        self.problem: str | None = None

    def look(self, loop: asyncio.AbstractEventLoop | None, count_active: Callable[[str], int]) -> None:
        """Look at the queues, of which `count_active` says how many run here, and at their event loop.

        Called from a thread that is not the loop's own.
        """
        if not _has_answer(loop):
            self.problem = "a hook blocks the event loop of all workflows; make it a plain function, which has a thread"
        elif stuck := [queue for queue in self._room if self._is_stuck(queue, count_active(queue))]:
            self.problem = f"the workflow engine takes no work from {' and '.join(stuck)}"
        else:
            self.problem = None

    def _is_stuck(self, queue: str, active: int) -> bool:
        """Whether the same workflow has been the first of a queue for too long."""
        with self._database.engine.connect() as connection:
            first = ledger.find_first(connection, queue=queue, version=self._version)
        known, since = self._first.get(queue, (None, 0.0))
        if first is None or first != known:
            self._first[queue] = (first, monotonic())
            return False
        return active < self._room[queue] and monotonic() - since >= STUCK_AFTER_SECONDS


def _has_answer(loop: asyncio.AbstractEventLoop | None) -> bool:
    if loop is None:
        return False
    answered = threading.Event()
    try:
        loop.call_soon_threadsafe(answered.set)
    except RuntimeError:
        # It was closed just now: the worker stops.
        return False
    return answered.wait(ANSWERS_WITHIN_SECONDS)
