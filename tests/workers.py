"""An add-on service in processes of its own, to be killed and stopped for real."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import sqlalchemy as sa

from headrace.emulator import Emulator, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.store.sql.database import Database
from headrace.testing import eventually
from lab.kit.forked import Forked, fork_headrace
from lab.kit.processes import find_command, find_free_port
from pair import WORLD

# A start takes a second, or many on a machine that is busy with other tests.
START_WITHIN = timedelta(seconds=180)
HEADRACE = find_command("headrace")

# The hook hangs until it is let go on; the worker is killed in the middle of it.
ACME = """
import asyncio, os, time
from pathlib import Path
from headrace import AddonService

FOLDER = Path(os.environ["ACME_FOLDER"])
service = AddonService.from_env()

@service.on_provision
async def create(provision):
    with (FOLDER / "calls").open("a") as file:
        file.write(f"{provision.uuid} {provision.stage}\\n")
    while not (FOLDER / "may-go-on").exists():
        await asyncio.sleep(0.05)
    return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""


@dataclass
class Site:
    """Heroku, and what a service in another process needs to know of it."""

    heroku: Emulator
    environment: dict[str, str]
    port: int
    folder: Path

    def let_hooks_go_on(self) -> None:
        (self.folder / "may-go-on").touch()


@dataclass
class Process:
    url: str
    popen: subprocess.Popen[bytes] | Forked

    def kill(self) -> None:
        """End it, and what it has started, as a machine does that fails."""
        os.killpg(self.popen.pid, signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        if number is signal.SIGKILL:
            self.kill()
        else:
            self.popen.send_signal(number)

    def wait(self) -> None:
        self.popen.wait(timeout=START_WITHIN.total_seconds())


@asynccontextmanager
async def prepare_site(database_url: str, folder: Path, *, acme: str = ACME, prefix: str = "") -> AsyncIterator[Site]:
    """Run a Heroku that calls a service on a port of its own, below a prefix; the service is yet to be started."""
    (folder / "acme.py").write_text(acme, encoding="utf-8")
    port = find_free_port()
    async with run_emulator(load_world(WORLD.replace("SERVICE", f"http://127.0.0.1:{port}{prefix}"))) as heroku:
        settings = describe(heroku).addon_services[0].settings
        environment = {**settings, "DATABASE_URL": database_url, "ACME_FOLDER": str(folder)}
        yield Site(heroku=heroku, environment=environment, port=port, folder=folder)


@asynccontextmanager
async def serve_process(
    folder: Path,
    environment: dict[str, str],
    port: int,
    *options: str,
    command: str = "serve",
    descriptors: int | None = None,
) -> AsyncIterator[Process]:
    """Run `headrace serve` on this port until the block ends; it begins when what it runs is ready, web and worker."""
    ports = [port]
    is_one = command == "worker" or bool({"--web-only", "--one-process"} & set(options))
    if not is_one:
        ports.append(find_free_port())
        options = (*options, "--worker-port", str(ports[-1]))
    line = [command, "acme:service", "--port", str(port), *options]
    start = _fork if is_one and descriptors is None else partial(_start, descriptors=descriptors)
    with (folder / "log").open("ab") as log:
        popen = start(line, {**os.environ, **environment}, folder, log.fileno())
    process = Process(f"http://127.0.0.1:{port}", popen)
    try:
        async with aiohttp.ClientSession() as http:
            for each in ports:
                await eventually(partial(is_ready, http, f"http://127.0.0.1:{each}"), within=START_WITHIN)
        # What answered may be somebody else's, if this one found its port taken.
        assert popen.poll() is None
        yield process
    except Exception:
        # A test that waits in vain for what a process does has nothing else to show of it.
        sys.stderr.writelines((folder / "log").read_text(encoding="utf-8").splitlines(keepends=True)[-60:])
        raise
    finally:
        popen.terminate()
        await asyncio.to_thread(popen.wait, 120)


def _fork(
    arguments: list[str], environment: dict[str, str], folder: Path, log: int
) -> subprocess.Popen[bytes] | Forked:
    return fork_headrace(arguments, environment=environment, cwd=folder, stdout=1, stderr=log)


def _start(
    arguments: list[str], environment: dict[str, str], folder: Path, log: int, *, descriptors: int | None
) -> subprocess.Popen[bytes] | Forked:
    """Start the command itself: one that starts others, or that may open so many descriptors only."""
    line = [str(HEADRACE), *arguments]
    if descriptors is not None:
        line = ["sh", "-c", f'ulimit -n {descriptors} && exec "$0" "$@"', *line]
    return subprocess.Popen(line, cwd=folder, env=environment, stderr=log, start_new_session=True)


def work_process(folder: Path, environment: dict[str, str]) -> AbstractAsyncContextManager[Process]:
    """Run `headrace worker` until the block ends."""
    return serve_process(folder, environment, find_free_port(), command="worker")


async def is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


def end_sessions(url: str, name: str, *, which: str = "TRUE") -> None:
    """End the connections that are called so: those of a process whose environment has it as PGAPPNAME."""
    chosen = f"FROM pg_stat_activity WHERE application_name = :name AND {which}"
    query = sa.text(f"SELECT pg_terminate_backend(pid) {chosen}")
    database = Database(url)
    with database.transaction() as connection:
        assert connection.execute(query, {"name": name}).all()
    database.close()


def read_calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
