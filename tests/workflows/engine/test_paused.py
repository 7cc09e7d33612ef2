"""A worker whose machine sleeps inside a hook, and wakes up when its work was taken over and undone by another."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import secret
from headrace.store.state.timeline import list_events
from headrace.testing import eventually
from headrace.workflows.engine.ledger import IS_IN_FLIGHT, workflow_status
from workers import Process, Site, end_sessions, prepare_site, serve_process, work_process

LONG = timedelta(seconds=180)
# What the sleeping worker's connections are called.
SLEEPER = "sleeper"
ACME = """
import asyncio, os, secrets, time
from pathlib import Path
from headrace import AddonService

FOLDER = Path(os.environ["ACME_FOLDER"])
service = AddonService.from_env()

def note(word):
    with (FOLDER / "calls").open("a") as file:
        file.write(f"{word}\\n")

@service.on_provision
async def create(provision):
    note("begin")
    while not (FOLDER / "may-go-on").exists():
        await asyncio.sleep(0.05)
    note("create")
    await provision.step("make a secret", secrets.token_hex)
    return {"ACME_SEARCH_URL": "https://search.acme.example"}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource):
    note("drop")
"""
# It can tell nobody of its secret, and cannot be stopped.
PLAIN_ACME = (
    ACME.replace("async def create", "def create")
    .replace("await asyncio.sleep", "time.sleep")
    .replace('    await provision.step("make a secret", secrets.token_hex)\n', "")
)


@pytest.mark.parametrize(
    ("acme", "takes_its_slot"), [(ACME, False), (PLAIN_ACME, True)], ids=["async", "plain, superseded"]
)
async def test_what_wakes_up_after_a_takeover_writes_nothing_and_is_cleaned_up_after(
    postgres_url: str, tmp_path: Path, acme: str, *, takes_its_slot: bool
) -> None:
    """The add-on was made by another worker and removed by its customer: what the late hook makes is removed too."""
    async with (
        prepare_site(postgres_url, tmp_path, acme=acme) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
        work_process(tmp_path, {**site.environment, "PGAPPNAME": SLEEPER}) as sleeper,
    ):
        addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: _read(tmp_path), within=LONG)
        async with _taking_over(site, sleeper, postgres_url, takes_its_slot=takes_its_slot):
            await eventually(lambda: len(_read(tmp_path)) == 2, within=LONG)
            site.let_hooks_go_on()
            await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)
            await site.heroku.deprovision(addon)
            await eventually(lambda: "deprovision.done" in _look(postgres_url, addon.id)[0], within=LONG)
            sleeper.send_signal(signal.SIGCONT)
            await eventually(lambda: _read(tmp_path).count("drop") == 2, within=LONG)
            # What a stop catches before it is on record is done once more.
            await eventually(lambda: _is_at_rest(postgres_url), within=LONG)
            names, kept = _look(postgres_url, addon.id)

    assert ["begin", "begin", "create", "drop", "create", "drop"] == _read(tmp_path)
    assert [] == kept
    assert ["deprovision.done", "hook.came_late"] == names[-2:]
    assert 1 == names.count("hook.returned")


@asynccontextmanager
async def _taking_over(site: Site, sleeper: Process, url: str, *, takes_its_slot: bool) -> AsyncIterator[None]:
    """Let a worker's machine sleep, so that its connections end, and have another worker beside it or in its place."""
    async with AsyncExitStack() as stack:
        if not takes_its_slot:
            await stack.enter_async_context(work_process(site.folder, site.environment))
        sleeper.send_signal(signal.SIGSTOP)
        stack.callback(sleeper.send_signal, signal.SIGCONT)
        end_sessions(url, SLEEPER)
        if takes_its_slot:
            await stack.enter_async_context(work_process(site.folder, site.environment))
        yield


def _look(url: str, uuid: str) -> tuple[list[str], list[str]]:
    """The timeline of a resource, and the kinds of secrets that are stored of it."""
    database = Database(url)
    with database.engine.connect() as connection:
        names = [event.name for event in list_events(connection, uuid)]
        kinds = connection.execute(sa.select(secret.c.kind).where(secret.c.resource_uuid == uuid)).scalars().all()
    database.close()
    return names, list(kinds)


def _is_at_rest(url: str) -> bool:
    database = Database(url)
    with database.engine.connect() as connection:
        found = connection.execute(sa.select(workflow_status.c.workflow_uuid).where(IS_IN_FLIGHT)).first()
    database.close()
    return found is None


def _read(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
