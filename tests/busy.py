"""Keeping the database busy, so that what comes meanwhile is written together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from threading import Event

import sqlalchemy as sa

from headrace.store.sql.database import POSTGRES_WRITERS, SQLITE_WRITERS, Database


@asynccontextmanager
async def busy(database: Database) -> AsyncIterator[None]:
    """While the block lasts, each writer is at a write that does not end; then one takes all that has come."""
    count = SQLITE_WRITERS if database.is_sqlite else POSTGRES_WRITERS
    held = [await _hold(database, Event()) for _ in range(count)]
    try:
        yield
    finally:
        for may_end, write in held:
            may_end.set()
            await write


async def _hold(database: Database, may_end: Event) -> "tuple[Event, asyncio.Task[None]]":
    begun = Event()

    def hold(_connection: sa.Connection, _items: Sequence[None]) -> list[None]:
        begun.set()
        may_end.wait()
        return [None]

    write = asyncio.create_task(database.write_together(hold, None))
    await asyncio.to_thread(begun.wait)
    return may_end, write
