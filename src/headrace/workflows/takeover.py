"""Taking over what a dead worker left: on PostgreSQL, where several share the work.

A worker holds the lock of its slot for as long as its connection lives. A slot with unfinished workflows that
nobody holds belongs to a worker that is dead, or to one that has just lost its connection and is about to take its
slot again: so it has to be found free for a while before anybody takes it over. If a worker goes on all the same,
cut off from everyone, it cannot record a step any more: the engine lets the first recorded result stand.
"""

import logging
from time import monotonic

from dbos import DBOS

from headrace.store.database import Database
from headrace.workflows import ledger
from headrace.workflows.lease import WorkerLease, name_worker, read_slot

log = logging.getLogger(__name__)

# Longer than a worker takes to notice that it has lost its slot.
GRACE_SECONDS = 10.0


class Takeover:
    """Finds workers that died, and puts what they had begun back on the queue."""

    def __init__(self, database: Database, lease: WorkerLease, *, version: str) -> None:
        self._database = database
        self._lease = lease
        self._version = version
        self._free_since: dict[int, float] = {}

    def look(self) -> None:
        if self._database.is_sqlite:
            return
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
                self._recover(slot)
        finally:
            self._lease.give_back(slot)

    def _recover(self, slot: int) -> None:
        handles = DBOS._recover_pending_workflows([name_worker(slot)])  # noqa: SLF001
        log.warning("workflows.taken_over", extra={"worker": name_worker(slot), "count": len(handles)})
        del self._free_since[slot]
