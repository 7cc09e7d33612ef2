"""The sweep: what is due is put into batches on the durable queue, and any worker inspects them.

A batch is a workflow whose only input is the batch's id. Which resources are in it, and which of them have been
inspected, stands beside their placements: a batch that is taken up again goes on with what is left.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from headrace.inspector.batch_state import Tally
from headrace.inspector.batches import BatchInspector
from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.state.due import claim_batch, count_batches, is_any_due, release_batch
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.port import SWEEP_QUEUE
from headrace.workflows.engine.run import JSON, Run
from headrace.workflows.lifecycle.core import Core

BATCH = 500
# A batch that nobody brings to its end, not even at a takeover, gives its placements back after this.
LEASE = timedelta(minutes=10)
# No more than this is waiting at a time: what is due stays in one place, from where it can be taken elsewhere.
MOST_BATCHES = 20


class Sweep:
    """Finds out what is due and has it inspected."""

    def __init__(self, core: Core, inspector: BatchInspector) -> None:
        self._core = core
        self._inspector = inspector
        core.engine.register(WorkflowKind.SWEEP, self._run)

    async def run_once(self) -> int:
        """Enqueue what is due in batches; return how many there were. Any worker runs them."""
        count, database = 0, self._core.database
        while await database.read(is_any_due, now=self._core.clock()) and await database.write(self._enqueue):
            count += 1
        return count

    async def inspect_here(self, only: Collection[str] | None = None, *, since: datetime | None = None) -> Tally | None:
        """Inspect one batch of what is due, or is due of these, in this process; return None when nothing is.

        With `since`, whoever has been looked at from then on is counted already.
        """
        batch = str(uuid4())
        if not await self._core.database.write(self._claim, batch, only):
            return None
        try:
            return await self._inspector.inspect(batch, since=since)
        except BaseException:
            # Stopped or failed: others need not wait for the lease to end.
            await self._core.database.write(release_batch, batch, due_at=self._core.clock())
            raise

    async def _run(self, run: Run, batch: str, _argument: Any) -> None:
        async def inspect() -> JSON:
            await self._inspector.inspect(batch)

        await run.step("look", inspect, leaves_traces=True)

    def _enqueue(self, connection: sa.Connection) -> bool:
        if count_batches(connection, now=self._core.clock()) >= MOST_BATCHES:
            return False
        batch = str(uuid4())
        if not self._claim(connection, batch):
            return False
        kind = WorkflowKind.SWEEP
        self._core.engine.enqueue(connection, kind, build_id(kind, batch), batch, queue=SWEEP_QUEUE)
        return True

    def _claim(self, connection: sa.Connection, batch: str, only: Collection[str] | None = None) -> int:
        return claim_batch(connection, batch, now=self._core.clock(), limit=BATCH, lease=LEASE, only=only)
