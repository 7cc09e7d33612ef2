"""`headrace serve` is a web process and a worker, which stand for one service; `--one-process` is both in one."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from cli.running import invoke
from headrace.logs import LogName
from headrace.models import State
from headrace.testing import eventually
from workers import START_WITHIN, Process, Site, is_ready, prepare_site, serve_process

# What docs/serving.md says, and some ten for the port that a test has its worker answer on.
MOST_MEBIBYTES = {"sqlite": 165, "postgresql": 175}


async def test_a_killed_worker_and_a_killed_web_process_come_back(
    database_kind: str, database_url: str, tmp_path: Path
) -> None:
    """From a database that is not there yet on: what was acknowledged is done, and the port answers again."""
    async with (
        prepare_site(database_url, tmp_path) as site,
        serve_process(tmp_path, site.environment, site.port) as process,
        aiohttp.ClientSession() as http,
    ):
        site.let_hooks_go_on()
        mebibytes = count_mebibytes([process.popen.pid, *find_children(process).values()])
        for which, app in (("worker", "shop-staging"), ("serve", "blog")):
            os.kill(find_children(process)[which], signal.SIGKILL)
            await eventually(lambda: set(find_children(process)) == {"serve", "worker"}, within=START_WITHIN)
            await eventually(partial(is_ready, http, process.url), within=START_WITHIN)
            await provision(site, app)
        process.send_signal(signal.SIGTERM)
        process.wait()

    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert (0, 2) == (process.popen.returncode, log.count(LogName.PROCESS_CRASHED))
    assert "Traceback" not in log
    assert mebibytes <= MOST_MEBIBYTES[database_kind]


async def test_one_process_does_it_all(sqlite_url: str, tmp_path: Path) -> None:
    """For the smallest machine, if one says so."""
    async with (
        prepare_site(sqlite_url, tmp_path) as site,
        serve_process(tmp_path, site.environment, site.port, "--one-process") as process,
    ):
        site.let_hooks_go_on()
        await provision(site, "shop-staging")
        children = find_children(process)

    assert {} == children


async def test_both_serve_below_a_prefix(sqlite_url: str, tmp_path: Path) -> None:
    """Where a proxy has the service at a path of its host: Heroku's calls come there, and links lead there."""
    async with (
        prepare_site(sqlite_url, tmp_path, prefix="/addon") as site,
        serve_process(tmp_path, site.environment, site.port, "--prefix", "/addon") as process,
        aiohttp.ClientSession() as http,
    ):
        site.let_hooks_go_on()
        await provision(site, "shop-staging")
        async with http.get(f"{process.url}/addon/openapi.json") as answer:
            described = await answer.json()

    assert [{"url": "/addon"}] == described["servers"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--web-only", "--one-process"), "--web-only and --one-process exclude each other."),
        (("--web-only", "--worker-port", "1"), "--worker-port is for a worker in a process of its own."),
        (("--one-process", "--worker-port", "1"), "--worker-port is for a worker in a process of its own."),
    ],
)
def test_what_excludes_each_other_is_said(options: tuple[str, ...], text: str) -> None:
    """Exit 2, before anything starts."""
    result = invoke("serve", "acme:service", *options)

    assert (2, True) == (result.exit_code, text in result.output)


def test_the_command_is_also_a_module() -> None:
    """`python -m headrace`, where no script is installed."""
    done = subprocess.run([sys.executable, "-m", "headrace", "--version"], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("headrace, version ")


async def provision(site: Site, app: str) -> None:
    addon = await site.heroku.create_addon(app, "acme-search:basic")
    await eventually(lambda: addon.state == State.PROVISIONED, within=START_WITHIN)


def find_children(process: Process) -> dict[str, int]:
    """The commands that a process has started and that run, and their pids."""
    pid = process.popen.pid
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        # It may have ended since.
        with suppress(OSError, ValueError):
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            found[arguments[arguments.index("headrace") + 1]] = int(child)
    return found


def count_mebibytes(pids: Iterable[int]) -> float:
    """What processes have in use together, as a container counts it: a page of a file that they share counts once."""
    own, shared = 0, Counter[str]()
    for pid in pids:
        path, files = "", Counter[str]()
        for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
            name, _, rest = line.partition(":")
            if name in {"Rss", "Anonymous"}:
                count = int(rest.split()[0])
                own += count if name == "Anonymous" else 0
                files[path] += count if name == "Rss" else -count
            elif "-" in name.split()[0]:
                path = line.split()[-1]
        shared |= files
    return (own + shared.total()) / 1024
