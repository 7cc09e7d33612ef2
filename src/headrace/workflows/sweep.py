"""The sweep: what is due is put into batches on the durable queue, and any worker looks at them.

A batch is a workflow whose only input is the batch's id. Which resources are in it, and which of them have been
looked at, stands beside their placements: a batch that is taken up again goes on with what is left.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from headrace.client import Clock
from headrace.inspector.looks import Looker, Tally
from headrace.store.database import Database
from headrace.store.looks import claim_batch, count_batches, release_batch
from headrace.workflows.engine import SWEEP_QUEUE, Engine
from headrace.workflows.run import JSON, Run

SWEEP = "sweep"
BATCH = 250
# A batch that nobody brings to its end, not even at a takeover, gives its placements back after this.
LEASE = timedelta(minutes=10)
# No more than this is waiting at a time: what is due stays in one place, from where it can be taken elsewhere.
MOST_BATCHES = 40


class Sweep:
    """Finds out what is due and has it looked at."""

    def __init__(self, database: Database, engine: Engine, looker: Looker, *, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._looker = looker
        self._clock = clock
        engine.register(SWEEP, self._run)

    async def look(self) -> int:
        """Enqueue what is due in batches; return how many there were. Any worker runs them."""
        count = 0
        while await self._database.write(self._enqueue):
            count += 1
        return count

    async def look_here(self, only: Collection[str] | None = None) -> Tally | None:
        """Look at one batch of what is due, or is due of these, in this process; return None when nothing is."""
        batch = str(uuid4())
        if not await self._database.write(self._claim, batch, only):
            return None
        try:
            return await self._looker.look_at(batch)
        except BaseException:
            # Stopped or failed: others need not wait for the lease to end.
            await self._database.write(release_batch, batch, due_at=self._clock())
            raise

    async def _run(self, run: Run, batch: str, _argument: Any) -> None:
        async def look() -> JSON:
            await self._looker.look_at(batch)

        await run.step("look", look)

    def _enqueue(self, connection: sa.Connection) -> bool:
        if count_batches(connection, now=self._clock()) >= MOST_BATCHES:
            return False
        batch = str(uuid4())
        if not self._claim(connection, batch):
            return False
        self._engine.enqueue(connection, SWEEP, f"{SWEEP}:{batch}", batch, queue=SWEEP_QUEUE)
        return True

    def _claim(self, connection: sa.Connection, batch: str, only: Collection[str] | None = None) -> int:
        return claim_batch(connection, batch, now=self._clock(), limit=BATCH, lease=LEASE, only=only)
