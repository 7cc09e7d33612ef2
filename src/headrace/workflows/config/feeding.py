"""What a worker does again and again for orders: it has those begin whose time has come, and jobs some at a time.

It is told of what is ordered, and knows when the next time comes: with nothing to do it looks rarely.

What only sets config vars is told to Heroku in batches; a rotation, which calls a hook, is a workflow of its resource.
Heroku counts what each resource's own token asks for, so a job uses up nobody's pool; what bounds it is how many are
under way at a time, so that other work has its turn.
"""

from math import inf

import sqlalchemy as sa

from headrace.store.state.config.changes import list_due_config_changes, wake_config_change
from headrace.store.state.config.jobs import count_under_way, list_to_begin, look_ahead
from headrace.store.state.resources import lock_resource
from headrace.workflows.config.batches import begin_batch, has_room
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import start_due

# Of those whose time has come, how many are begun in one round.
BATCH = 200
# Of jobs, in all processes, each in a workflow of its own.
MOST_UNDER_WAY = 200
# Begun in one transaction.
CHUNK = 50


class Feeding:
    """Any number of workers may do it: each order begins once."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run_once(self) -> float:
        """Have begin what may; return after how many seconds to look again, if nothing is told before."""
        database, now = self._core.database, self._core.clock()
        next_time, is_any = await database.read(look_ahead)
        if next_time is not None and next_time <= now:
            for uuid, number in await database.read(list_due_config_changes, now=now, limit=BATCH):
                await database.write(self._wake, uuid, number)
        if not is_any:
            return inf if next_time is None else (next_time - now).total_seconds()
        while await database.write(self._begin_batch):
            continue
        while uuids := await database.read(self._list_to_begin):
            for start in range(0, len(uuids), CHUNK):
                await database.write(self._begin, uuids[start : start + CHUNK])
        # As some end, others have room.
        return 0.0

    def _wake(self, connection: sa.Connection, uuid: str, number: int) -> None:
        row = lock_resource(connection, uuid)
        wake_config_change(connection, uuid, number)
        if row is not None:
            start_due(connection, self._core.engine, row)

    def _begin_batch(self, connection: sa.Connection) -> bool:
        return has_room(connection) and begin_batch(connection, self._core)

    def _list_to_begin(self, connection: sa.Connection) -> list[str]:
        room = MOST_UNDER_WAY - count_under_way(connection)
        return list_to_begin(connection, limit=room) if room > 0 else []

    def _begin(self, connection: sa.Connection, uuids: list[str]) -> None:
        # In one order, so that of two workers with resources in common one waits for the other.
        for uuid in sorted(uuids):
            row = lock_resource(connection, uuid)
            if row is not None:
                start_due(connection, self._core.engine, row)
