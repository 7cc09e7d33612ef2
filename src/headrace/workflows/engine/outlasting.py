"""Runs outlast their database: one that goes away between two steps, or takes their answer with it, ends no workflow.

What was asked last is on disk or it is not, as after a crash. So the run begins anew once there is a database again,
and finds what it has done. Whoever has been taken over meanwhile learns it before anything else.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.fence import find_fence
from headrace.store.sql.outage import is_away
from headrace.workflows.engine.ledger import Claim

# How soon a database is asked again that was away.
PAUSE_SECONDS = 1.0


async def outlast(
    run: Callable[[Claim], Awaitable[None]],
    claim: Claim,
    database: Database,
    *,
    rest: Callable[[float], Awaitable[None]],
) -> None:
    """Run a claim to its end, behind its fence, with a rest wherever the database goes away.

    Raises:
        Superseded: another worker has it by then.
    """
    while True:
        try:
            return await run(claim)
        except sa.exc.SQLAlchemyError as error:
            if not is_away(error):
                raise
            database.outages.note(error)
        # From the second time on there is something to read of it.
        claim = replace(claim, carried=None)
        await _wait(database, rest)


async def _wait(database: Database, rest: Callable[[float], Awaitable[None]]) -> None:
    while True:
        await rest(PAUSE_SECONDS)
        try:
            return await confirm(database)
        except sa.exc.SQLAlchemyError as error:
            if not is_away(error):
                raise


async def confirm(database: Database) -> None:
    """Ask a database whether whoever calls this may still write.

    Raises:
        Superseded: another worker has been given what it was doing.
    """
    if (fence := find_fence()) is not None:
        await database.read(fence.require)
