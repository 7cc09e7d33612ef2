"""What a trial runs: a Heroku in this process, an add-on service in others that can be killed."""

import asyncio
import multiprocessing
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import aiohttp
from trials.databases import make_database

from headrace.cli import main
from headrace.emulator import Emulator, Switches, describe, load_world, run

ROOT = Path(__file__).parent.parent
# A process of its own for each, out of one that has imported everything: most of a start is that.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["trials.fleet", "headrace.service", "headrace.serving"])
READY_WITHIN_SECONDS = 60.0
APPS = 24
SETTINGS = ("HEADRACE_", "HEROKU_", "DATABASE_URL", "PORT", "TRIAL_")


@dataclass
class Member:
    """One process of a service: what it runs, and on which port it answers."""

    arguments: tuple[str, ...]
    port: int
    process: BaseProcess | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.is_alive()


@dataclass
class Fleet:
    """An add-on service and the Heroku it knows. On SQLite it is one process, on PostgreSQL a web and two workers."""

    heroku: Emulator
    database_url: str
    folder: Path
    members: list[Member]
    environment: dict[str, str]
    kills: int = 0
    http: aiohttp.ClientSession = field(repr=False, kw_only=True)

    async def start(self, member: Member, **environment: str) -> None:
        """Start a process and wait until it is ready; one that kills itself before that is let go."""
        arguments = [*member.arguments, "--port", str(member.port)]
        member.process = PROCESSES.Process(
            target=_run_headrace, args=(arguments, {**self.environment, **environment}, self.folder / "log")
        )
        member.process.start()
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            while not await self._is_ready(member) and member.is_running:
                await asyncio.sleep(0.05)

    async def kill(self, member: Member) -> None:
        if member.process is not None and member.is_running:
            self.kills += 1
            member.process.kill()
            await asyncio.to_thread(member.process.join)

    async def end(self) -> None:
        """End every process at once: nothing is expected of it any more."""
        for member in self.members:
            if member.process is not None:
                member.process.kill()
                await asyncio.to_thread(member.process.join)

    async def _is_ready(self, member: Member) -> bool:
        try:
            async with self.http.get(f"http://127.0.0.1:{member.port}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def prepared(database: str, *, is_alone: bool = False) -> AsyncIterator[Fleet]:
    """Put a fleet together on a database of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder, make_database(database) as url:
        async with assembled(url, Path(folder), is_alone=is_alone) as fleet:
            yield fleet


@asynccontextmanager
async def assembled(database_url: str, folder: Path, *, is_alone: bool = False) -> AsyncIterator[Fleet]:
    """Put a fleet together, none of it started; `is_alone` runs all of a service in one process on PostgreSQL too."""
    port = find_free_port()
    is_one = is_alone or database_url.startswith("sqlite")
    members = [Member(("serve", "trials.partner:service", *(() if is_one else ("--web-only",))), port)]
    if not is_one:
        members += [Member(("worker", "trials.partner:service"), find_free_port()) for _ in range(2)]
    async with (
        run(load_world(_describe_world(port)), switches=Switches(rate_limit=1_000_000)) as heroku,
        aiohttp.ClientSession() as http,
    ):
        ours = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        environment = {
            **ours,
            **describe(heroku).addon_services[0].settings,
            "DATABASE_URL": database_url,
            "HEADRACE_RECHECK_SECONDS": "86400",
            "TRIAL_FOLDER": str(folder),
        }
        fleet = Fleet(heroku, database_url, folder, members, environment, http=http)
        try:
            yield fleet
        finally:
            await fleet.end()


def _run_headrace(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    """Be the command `headrace`, in this process."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    main(arguments)


def find_free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _describe_world(port: int) -> str:
    names = [f"shop-{number}" for number in range(APPS)]
    apps = ",\n".join(f'    {{ name = "{name}", owner = "ada@lumen.example" }}' for name in names)
    couplings = ",\n".join(f'    {{ app = "{name}", pipeline = "shop", stage = "review" }}' for name in names)
    return f"""
users = [{{ email = "ada@lumen.example", token = "ada-token" }}]
pipelines = [{{ name = "shop", owner = "ada@lumen.example" }}]
apps = [
{apps},
]
couplings = [
{couplings},
]

[[addon_services]]
slug = "acme-search"
name = "Acme Search"
password = "manifest-pass"
requires = ["many_per_app", "attachable"]
sso_salt = "s4lt-for-trials"
client_secret = "client-secret"
config_vars = ["ACME_SEARCH_URL"]
base_url = "http://127.0.0.1:{port}/heroku/resources"
sso_url = "http://127.0.0.1:{port}/sso/login"
plans = [
    {{ name = "free", price = 0, default = true }},
    {{ name = "basic", price = 900 }},
    {{ name = "tiny", price = 1 }},
]
"""
