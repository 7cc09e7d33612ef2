"""Heroku's config vars are the partner's last word, whoever is killed or taken over on the way to them."""

import asyncio
import signal
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from headrace.emulator import Fault
from headrace.models import State
from headrace.testing import eventually
from workers import Process, Site, end_sessions, prepare_site, read_calls, serve_process, work_process

LONG = timedelta(seconds=180)
# Longer than it takes to kill a process that waits for the answer.
HELD_SECONDS = 10.0
# What a worker's connections are called that is to fall asleep.
SLEEPER = "sleeper"
# It makes a password each time it is called, and the latest is the one that its cloud knows.
ACME = """
import asyncio, os, secrets
from pathlib import Path
from headrace import AddonService

FOLDER = Path(os.environ["ACME_FOLDER"])
service = AddonService.from_env()

def note(*words):
    with (FOLDER / "calls").open("a") as file:
        file.write(" ".join(words) + "\\n")

@service.on_provision
async def create(provision):
    note("begun")
    while not (FOLDER / "may-go-on").exists():
        await asyncio.sleep(0.05)
    token = secrets.token_hex()
    note("returned", token)
    return {"ACME_SEARCH_TOKEN": token}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""
# The password is made in a part of its own, which is called once.
STEPPING_ACME = ACME.replace("secrets.token_hex()", 'await provision.step("make a token", secrets.token_hex)')


async def test_heroku_has_what_the_last_finished_hook_returned_whoever_was_killed(
    database_url: str, tmp_path: Path
) -> None:
    """A worker dies in the hook, the next while it waits for Heroku's answer, and one more; the last sends it again."""
    async with (
        prepare_site(database_url, tmp_path, acme=ACME) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
        AsyncExitStack() as stack,
    ):
        site.heroku.faults.add(
            Fault(kind="latency", method="PATCH", path="*config*", seconds=HELD_SECONDS, after_effect=True, count=2)
        )
        first = await stack.enter_async_context(work_process(tmp_path, site.environment))
        addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: read_calls(tmp_path), within=LONG)
        site.let_hooks_go_on()
        second = await _replace(first, site, stack)
        await eventually(lambda: _count_held(site) == 1 and addon.config, within=LONG)
        third = await _replace(second, site, stack)
        await eventually(lambda: _count_held(site) == 2, within=LONG)
        await _replace(third, site, stack, is_taken_over=not database_url.startswith("sqlite"))
        await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)

    returned = _list_returned(tmp_path)
    assert {"ACME_SEARCH_TOKEN": returned[-1]} == addon.config
    assert read_calls(tmp_path).count("begun") >= 2


async def test_what_woke_up_after_a_takeover_changes_no_word(postgres_url: str, tmp_path: Path) -> None:
    """A part of the hook has one result at both workers, and the config var is that; the late one is told to stop."""
    async with (
        prepare_site(postgres_url, tmp_path, acme=STEPPING_ACME) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
        work_process(tmp_path, {**site.environment, "PGAPPNAME": SLEEPER}) as sleeper,
    ):
        addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: read_calls(tmp_path), within=LONG)
        async with work_process(tmp_path, site.environment):
            sleeper.send_signal(signal.SIGSTOP)
            try:
                end_sessions(postgres_url, SLEEPER)
                await eventually(lambda: len(read_calls(tmp_path)) == 2, within=LONG)
                site.let_hooks_go_on()
                await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)
            finally:
                sleeper.send_signal(signal.SIGCONT)
            await eventually(lambda: "superseded" in (tmp_path / "log").read_text(encoding="utf-8"), within=LONG)
            await site.heroku.settle()

    assert [{"ACME_SEARCH_TOKEN": token} for token in set(_list_returned(tmp_path))] == [addon.config]


async def _replace(dying: Process, site: Site, stack: AsyncExitStack, *, is_taken_over: bool = False) -> Process:
    """Kill a worker; the next is there already and takes over, or it is started afterwards in its place."""
    if is_taken_over:
        following = await stack.enter_async_context(work_process(site.folder, site.environment))
    dying.kill()
    await asyncio.to_thread(dying.wait)
    if is_taken_over:
        return following
    return await stack.enter_async_context(work_process(site.folder, site.environment))


def _count_held(site: Site) -> int:
    """How many config vars Heroku has taken, or is taking, and not answered yet."""
    return 2 - sum(rule.left or 0 for rule in site.heroku.faults)


def _list_returned(folder: Path) -> list[str]:
    return [line.split()[1] for line in read_calls(folder) if line.startswith("returned")]
