"""Chores of a worker hear what is told, from whichever process, once it is committed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import sqlalchemy as sa

from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.store.state.people.logins import write_for_trial
from headrace.workflows.engine.news import Listener
from headrace.workflows.engine.port import Engine

# Much longer than anybody waits who is told.
LONG_SECONDS = 600.0
SHORT_SECONDS = 0.05


async def test_a_chore_is_told_of_what_another_process_has_committed(database_url: str) -> None:
    """Also when that came before it began to wait."""
    async with _opened(database_url) as other, _opened(database_url) as (_, worker):
        await worker.start()
        listener = worker.news.listen()
        listener.forget()
        await _order(*other)
        waited = await _wait(listener, LONG_SECONDS)

    assert waited < LONG_SECONDS


async def test_what_was_told_before_a_look_is_no_news_after_it(postgres_url: str) -> None:
    """And of what is rolled back nobody is told."""
    async with _opened(postgres_url) as other, _opened(postgres_url) as (_, worker):
        await worker.start()
        listener = worker.news.listen()
        await _order(*other)
        await listener.wait(LONG_SECONDS)
        listener.forget()
        with other[0].engine.connect() as connection:
            other[1].news.ring_after(connection)
        waited = await _wait(listener, SHORT_SECONDS)

    assert waited >= SHORT_SECONDS


async def _wait(listener: Listener, seconds: float) -> float:
    """Return how long whoever waits so many seconds at the most has waited."""
    began = monotonic()
    await listener.wait(seconds)
    return monotonic() - began


async def _order(database: Database, engine: Engine) -> None:
    def write(connection: sa.Connection) -> None:
        write_for_trial(connection)
        engine.news.ring_after(connection)

    await database.write(write)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[tuple[Database, Engine]]:
    database = Database(url)
    engine = Engine(database, clock=read_clock, look_every=LONG_SECONDS)
    yield database, engine
    await engine.stop()
    database.close()
