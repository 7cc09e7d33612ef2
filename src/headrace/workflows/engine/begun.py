"""What this process has begun: by it alone a worker judges whether a claim of its own has been lost.

The engine's row says of a claim that it runs, and not whether anybody does it: it may be on its way from the queue.
So a claim is either begun here or given up here, and never both: the two have one lock.
"""

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Lock

from headrace.store.sql.fence import Superseded
from headrace.workflows.engine.ledger import Claim


class Begun:
    """The claims whose runs are under way in this process, and what runs that were taken over have left."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[Claim, tuple[str, str]] = {}
        self._given_up: set[Claim] = set()
        # Kind of workflow and uuid.
        self.left_behind: deque[tuple[str, str]] = deque()

    @contextmanager
    def running(self, claim: Claim, kind: str, uuid: str) -> Iterator[None]:
        """Run a claim until the block ends.

        Raises:
            Superseded: it was given up before it began.
        """
        with self._lock:
            if claim in self._given_up:
                raise Superseded(claim.workflow_id)
            self._running[claim] = (kind, uuid)
        try:
            yield
        finally:
            with self._lock:
                del self._running[claim]

    def give_up(self, claims: Collection[Claim]) -> list[Claim]:
        """Return those of these claims that do not run here, and now never will."""
        with self._lock:
            lost = [claim for claim in claims if claim not in self._running]
            self._given_up.update(lost)
        return lost

    def leave_all(self) -> None:
        """Count everything that runs here as taken over, before it is ended."""
        with self._lock:
            self.left_behind.extend(self._running.values())
