"""How many more workflows a worker may take: what waits takes nobody's place.

A worker takes a queue's work a few dozen at a time, so that others have a share of what waits. One that waits for its
next attempt, or for a hook or for Heroku, works on nothing meanwhile: a few dozen hooks that fail, or that take
minutes, must not keep others from their turn.
"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from dbos._core import ActiveWorkflowById

# A step that takes longer waits for somebody: the work of one takes milliseconds.
WORKS_FOR_SECONDS = 2.0
# This step is the partner's: it waits for somebody from its beginning, and hundreds may begin within seconds.
HOOK = "run_hook"
# All the same, each costs some memory.
MOST = 1000


class Room(ActiveWorkflowById):
    """What the engine runs in this process; it counts, by queue, what works."""

    def __init__(self) -> None:
        super().__init__()
        # When a workflow ceases to count, if it has not gone on by then.
        self._waits_from: dict[str, float] = {}
        # Who may be woken before the time, each with the event loop that it sleeps on.
        self._asleep: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}

    def count_for_queue(self, queue_name: str) -> int:
        count = super().count_for_queue(queue_name)
        return count if count >= MOST else count - self._count_waiting(queue_name)

    def count_at_work(self) -> int:
        """Return how many work, of all queues."""
        now = monotonic()
        with self._lock:
            return len(self._m) - sum(1 for since in self._waits_from.values() if since <= now)

    @contextmanager
    def working(self, workflow_id: str, step: str) -> Iterator[None]:
        """Count a workflow while the block lasts, if that is no longer than any work takes; in a hook do not."""
        with self.waiting(workflow_id) if step == HOOK else self._not_counting(workflow_id, after=WORKS_FOR_SECONDS):
            yield

    @contextmanager
    def waiting(self, workflow_id: str) -> Iterator[None]:
        """Do not count a workflow until the block ends."""
        with self._not_counting(workflow_id, after=0.0):
            yield

    @contextmanager
    def _not_counting(self, workflow_id: str, *, after: float) -> Iterator[None]:
        with self._lock:
            self._waits_from[workflow_id] = monotonic() + after
        try:
            yield
        finally:
            with self._lock:
                self._waits_from.pop(workflow_id, None)

    async def rest(self, workflow_id: str, seconds: float) -> None:
        """Do not count a workflow for so many seconds, or until it is woken."""
        woken = asyncio.Event()
        with self.waiting(workflow_id):
            with self._lock:
                self._asleep[workflow_id] = (asyncio.get_running_loop(), woken)
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await woken.wait()
            finally:
                with self._lock:
                    self._asleep.pop(workflow_id, None)

    def wake(self, workflow_ids: Collection[str]) -> None:
        """Have those of these workflows go on that rest here, from any thread."""
        with self._lock:
            asleep = [self._asleep[each] for each in workflow_ids if each in self._asleep]
        for loop, woken in asleep:
            # A loop that was closed meanwhile has nobody on it any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

    def _count_waiting(self, queue_name: str) -> int:
        now = monotonic()
        with self._lock:
            waiting = [each for each, since in self._waits_from.items() if since <= now]
            return sum(1 for each in waiting for bucket in self._m.get(each, ()) if bucket and bucket[0] == queue_name)
