"""The threads that take work from the engine's queues: the engine's own, each in its turn, when there is something.

The engine would have each of them ask several times a second, for ever. Here a thread has its turn when something waits
and there is room for it; one look tells that for all queues.
"""

import threading
from collections.abc import Callable, Mapping
from time import monotonic

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.workflows.engine import ledger
from headrace.workflows.engine.bell import Ear

QUEUE_THREAD = "queue-worker-"
# How often a worker looks that was told nothing: a word may get lost.
LOOK_SECONDS = 1.0
# After a turn a queue has the next one not before a few more can be taken at once, or after a while.
FEW_AFTER_SECONDS = 0.1
MANY_AFTER_SECONDS = 0.01
END_WITHIN_SECONDS = 10.0


class Turn(threading.Event):
    """What a thread of the engine waits for between two looks at its queue; set, it ends the thread.

    The engine waits so long and looks again. Here it waits until it is called.
    """

    def __init__(self) -> None:
        super().__init__()
        self._called = threading.Event()

    def call(self) -> None:
        self._called.set()

    def set(self) -> None:
        super().set()
        self._called.set()

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        """Return whether the thread is to end."""
        self._called.wait()
        if not self.is_set():
            self._called.clear()
        return self.is_set()


class Tending:
    """Calls the threads of queues; `tend` is what one of them runs, and `count_active` says what a queue has running.

    `queues` has how many of each this worker works on at a time.
    """

    def __init__(
        self,
        database: Database,
        queues: Mapping[str, int],
        *,
        version: str,
        ear: Ear,
        tend: Callable[[threading.Event, str], None],
        count_active: Callable[[str], int],
        look_every: float = LOOK_SECONDS,
    ) -> None:
        self._look_every = look_every
        self._database = database
        self._queues = queues
        self._version = version
        self._ear = ear
        self._count_active = count_active
        self._turns = {queue: Turn() for queue in queues}
        self._called_at = dict.fromkeys(queues, 0.0)
        self._is_over = False
        self._threads = {
            queue: threading.Thread(target=tend, args=(turn, queue), name=f"{QUEUE_THREAD}{queue}", daemon=True)
            for queue, turn in self._turns.items()
        }
        self._caller = threading.Thread(target=self._work, name="headrace-queues", daemon=True)

    def start(self) -> None:
        for thread in (*self._threads.values(), self._caller):
            thread.start()

    def end(self) -> None:
        """Take nothing more."""
        self._is_over = True
        self._ear.ring()
        for turn in self._turns.values():
            turn.set()
        for thread in (*self._threads.values(), self._caller):
            thread.join(END_WITHIN_SECONDS)

    @property
    def is_alive(self) -> bool:
        return self._caller.is_alive()

    def list_tended(self) -> set[str]:
        """Return the queues of which a thread takes."""
        return {queue for queue, thread in self._threads.items() if thread.is_alive()}

    def _work(self) -> None:
        pause = 0.0
        while not self._is_over:
            self._ear.wait(pause)
            pause = self._look_every if self._call() else FEW_AFTER_SECONDS
        self._ear.close()

    def _call(self) -> bool:
        """Give each queue its turn that has something and room for it; return whether none has to be looked at soon."""
        now = monotonic()
        due = {queue: self._is_due(queue, now) for queue in self._queues}
        asked = [queue for queue, is_due in due.items() if is_due]
        try:
            waiting = self._find_firsts(asked) if asked else ()
        except sa.exc.SQLAlchemyError as error:
            self._database.outages.note(error, chore=QUEUE_THREAD)
            return True
        for queue in waiting:
            self._called_at[queue] = now
            self._turns[queue].call()
        return len(asked) == len(due)

    def _is_due(self, queue: str, now: float) -> bool:
        most = self._queues[queue]
        room = most - self._count_active(queue)
        after = MANY_AFTER_SECONDS if 2 * room >= most else FEW_AFTER_SECONDS
        return room > 0 and now - self._called_at[queue] >= after

    def _find_firsts(self, queues: list[str]) -> dict[str, str]:
        with self._database.reads.connect() as connection:
            return ledger.find_firsts(connection, queues=queues, version=self._version)
