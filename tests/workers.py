"""An add-on service in processes of its own, to be killed and stopped for real."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp

from headrace.emulator import Emulator, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.testing import eventually
from pair import WORLD

# A start takes a second, or many on a machine that is busy with other tests.
START_WITHIN = timedelta(seconds=60)
HEADRACE = Path(sys.executable).with_name("headrace")

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
class Stage:
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
    popen: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.popen.kill()

    def send_signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self) -> None:
        self.popen.wait(timeout=20)


@asynccontextmanager
async def staged(database_url: str, folder: Path, *, acme: str = ACME) -> AsyncIterator[Stage]:
    """Run a Heroku that calls a service on a port of its own; the service is yet to be started."""
    (folder / "acme.py").write_text(acme, encoding="utf-8")
    port = find_free_port()
    async with run_emulator(load_world(WORLD.replace("SERVICE", f"http://127.0.0.1:{port}"))) as heroku:
        settings = describe(heroku).addon_services[0].settings
        environment = {**settings, "DATABASE_URL": database_url, "ACME_FOLDER": str(folder)}
        yield Stage(heroku=heroku, environment=environment, port=port, folder=folder)


@asynccontextmanager
async def serve_process(
    folder: Path, environment: dict[str, str], port: int, *options: str, command: str = "serve"
) -> AsyncIterator[Process]:
    """Run `headrace serve` on this port until the block ends."""
    line = [str(HEADRACE), command, "acme:service", "--port", str(port), *options]
    with (folder / "log").open("ab") as log:
        popen = subprocess.Popen(line, cwd=folder, env={**os.environ, **environment}, stderr=log)  # noqa: ASYNC220
    process = Process(f"http://127.0.0.1:{port}", popen)
    try:
        async with aiohttp.ClientSession() as http:
            await eventually(lambda: _is_ready(http, process.url), within=START_WITHIN)
        yield process
    finally:
        popen.terminate()
        await asyncio.to_thread(popen.wait, 30)


def work_process(folder: Path, environment: dict[str, str]) -> AbstractAsyncContextManager[Process]:
    """Run `headrace worker` until the block ends."""
    return serve_process(folder, environment, find_free_port(), command="worker")


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


def read_calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def find_free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
