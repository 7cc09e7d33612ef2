"""What a trial runs: a Heroku in this process, an add-on service in others that can be killed."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import aiohttp

from headrace import AddonService
from headrace.emulator import Emulator, describe, load_world, run
from headrace.settings import read_settings
from headrace.store.sql.database import Database
from lab.kit.databases import make_database
from lab.kit.forked import Forked, fork_headrace
from lab.kit.processes import find_free_port
from lab.kit.worlds import build_world, name_app
from lab.trials.receiver import Receiver, receiving

ROOT = Path(__file__).parents[2]
READY_WITHIN_SECONDS = 180.0
APPS = tuple(name_app(number) for number in range(25))
SETTINGS = ("HEADRACE_", "HEROKU_", "DATABASE_URL", "PORT", "TRIAL_")
# The partner's one action.
REBUILD = "Rebuild index"
LOG_SHOWN = 2000


def build_address(uuid: str, key: str) -> str:
    """What the partner's provision hook returns."""
    return f"https://search.acme.example/{uuid}?key={key}"


def build_drain_url(uuid: str) -> str:
    """Where the partner's provision hook wants the log."""
    return f"https://logs.acme.example/{uuid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is special about a trial's Heroku and the service at it.

    `settings` are the service's, `requires` stands in its manifest besides, and with `has_receiver` somebody hears of
    notices.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    requires: Sequence[str] = ()
    has_async_deprovision: bool = False
    has_receiver: bool = False


ORDINARY = Terms()


@dataclass
class Member:
    """One process of a service: what it runs, and on which port it answers."""

    arguments: tuple[str, ...]
    port: int
    process: Forked | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid


@dataclass
class TriedService:
    """An add-on service and the Heroku it knows. On SQLite it is one process, on PostgreSQL a web and two workers."""

    heroku: Emulator
    database_url: str
    folder: Path
    members: list[Member]
    environment: dict[str, str]
    kills: int = 0
    receiver: Receiver | None = field(default=None, kw_only=True)
    http: aiohttp.ClientSession = field(repr=False, kw_only=True)

    @cached_property
    def database(self) -> Database:
        """For looks at it from outside, of which a wait takes fifty in a second: opened once, and closed in the end."""
        return Database(self.database_url)

    def count_boundaries(self) -> None:
        """Have the boundaries counted that are passed from now on."""
        (self.folder / "counting").touch()

    async def start(self, member: Member, **environment: str) -> None:
        """Start a process and wait until it is ready; one that kills itself before that is let go.

        Raises:
            RuntimeError: it has ended in another way.
        """
        arguments = [*member.arguments, "--port", str(member.port)]
        with (self.folder / "log").open("ab") as log:
            member.process = fork_headrace(
                arguments,
                environment={**self.environment, **environment},
                cwd=ROOT,
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            while not await self._is_ready(member) and member.is_running:
                await asyncio.sleep(0.05)
        if member.process.returncode not in (None, -signal.SIGKILL):
            said = (self.folder / "log").read_text(encoding="utf-8")[-LOG_SHOWN:]
            raise RuntimeError(f"{member.arguments} ended by itself, with {member.process.returncode}:\n{said}")

    async def kill(self, member: Member) -> None:
        if member.process is not None and member.is_running:
            self.kills += 1
            member.process.kill()
            await asyncio.to_thread(member.process.wait)

    async def end(self) -> None:
        """End every process at once: nothing is expected of it any more."""
        if "database" in vars(self):
            self.database.close()
        for member in self.members:
            if member.process is not None:
                member.process.kill()
                await asyncio.to_thread(member.process.wait)

    async def _is_ready(self, member: Member) -> bool:
        try:
            async with self.http.get(f"http://127.0.0.1:{member.port}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def prepared(database: str, terms: Terms = ORDINARY, *, is_alone: bool = False) -> AsyncIterator[TriedService]:
    """Put a service together on a database of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder, make_database(database) as url:
        async with assembled(url, Path(folder), terms, is_alone=is_alone) as service:
            yield service


@asynccontextmanager
async def assembled(
    database_url: str, folder: Path, terms: Terms = ORDINARY, *, is_alone: bool = False
) -> AsyncIterator[TriedService]:
    """Put a service together, none of it started; `is_alone` runs all of a service in one process on PostgreSQL too."""
    port = find_free_port()
    is_one = is_alone or database_url.startswith("sqlite")
    members = [Member(("serve", "lab.trials.partner:service", "--one-process" if is_one else "--web-only"), port)]
    if not is_one:
        members += [Member(("worker", "lab.trials.partner:service"), find_free_port()) for _ in range(2)]
    world = build_world(len(APPS), partner=f"http://127.0.0.1:{port}", requires=terms.requires)
    async with run(load_world(world)) as heroku, aiohttp.ClientSession() as http, receiving() as receiver:
        heroku.switches.async_deprovision = terms.has_async_deprovision
        ours = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        environment = {
            **ours,
            **describe(heroku).addon_services[0].settings,
            "DATABASE_URL": database_url,
            "HEADRACE_RECHECK_SECONDS": "86400",
            "HEADRACE_RETIRE_SECONDS": "0.2",
            "TRIAL_FOLDER": str(folder),
            **({"HEADRACE_NOTICE_URL": receiver.url} if terms.has_receiver else {}),
            **terms.settings,
        }
        heard = receiver if terms.has_receiver else None
        service = TriedService(heroku, database_url, folder, members, environment, http=http, receiver=heard)
        try:
            yield service
        finally:
            await service.end()


@asynccontextmanager
async def connected(service: TriedService) -> AsyncIterator[AddonService]:
    """Be another process of the partner's, which orders something and works nothing."""
    acme = AddonService(read_settings(service.environment))
    # A worker has them; here it is only told that there are some.
    acme.on_rotate(lambda _rotation: {})
    acme.action(REBUILD)(lambda _order: None)
    async with acme.connected():
        yield acme
