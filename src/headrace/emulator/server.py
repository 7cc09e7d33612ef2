"""The emulator on a socket: for a test, for the demo, and for `headrace emulate`."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from shlex import quote
from typing import TextIO

import msgspec
import uvicorn

from headrace.emulator.emulator import Emulator
from headrace.emulator.front.app import LOCAL_PREFIX
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.listening import build_url, listening
from headrace.emulator.kit.switches import Switches
from headrace.emulator.local.scenario import Scenario, play_week, wait_for_service
from headrace.emulator.recording import record
from headrace.emulator.world.records import AddonService
from headrace.emulator.world.traffic import Exchange
from headrace.emulator.world.world_file import World
from headrace.process.collector import spare_collector
from headrace.process.ports import bind
from headrace.protocol.manifest import render_manifest

# A stop does not wait for a partner that takes its 25 seconds.
GRACE_SECONDS = 2
# A client on a busy machine that asks again just when its connection is ended gets no answer.
KEPT_SECONDS = 90


class ReadyUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the emulated Heroku's, and the token with which to act as them."""

    email: str
    token: str


class ReadyAddonService(msgspec.Struct, frozen=True, kw_only=True):
    """An add-on service, and in `settings` the environment with which it runs against this emulator."""

    slug: str
    plans: tuple[str, ...]
    base_url: str
    sso_url: str
    client_secret: str
    settings: dict[str, str]


class ReadyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody needs who wants to use a running emulator. Its secrets are worth nothing elsewhere."""

    url: str
    console_url: str
    users: tuple[ReadyUser, ...]
    teams: tuple[str, ...]
    addon_services: tuple[ReadyAddonService, ...]


def describe(emulator: Emulator) -> ReadyInfo:
    """Return what somebody needs to use a running emulator: addresses, users and settings."""
    state = emulator.state
    return ReadyInfo(
        url=emulator.url,
        console_url=f"{emulator.url}{LOCAL_PREFIX}",
        users=tuple(ReadyUser(email=user.email, token=user.token.reveal()) for user in state.users.values()),
        teams=tuple(team.name for team in state.teams),
        addon_services=tuple(_describe_service(service, emulator.url) for service in state.addon_services),
    )


@asynccontextmanager
async def run(
    world: World,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    url: str | None = None,
    switches: Switches | None = None,
    clock: Clock | None = None,
    listen: Callable[[Exchange], None] | None = None,
) -> AsyncIterator[Emulator]:
    """Serve in the running event loop until the block ends; port 0 takes any free one.

    `url` is needed only where others reach the emulator under another address than its own.
    """
    with bind(host, port) as bound:
        emulator = Emulator(world, url=url or build_url(host, bound), switches=switches, clock=clock, listen=listen)
        async with listening(_configure(emulator), bound):
            yield emulator


async def serve(
    world: World,
    *,
    host: str,
    port: int,
    url: str | None = None,
    as_json: bool,
    out: TextIO,
    log: TextIO | None = None,
    load: Path | None = None,
    save: Path | None = None,
    record_to: Path | None = None,
    scenario: Scenario | None = None,
    ready: Callable[[ReadyInfo], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; first print what a person, or with `as_json` a program, needs to know.

    For a person a line about every exchange follows, on `log` or else `out`, never with a secret in it.
    It begins with what was saved to `load`, saves to `save` at the end and records its traffic to `record_to`. Before
    anything is printed `ready` is called. A `scenario` begins when its service listens, and what came of it is told.
    """
    log = log or (None if as_json else out)

    def write_line(exchange: Exchange) -> None:
        if log is not None:
            print(exchange, file=log, flush=True)

    async with run(world, host=host, port=port, url=url, listen=write_line) as emulator:
        if load is not None:
            emulator.load(load)
        info = describe(emulator)
        with _listen_for_signals() as stop, record(emulator, record_to) if record_to else nullcontext():
            spare_collector()
            if ready is not None:
                ready(info)
            print(render_json(info) if as_json else render_text(info), file=out, flush=True)
            async with _playing(emulator, scenario, log or sys.stderr):
                await stop.wait()
        if save is not None:
            emulator.save(save)


def render_json(info: ReadyInfo) -> str:
    """One line, for programs."""
    return msgspec.json.encode(info).decode()


def render_text(info: ReadyInfo) -> str:
    """The same for people."""
    return "\n".join(
        [
            f"This is an emulator of Heroku, at {info.url}. Nothing here reaches Heroku.",
            f"Its console, for a browser on this machine: {info.console_url}",
            "",
            "Users and their tokens:",
            *(f"  {user.email:24} {user.token}" for user in info.users),
            f"Teams: {', '.join(info.teams)}",
            *(line for service in info.addon_services for line in _render_service(service)),
            "",
            "To use the Heroku CLI with it:",
            f"  export HEROKU_HOST={info.url}",
            f"  export HEROKU_PARTICLEBOARD_URL={info.url}",
            f"  export HEROKU_API_KEY={info.users[0].token if info.users else 'TOKEN'}",
            f"  export HEROKU_ADDONS_URL={info.url}",
            # Without these two it reports each command to Heroku.
            f"  export HEROKU_ANALYTICS_URL={info.url}",
            "  export DISABLE_TELEMETRY=true",
            "",
            "Calls in both directions follow; Ctrl-C ends it.",
        ]
    )


def _render_service(service: ReadyAddonService) -> Iterator[str]:
    yield ""
    yield f"Add-on service {service.slug}, plans {', '.join(service.plans)}"
    yield f"  is called at {service.base_url}"
    yield f"  logs in at   {service.sso_url or 'no address: the manifest names no sso_url'}"
    yield "  Its settings, to run it against this emulator:"
    yield from (f"  export {name}={quote(value)}" for name, value in service.settings.items())


def _configure(emulator: Emulator) -> uvicorn.Config:
    return uvicorn.Config(
        emulator.asgi(),
        http=emulator.connections.protocol(),
        ws="none",
        # Connections are known by the client's own address.
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        # Heroku's clock is the emulator's.
        date_header=False,
        server_header=False,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _describe_service(service: AddonService, url: str) -> ReadyAddonService:
    return ReadyAddonService(
        slug=service.name,
        plans=tuple(service.plans),
        base_url=service.manifest.base_url,
        sso_url=service.manifest.sso_url,
        client_secret=service.client_secret.reveal(),
        settings={
            "HEADRACE_MANIFEST": render_manifest(service.manifest),
            "HEADRACE_CLIENT_SECRET": service.client_secret.reveal(),
            "HEROKU_API_URL": url,
            "HEROKU_ID_URL": url,
        },
    )


@asynccontextmanager
async def _playing(emulator: Emulator, scenario: Scenario | None, out: TextIO) -> AsyncIterator[None]:
    """Play a scenario beside the server, if there is one."""

    async def play(scenario: Scenario) -> None:
        try:
            await wait_for_service(emulator, scenario.service)
            told = str(await play_week(emulator, size=scenario.size, seed=scenario.seed, service=scenario.service))
        except Declined as declined:
            told = f"The scenario has ended: {declined}"
        print(told, file=out, flush=True)

    playing = asyncio.create_task(play(scenario)) if scenario is not None else None
    try:
        yield
    finally:
        if playing is not None:
            playing.cancel()
            await asyncio.wait([playing])


@contextmanager
def _listen_for_signals() -> Iterator[asyncio.Event]:
    """Listen before anybody is told that the emulator runs: a program may stop it at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
