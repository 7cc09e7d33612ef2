"""How many connections to PostgreSQL a formation has: a web and two workers, in processes of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import sqlalchemy as sa

from headrace.models import State
from headrace.testing import eventually
from workers import prepare_site, serve_process, work_process

# Heroku's small plans have 20, and a command of an operator's wants some of them.
BUDGET = 15
PROVISIONS = 40
LONG = timedelta(seconds=180)


async def test_a_web_and_two_workers_have_fifteen_at_the_most(postgres_url: str, tmp_path: Path) -> None:
    """At the start, under load and at the end."""
    async with (
        _counting(postgres_url) as counted,
        prepare_site(postgres_url, tmp_path) as site,
        work_process(tmp_path, site.environment),
        work_process(tmp_path, site.environment),
        serve_process(tmp_path, site.environment, site.port, "--web-only") as web,
        aiohttp.ClientSession() as http,
    ):
        site.let_hooks_go_on()
        create = site.heroku.create_addon
        asking = asyncio.create_task(_keep_asking(http, web.url))
        addons = await asyncio.gather(*(create("shop-staging", "acme-search:basic") for _ in range(PROVISIONS)))
        await eventually(lambda: {State.PROVISIONED} == {addon.state for addon in addons}, within=LONG)
        asking.cancel()

    # Each worker has its lease and works, and so does the web.
    assert 5 <= max(counted) <= BUDGET


async def _keep_asking(http: aiohttp.ClientSession, url: str) -> None:
    """Read what the web has to ask the database for, several at a time."""

    async def ask(path: str) -> None:
        async with http.get(f"{url}{path}") as answer:
            await answer.read()

    while True:
        await asyncio.gather(*(ask(path) for path in ("/metrics", "/ready")))


@asynccontextmanager
async def _counting(url: str) -> AsyncIterator[list[int]]:
    """Count the connections to the database again and again, but for the one that counts."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    counted: list[int] = []

    async def count() -> None:
        with engine.connect() as connection:
            while True:
                counted.append(int((await asyncio.to_thread(connection.execute, query)).scalar_one()))
                await asyncio.sleep(0.05)

    counting = asyncio.create_task(count())
    try:
        yield counted
    finally:
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)
