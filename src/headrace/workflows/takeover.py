"""Taking over what nobody runs any more: a dead worker's workflows, and those that this one has lost.

On PostgreSQL a worker holds the lock of its slot for as long as its connection lives. A slot with unfinished
workflows that nobody holds belongs to a worker that is dead, or to one that has just lost its connection and is
about to take its slot again: so it has to be found free for a while before anybody takes it over. If a worker goes
on all the same, cut off from everyone, the engine refuses the steps that it tries to record; what its last step
does outside may happen twice, which is why every step is idempotent.

A worker's own workflow is lost when the database goes away in the wrong moment: the engine's row says that it
runs, and nothing in this process does it.
"""

import logging
from collections.abc import Callable, Collection
from time import monotonic

from headrace.store.database import Database
from headrace.workflows import ledger
from headrace.workflows.lease import WorkerLease, name_worker, read_slot

log = logging.getLogger(__name__)

# Longer than a worker takes to notice that it has lost its slot.
GRACE_SECONDS = 10.0


class Takeover:
    """Puts what nobody runs any more back on the queue."""

    def __init__(self, database: Database, lease: WorkerLease, *, version: str) -> None:
        self._database = database
        self._lease = lease
        self._version = version
        self._free_since: dict[int, float] = {}
        self._suspects: set[str] = set()

    def look(self, list_active: Callable[[], Collection[str]]) -> None:
        """Look once. `list_active` names what runs in this process."""
        self._look_at_mine(list_active)
        if not self._database.is_sqlite:
            self._look_at_others()

    def _look_at_mine(self, list_active: Callable[[], Collection[str]]) -> None:
        """What was just taken from the queue is about to run: only what is not running at two looks is lost."""
        me = name_worker(self._lease.slot)
        with self._database.engine.connect() as connection:
            begun = ledger.list_pending(connection, worker=me)
        missing = set(begun) - set(list_active())
        lost, self._suspects = missing & self._suspects, missing
        if lost:
            self._requeue(lost, worker=me)

    def _look_at_others(self) -> None:
        with self._database.engine.connect() as connection:
            workers = ledger.list_pending_workers(connection, version=self._version)
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
            if monotonic() - self._free_since.setdefault(slot, monotonic()) >= GRACE_SECONDS:
                self._take_over(slot)
        finally:
            self._lease.give_back(slot)

    def _take_over(self, slot: int) -> None:
        worker = name_worker(slot)
        with self._database.engine.connect() as connection:
            begun = ledger.list_pending(connection, worker=worker)
        self._requeue(begun, worker=worker)
        del self._free_since[slot]

    def _requeue(self, workflow_ids: Collection[str], *, worker: str) -> None:
        with self._database.transaction() as connection:
            count = ledger.requeue(connection, workflow_ids, worker=worker)
        log.warning("workflows.taken_over", extra={"worker": worker, "count": count})
