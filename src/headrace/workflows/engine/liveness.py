"""Whether a worker's engine works: that its threads are alive does not say so.

It takes no work when the thread of a queue has ended, or when the oldest of a queue waits and waits although there is
room for it. It does no work when the event loop on which workflows run does not answer, or that of hooks: a hook that
is a coroutine function may block it. And whoever has not looked for long, because the database keeps it waiting, sees
nothing of this.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping
from time import monotonic

from headrace.store.sql.database import Database
from headrace.workflows.engine import ledger

# Many times what a poll takes, and what the engine's own waiting after a conflict comes to.
STUCK_AFTER_SECONDS = 30.0
# Many looks.
BLIND_AFTER_SECONDS = 45.0
ANSWERS_WITHIN_SECONDS = 2.0


class Liveness:
    """Examined every few seconds.

    `room` is how many a queue may run here, and `stuck_after` how many seconds its oldest may wait all the same.
    """

    def __init__(
        self,
        database: Database,
        *,
        version: str,
        room: Mapping[str, int],
        stuck_after: float = STUCK_AFTER_SECONDS,
        blind_after: float = BLIND_AFTER_SECONDS,
    ) -> None:
        self._database = database
        self._version = version
        self._room = room
        self._stuck_after = stuck_after
        self._blind_after = blind_after
        self._first: dict[str, tuple[str | None, float]] = {}
        self._untended: set[str] = set()
        self._problem: str | None = None
        self._looked_at = monotonic()
        # Whether anything waited to be taken at the last look.
        self.has_waiting = False

    @property
    def problem(self) -> str | None:
        """What is wrong, or None when nothing is."""
        blind_for = monotonic() - self._looked_at
        if blind_for >= self._blind_after:
            return f"the worker has not been able to look after itself for {blind_for:.0f} seconds"
        return self._problem

    def begin(self) -> None:
        """Count from now: the engine has just begun."""
        self._looked_at, self._problem = monotonic(), None
        self._first.clear()
        self._untended.clear()

    def examine(
        self,
        loop: asyncio.AbstractEventLoop | None,
        count_active: Callable[[str], int],
        tended: Collection[str] | None = None,
        *,
        hook_loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Look at the queues and at their event loop, and at that of hooks, if there is one.

        `count_active` says how many of a queue run here, `tended` of which queues there is a thread that takes from it.
        Called from a thread that is not the loop's own.
        """
        problem = self._find_problem(loop, count_active, self._room if tended is None else tended)
        if hook_loop is not None and not _has_answer(hook_loop):
            problem = "a hook blocks the event loop of all hooks; make it a plain function, which has a thread"
        self._problem = problem
        self._looked_at = monotonic()

    def _find_problem(
        self, loop: asyncio.AbstractEventLoop | None, count_active: Callable[[str], int], tended: Collection[str]
    ) -> str | None:
        # One that has just ended is begun anew within a second.
        untended = {queue for queue in self._room if queue not in tended}
        ended, self._untended = untended & self._untended, untended
        if not _has_answer(loop):
            return "something blocks the event loop of all workflows; restart this worker"
        if ended:
            return f"the workflow engine takes no work from {_join(ended)}: its thread has ended; restart this worker"
        firsts = self._find_firsts()
        self.has_waiting = bool(firsts)
        if stuck := [queue for queue in self._room if self._is_stuck(queue, firsts.get(queue), count_active(queue))]:
            return f"the workflow engine takes no work from {_join(stuck)}"
        return None

    def _find_firsts(self) -> dict[str, str]:
        with self._database.reads.connect() as connection:
            return ledger.find_firsts(connection, queues=list(self._room), version=self._version)

    def _is_stuck(self, queue: str, first: str | None, active: int) -> bool:
        """Whether the same workflow has been the first of a queue for too long."""
        known, since = self._first.get(queue, (None, 0.0))
        if first is None or first != known:
            self._first[queue] = (first, monotonic())
            return False
        return active < self._room[queue] and monotonic() - since >= self._stuck_after


def _join(queues: Collection[str]) -> str:
    return " and ".join(sorted(queues))


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
