"""A thousand clients that dawdle, at a limit of 1,024 descriptors, keep nobody from the service."""

import asyncio
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from dawdling import KINDS, dawdling
from headrace.logs import LogName
from headrace.models import State
from headrace.testing import eventually
from lab.kit.processes import read_mebibytes
from workers import prepare_site, serve_process, work_process

DESCRIPTORS = 1024
CROWD = 1000
# Most of those come who want to, and each of them says what it has to say.
MANY = 900
MOST_MEBIBYTES = 150
LASTING_MEBIBYTES = 75
LONG = timedelta(seconds=60)


@pytest.mark.long
async def test_a_thousand_who_dawdle_keep_nobody_out(sqlite_url: str, tmp_path: Path) -> None:
    """Of each kind: health is told, a provision is acknowledged and done, and the memory comes back."""
    told: dict[str, list[int]] = {}
    came: list[int] = []
    used: dict[str, float] = {}
    async with (
        prepare_site(sqlite_url, tmp_path) as site,
        serve_process(tmp_path, site.environment, site.port, "--web-only", descriptors=DESCRIPTORS) as web,
        work_process(tmp_path, site.environment),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        site.let_hooks_go_on()
        before = read_mebibytes(web.popen.pid)
        for kind, say in KINDS.items():
            asking = asyncio.create_task(ask_on(http, web.url, told.setdefault(kind, [])))
            async with dawdling(site.port, say, count=CROWD) as held:
                came.append(len(held))
                addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
                await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)  # noqa: B023 - awaited here
                used[kind] = read_mebibytes(web.popen.pid) - before
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        lasting = read_mebibytes(web.popen.pid) - before

    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert {kind: {200} for kind in KINDS} == {kind: set(statuses) for kind, statuses in told.items()}
    assert {} == {kind: more for kind, more in used.items() if more > MOST_MEBIBYTES}
    assert lasting < LASTING_MEBIBYTES
    assert min(came) > MANY
    assert (True, False) == (LogName.CONNECTIONS_FULL in log, "Too many open files" in log)


async def ask_on(http: aiohttp.ClientSession, url: str, told: list[int]) -> None:
    """Ask for its health again and again, and note the statuses."""
    while True:
        async with http.get(f"{url}/health") as answer:
            told.append(answer.status)
