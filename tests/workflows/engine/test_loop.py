"""The event loop on which workflows run. On both databases."""

import asyncio
from typing import Any

from uvicorn.loops.auto import auto_loop_factory

from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine.port import Engine
from headrace.workflows.engine.run import Run

UUID = "01234567-89ab-cdef-0123-456789abcdef"


async def test_workflows_run_on_the_loop_that_uvicorn_would_choose(database: Database) -> None:
    """It is uvloop's where that is installed; the engine would take Python's own."""
    found: list[type[asyncio.AbstractEventLoop]] = []

    async def work(_run: Run, _uuid: str, _argument: Any) -> None:
        found.append(type(asyncio.get_running_loop()))

    engine = Engine(database, clock=read_clock)
    engine.register("work", work)
    with database.transaction() as connection:
        engine.enqueue(connection, "work", "work:1", UUID)
    await engine.start()
    await eventually(lambda: found)
    await engine.stop()

    chosen = auto_loop_factory()()
    chosen.close()
    assert [type(chosen)] == found
