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
CALLER = "headrace-queues"
# How often a worker looks that was told nothing: a word may get lost. Whoever looks after it does so more often.
LOOK_SECONDS = 10.0
# How soon it looks again for which the database was away.
AGAIN_AFTER_SECONDS = 1.0
# While many run here, most of what is told on SQLite is what they do themselves. So often it is looked, too, whether
# there is room for what waits: whatever ends makes some, and to be told of each took longer than to take it.
LOOKS_EVERY_SECONDS = 0.05
MANY = 8
# After a turn a queue has the next one not before a few more can be taken at once, or after a while.
FEW_AFTER_SECONDS = 0.2
MANY_AFTER_SECONDS = 0.02
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
        # These may have something that was not taken.
        self._may_have: set[str] = set()
        self._is_told = True
        self._looked_at = 0.0
        self._is_over = False
        self._threads = {
            queue: threading.Thread(target=tend, args=(turn, queue), name=f"{QUEUE_THREAD}{queue}", daemon=True)
            for queue, turn in self._turns.items()
        }
        self._caller = threading.Thread(target=self._work, name=CALLER, daemon=True)

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

    def look(self) -> None:
        """Have it looked soon whether there is something to take."""
        self._is_told, self._looked_at = True, 0.0
        self._ear.ring()

    def _work(self) -> None:
        pause = 0.0
        while not self._is_over:
            if self._ear.wait(pause):
                self._is_told = True
            try:
                pause = self._tend(monotonic())
            except sa.exc.SQLAlchemyError as error:
                self._database.outages.note(error, chore=QUEUE_THREAD)
                pause = AGAIN_AFTER_SECONDS
        self._ear.close()

    def _tend(self, now: float) -> float:
        """Give each queue its turn that has something and room for it; return how long nothing is to be done then.

        One that has something is looked at again when it may have its next turn, the others when something is told.
        """
        if self._measure_look(now) <= 0:
            self._is_told, self._looked_at = False, now
            self._may_have.update(self._queues)
        due = [queue for queue in self._queues if queue in self._may_have and self._measure_turn(queue, now) <= 0]
        waiting = self._find_firsts(due) if due else {}
        for queue in waiting:
            self._called_at[queue] = now
            self._turns[queue].call()
        self._may_have.difference_update(set(due) - waiting.keys())
        turns = [min(self._measure_turn(queue, now), LOOKS_EVERY_SECONDS) for queue in self._may_have]
        return max(0.0, min([self._measure_look(now), *turns]))

    def _measure_look(self, now: float) -> float:
        """Return after how many seconds all queues are looked at."""
        if not self._is_told:
            return self._looked_at + self._look_every - now
        is_busy = sum(self._count_active(queue) for queue in self._queues) >= MANY
        return self._looked_at + (LOOKS_EVERY_SECONDS if is_busy else 0.0) - now

    def _measure_turn(self, queue: str, now: float) -> float:
        """Return after how many seconds a queue may have its next turn, as far as that can be told by now."""
        most = self._queues[queue]
        room = most - self._count_active(queue)
        if room <= 0:
            return FEW_AFTER_SECONDS
        return self._called_at[queue] + (MANY_AFTER_SECONDS if 2 * room >= most else FEW_AFTER_SECONDS) - now

    def _find_firsts(self, queues: list[str]) -> dict[str, str]:
        with self._database.reads.connect() as connection:
            return ledger.find_firsts(connection, queues=queues, version=self._version)
