"""`headrace dev`: a Heroku in this process, the add-on in another, and an eye on the folder they are written in."""

import asyncio
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import msgspec
from watchfiles import awatch

from headrace.developing.service import ServiceProcess
from headrace.developing.shown import is_marked, render_board, render_links
from headrace.developing.watching import MANIFEST, Meaning, Watched
from headrace.emulator import Declined, Emulator, Exchange, World, describe
from headrace.emulator import run as run_emulator
from headrace.emulator.kit.listening import build_url
from headrace.emulator.world.manifests import push_manifest
from headrace.errors import ConfigurationError
from headrace.process.ports import bind
from headrace.protocol.manifest import strip_mark
from headrace.testing import point_heroku

HOST = "127.0.0.1"
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be run: the service MODULE:NAME of a folder, at a Heroku that begins with a world.

    `environment` is the service's, but for what the Heroku here sets; with `has_first` an app has the add-on at once.
    """

    folder: Path
    target: str
    world: World
    world_path: Path
    port: int
    heroku_port: int
    environment: Mapping[str, str]
    has_first: bool


async def run_dev(wanted: Wanted, *, say: Callable[[str], None]) -> None:
    """Run it until a signal asks to stop; what happens is said line by line.

    Raises:
        ConfigurationError: a port cannot be had, there is no module to run, or the world has no add-on service.
    """
    with ExitStack() as stack:
        bound = _bind(stack, wanted.port, "--port")
        with ExitStack() as trial:
            _bind(trial, wanted.heroku_port, "--heroku-port")
        _require_module(wanted)
        stop = stack.enter_context(_listening_for_signals())
        async with _developing(wanted, bound, say) as developing:
            async for changes in awatch(wanted.folder, watch_filter=developing.watched, stop_event=stop):
                await developing.react(sorted(path for _, path in changes))
            say("Stopping.")


class Developing:
    """A Heroku that runs, and the add-on's process beside it."""

    def __init__(
        self, wanted: Wanted, emulator: Emulator, bound: socket.socket, *, database: Path, say: Callable[[str], None]
    ) -> None:
        self._wanted = wanted
        self._emulator = emulator
        self._url = build_url(HOST, bound)
        self._say = say
        self._settings = {
            "HEADRACE_OPERATOR_SECRET": wanted.environment.get("HEADRACE_OPERATOR_SECRET") or token_urlsafe(32),
            "DATABASE_URL": f"sqlite:///{database}",
        }
        self._adding: asyncio.Task[None] | None = None
        self._slug = next(iter(emulator.state.addon_services)).name
        self.watched = Watched(wanted.world_path)
        self.service = ServiceProcess(
            target=wanted.target,
            bound=bound,
            environment=self._build_environment(),
            on_ready=self._note_ready,
            on_end=self._note_end,
        )

    async def begin(self) -> None:
        """Say where everything is, and start the add-on."""
        secret = self._settings["HEADRACE_OPERATOR_SECRET"]
        app = next(iter(self._emulator.state.apps)).name
        info = describe(self._emulator)
        self._say(render_links(info, url=self._url, slug=self._slug, operator_secret=secret, app=app))
        await self.service.start()

    async def react(self, paths: list[str]) -> None:
        """Do what has to be done about files that changed."""
        names = ", ".join(str(Path(path).relative_to(self._wanted.folder)) for path in paths)
        match self.watched.find_meaning(paths):
            case Meaning.OTHER_WORLD:
                self._say(f"{names} has changed. Stop and start `headrace dev` to begin with it.")
                return
            case Meaning.NEW_MANIFEST if not self._push_manifest():
                return
        self._say(f"{names} changed, starting again …")
        await self.service.restart()

    async def stop(self) -> None:
        """Stop the add-on."""
        if self._adding is not None:
            self._adding.cancel()
        await self.service.stop()

    def note_exchange(self, exchange: Exchange) -> None:
        self._say(f"  {exchange}")
        if is_marked(exchange) and (addon := self._emulator.state.addons.find(exchange.addon_id)):
            self._say(render_board(self._emulator.url, addon))

    def _note_ready(self, seconds: float) -> None:
        self._say(f"Ready in {seconds:.1f} s.")
        if self._wanted.has_first and self._adding is None:
            self._adding = asyncio.create_task(self._add_first())

    def _note_end(self, status: int) -> None:
        self._say(f"The add-on's process has ended with status {status}. Save a file, and it starts again.")

    async def _add_first(self) -> None:
        app = next(iter(self._emulator.state.apps))
        plan = next(iter(self._emulator.state.addon_services[self._slug].plans))
        try:
            await self._emulator.create_addon(app, f"{self._slug}:{plan}")
        except Declined as declined:
            self._say(f"{app.name} did not get {self._slug}:{plan}: {declined.message} {declined.detail}".rstrip())

    def _push_manifest(self) -> bool:
        """Put a manifest that has changed in force at Heroku, and at the service; say what is wrong with it."""
        service = self._emulator.state.addon_services[self._slug]
        try:
            contents = msgspec.json.decode(
                strip_mark((self._wanted.folder / MANIFEST).read_bytes()), type=dict[str, Any]
            )
            push_manifest(service, contents, at=self._emulator.clock.now())
        except (OSError, msgspec.MsgspecError) as error:
            self._say(f"{MANIFEST} cannot be read: {error}")
            return False
        except ConfigurationError as error:
            self._say("\n".join(f"{MANIFEST}: {problem}" for problem in error.problems))
            return False
        self.service.environment = self._build_environment()
        return True

    def _build_environment(self) -> dict[str, str]:
        """Have Heroku call the add-on here, and return the environment with which it does its part."""
        settings = point_heroku(self._emulator, self._url, self._slug)
        return {**self._wanted.environment, **settings, **self._settings}


@asynccontextmanager
async def _developing(wanted: Wanted, bound: socket.socket, say: Callable[[str], None]) -> AsyncIterator[Developing]:
    """Start a Heroku, and the add-on beside it; in the end both stop, the add-on first."""
    # Whoever calls before the add-on answers waits for it.
    bound.listen()
    with tempfile.TemporaryDirectory(prefix="headrace-dev-") as folder:
        async with run_emulator(wanted.world, host=HOST, port=wanted.heroku_port) as emulator:
            developing = Developing(wanted, emulator, bound, database=Path(folder) / "dev.db", say=say)
            emulator.traffic.listeners.append(developing.note_exchange)
            try:
                await developing.begin()
                yield developing
            finally:
                await developing.stop()


def _require_module(wanted: Wanted) -> None:
    """See to it that there is something to run; what is wrong with it is said when it is run."""
    module = wanted.target.partition(":")[0].partition(".")[0]
    if PathFinder.find_spec(module, [str(wanted.folder), *sys.path]) is None:
        problem = f"There is no module {module} in {wanted.folder}."
        raise ConfigurationError(
            [f"{problem} `headrace init` makes an add-on; `headrace dev MODULE:NAME` runs one of yours."]
        )


def _bind(stack: ExitStack, port: int, option: str) -> socket.socket:
    try:
        return stack.enter_context(bind(HOST, port))
    except ConfigurationError as error:
        raise ConfigurationError([f"{error.problems[0]} `headrace dev {option} 0` takes any free one."]) from None


@contextmanager
def _listening_for_signals() -> Iterator[asyncio.Event]:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
