"""A worker that is stopped, or cut off, while what the steps of many provisions have left is being written together."""

import asyncio
import signal
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.emulator import Addon
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import lifecycle_event
from headrace.store.state.timeline import list_events
from headrace.testing import eventually
from outages import holding
from workers import HEADRACE, Site, end_sessions, prepare_site, read_calls, serve_process, work_process

LONG = timedelta(seconds=180)
MANY = 6
# What the connections of the worker are called that is stopped.
SLEEPER = "sleeper"
# It makes a token each time it is called, and the last that it told is the one that its cloud knows.
ACME = """
import asyncio, os, secrets
from pathlib import Path
from headrace import AddonService

FOLDER = Path(os.environ["ACME_FOLDER"])
service = AddonService.from_env()

@service.on_provision
async def create(provision):
    token = secrets.token_hex()
    with (FOLDER / "calls").open("a") as file:
        file.write(f"{provision.uuid} {token}\\n")
    while not (FOLDER / "may-go-on").exists():
        await asyncio.sleep(0.05)
    return {"ACME_SEARCH_TOKEN": token}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""
# Of each there is one in a provision that went well, however many workers have had it.
ONCE = ("grant.exchanged", "placement.found", "hook.returned", "config.set", "provision.done")
# Of a session: that it is a worker's lease, and that it waits for a table that is held.
IS_LEASE = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
WAITS = "wait_event_type = 'Lock'"


@pytest.mark.long
@pytest.mark.parametrize(
    "ended", ["TRUE", IS_LEASE], ids=["all its sessions end", "its machine is gone without a word"]
)
async def test_what_a_worker_was_writing_as_it_was_taken_over_is_written_by_the_other_alone(
    postgres_url: str, tmp_path: Path, ended: str
) -> None:
    """Of a machine that is gone the server knows only by the lease: what else it held open ends by itself."""
    async with (
        prepare_site(postgres_url, tmp_path, acme=ACME) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
        work_process(tmp_path, {**site.environment, "PGAPPNAME": SLEEPER}) as sleeper,
        AsyncExitStack() as stack,
    ):
        addons = await _begin(site)
        await stack.enter_async_context(work_process(tmp_path, site.environment))
        with holding(postgres_url, lifecycle_event):
            site.let_hooks_go_on()
            await eventually(lambda: _count_sessions(postgres_url, WAITS), within=LONG)
            sleeper.send_signal(signal.SIGSTOP)
            stack.callback(sleeper.send_signal, signal.SIGCONT)
            end_sessions(postgres_url, SLEEPER, which=ended)
        await eventually(lambda: all(addon.state == State.PROVISIONED for addon in addons), within=LONG)
        sleeper.send_signal(signal.SIGCONT)
        await eventually(lambda: _count_superseded(tmp_path) == MANY, within=LONG)
        await site.heroku.settle()

    assert _one_of_each() == _count_lines(postgres_url, addons)
    assert _find_last_words(tmp_path) == {addon.id: addon.config["ACME_SEARCH_TOKEN"] for addon in addons}
    assert 2 * MANY == len(read_calls(tmp_path))


async def test_who_is_cut_off_while_it_writes_and_not_taken_over_goes_on(postgres_url: str, tmp_path: Path) -> None:
    """Its slot is free for a moment only; what was undone with its sessions is written once it has others."""
    async with (
        prepare_site(postgres_url, tmp_path, acme=ACME) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
        work_process(tmp_path, {**site.environment, "PGAPPNAME": SLEEPER}),
        work_process(tmp_path, site.environment),
    ):
        addons = await _begin(site)
        with holding(postgres_url, lifecycle_event):
            site.let_hooks_go_on()
            await eventually(lambda: _count_sessions(postgres_url, WAITS), within=LONG)
            end_sessions(postgres_url, SLEEPER)
        await eventually(lambda: all(addon.state == State.PROVISIONED for addon in addons), within=LONG)
        await eventually(lambda: _one_of_each() == _count_lines(postgres_url, addons), within=LONG)

    assert _find_last_words(tmp_path) == {addon.id: addon.config["ACME_SEARCH_TOKEN"] for addon in addons}
    assert 0 == _count_superseded(tmp_path)


async def test_on_sqlite_nobody_takes_over_from_a_worker_that_is_stopped(sqlite_url: str, tmp_path: Path) -> None:
    """It has the file for as long as it lives; woken, it goes on where it was, and nothing runs twice."""
    async with (
        prepare_site(sqlite_url, tmp_path, acme=ACME) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
        work_process(tmp_path, site.environment) as sleeper,
    ):
        addons = await _begin(site)
        with closing(sqlite3.connect(sa.make_url(sqlite_url).database or "", isolation_level=None)) as holding:
            holding.execute("BEGIN IMMEDIATE")
            site.let_hooks_go_on()
            sleeper.send_signal(signal.SIGSTOP)
        try:
            other = await asyncio.create_subprocess_exec(
                HEADRACE, "worker", "acme:service", cwd=tmp_path, env=site.environment, stderr=asyncio.subprocess.PIPE
            )
            _, said = await other.communicate()
        finally:
            sleeper.send_signal(signal.SIGCONT)
        await eventually(lambda: all(addon.state == State.PROVISIONED for addon in addons), within=LONG)
        await eventually(lambda: _one_of_each() == _count_lines(sqlite_url, addons), within=LONG)

    assert "SQLite serves one worker" in said.decode()
    assert MANY == len(read_calls(tmp_path))


async def _begin(site: Site) -> list[Addon]:
    """Have many provisions whose hooks have begun."""
    addons = [await site.heroku.create_addon("shop-staging", "acme-search:basic") for _ in range(MANY)]
    await eventually(lambda: len(read_calls(site.folder)) == MANY, within=LONG)
    return addons


def _count_sessions(url: str, which: str) -> int:
    """How many sessions of the worker that is stopped are like this."""
    query = sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND {which}")
    database = Database(url)
    with database.engine.connect() as connection:
        count = connection.execute(query, {"name": SLEEPER}).scalar_one()
    database.close()
    return int(count)


def _one_of_each() -> list[Counter[str]]:
    return [Counter(ONCE)] * MANY


def _count_lines(url: str, addons: list[Addon]) -> list[Counter[str]]:
    database = Database(url)
    with database.engine.connect() as connection:
        lines = [[event.name for event in list_events(connection, addon.id)] for addon in addons]
    database.close()
    return [Counter(name for name in names if name in ONCE) for names in lines]


def _find_last_words(folder: Path) -> dict[str, str]:
    """The token of the last call for each resource."""
    return dict(line.split() for line in read_calls(folder))


def _count_superseded(folder: Path) -> int:
    return (folder / "log").read_text(encoding="utf-8").count("workflow.superseded")
