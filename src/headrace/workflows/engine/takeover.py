"""Taking over what nobody runs any more: a dead worker's workflows, and those that this one has lost.

On PostgreSQL a worker holds the lock of its slot for as long as its connection lives. A slot with unfinished
workflows that nobody holds belongs to a worker that is dead, or to one that has just lost its connection and is
about to take its slot again: so it has to be found free for a while before anybody takes it over. If a worker goes
on all the same, cut off from everyone, none of its workflows writes anything any more: each claim has a token of its
own. What its last step does outside may happen twice, which is why every step is idempotent.

What a worker's slot has left over from before is put back by one statement, before the worker takes anything. Later a
workflow of its own is lost when the database goes away in the wrong moment: the engine's row says that it runs, and
nothing in this process does it, nor will.
"""

import logging
from collections.abc import Callable, Collection
from functools import partial
from time import monotonic

from headrace.logs import LogName
from headrace.store.sql.database import Database
from headrace.store.sql.deadlocks import run_transaction
from headrace.workflows.engine import ledger
from headrace.workflows.engine.begun import Begun
from headrace.workflows.engine.lease import WorkerLease, name_worker, read_slot

log = logging.getLogger(__name__)

# Longer than a worker takes to notice that it has lost its slot.
GRACE_SECONDS = 10.0
# As long, in looks: where a processor is scarce, what was taken from the queue begins seconds later.
LOOKS = 4


class Takeover:
    """Puts what nobody runs any more back on the queue; another's slot has to be free for a `grace` of seconds."""

    def __init__(
        self,
        database: Database,
        lease: WorkerLease,
        *,
        version: str,
        begun: Begun | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._database = database
        self._lease = lease
        self._version = version
        self._begun = begun or Begun()
        self._grace = grace
        self._free_since: dict[int, float] = {}
        # At how many looks in a row a claim of this worker's was not running.
        self._missed: dict[ledger.Claim, int] = {}

    def put_back(self) -> None:
        """Put back what was begun under this worker's id before: to be called before it takes anything."""
        self._put_all_back(self._lease.slot)

    def look(self, list_active: Callable[[], Collection[str]]) -> None:
        """Look once. `list_active` names what the engine runs in this process, or has yet to record the end of."""
        me = name_worker(self._lease.slot)
        with self._database.reads.connect() as connection:
            claims, others = ledger.list_begun(connection, worker=me, version=self._version)
        self._look_at_mine(me, claims, list_active)
        if not self._database.is_sqlite:
            self._look_at_others(others)

    def _look_at_mine(
        self, me: str, claims: Collection[ledger.Claim], list_active: Callable[[], Collection[str]]
    ) -> None:
        """Only what is not running at some looks in a row is suspected, and only what has not begun by then is lost."""
        active = set(list_active())
        missing = [claim for claim in claims if claim.workflow_id not in active]
        self._missed = {claim: self._missed.get(claim, 0) + 1 for claim in missing}
        lost = self._begun.give_up([claim for claim, looks in self._missed.items() if looks >= LOOKS])
        if lost:
            self._write(me, partial(ledger.requeue, claims=lost))

    def _look_at_others(self, workers: Collection[str]) -> None:
        slots = {slot for name in workers if (slot := read_slot(name)) is not None} - {self._lease.slot}
        self._free_since = {slot: since for slot, since in self._free_since.items() if slot in slots}
        for slot in slots:
            self._look_at(slot)

    def _look_at(self, slot: int) -> None:
        if not self._lease.try_other(slot):
            self._free_since.pop(slot, None)
            return
        # While the slot is held here, no worker that starts can take it and recover the same.
        try:
            if monotonic() - self._free_since.setdefault(slot, monotonic()) >= self._grace:
                self._take_over(slot)
        finally:
            self._lease.give_back(slot)

    def _take_over(self, slot: int) -> None:
        self._put_all_back(slot)
        del self._free_since[slot]

    def _put_all_back(self, slot: int) -> None:
        self._write(name_worker(slot), partial(ledger.requeue_all, version=self._version))

    def _write(self, worker: str, requeue: Callable[..., int]) -> None:
        """Put claims of a worker back, and again where somebody who writes behind some of them came first."""

        def write() -> int:
            with self._database.transaction() as connection:
                return requeue(connection, worker=worker)

        if count := run_transaction(write):
            log.warning(LogName.WORKFLOWS_TAKEN_OVER, extra={"worker": worker, "count": count})
