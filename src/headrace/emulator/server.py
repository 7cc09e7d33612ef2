"""The emulator on a socket: for a test, for the demo, and for `headrace emulate`."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from shlex import quote
from typing import TextIO

import msgspec
import uvicorn

from headrace.emulator.clock import Clock
from headrace.emulator.emulator import Emulator
from headrace.emulator.switches import Switches
from headrace.emulator.traffic import Exchange
from headrace.emulator.web import LOCAL_PREFIX
from headrace.emulator.world import World
from headrace.errors import ConfigurationError

# A stop does not wait for a partner that takes its 25 seconds.
GRACE_SECONDS = 2


class ReadyUser(msgspec.Struct, frozen=True, kw_only=True):
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


def describe(world: World, url: str) -> ReadyInfo:
    return ReadyInfo(
        url=url,
        console_url=f"{url}{LOCAL_PREFIX}",
        users=tuple(ReadyUser(email=user.email, token=user.token) for user in world.users),
        teams=tuple(team.name for team in world.teams),
        addon_services=tuple(
            ReadyAddonService(
                slug=spec.manifest.id,
                plans=tuple(plan.name for plan in spec.plans),
                base_url=spec.manifest.base_url,
                sso_url=spec.manifest.sso_url,
                client_secret=spec.client_secret,
                settings={
                    "HEADRACE_MANIFEST": spec.manifest_text,
                    "HEADRACE_CLIENT_SECRET": spec.client_secret,
                    "HEROKU_API_URL": url,
                    "HEROKU_ID_URL": url,
                },
            )
            for spec in world.addon_services
        ),
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
    with _bind(host, port) as bound:
        emulator = Emulator(world, url=url or _build_url(host, bound), switches=switches, clock=clock, listen=listen)
        server = _Server(_configure(emulator))
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            await _wait_until_started(server, serving)
            yield emulator
        finally:
            server.should_exit = True
            await serving


async def serve(
    world: World,
    *,
    host: str,
    port: int,
    as_json: bool,
    out: TextIO,
    log: TextIO | None = None,
    ready: Callable[[ReadyInfo], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; first print what a person, or with `as_json` a program, needs to know.

    For a person a line about every exchange follows, on `log` or else `out`, never with a secret in it.
    `ready` is called before anything is printed.
    """
    log = log or (None if as_json else out)

    def write_line(exchange: Exchange) -> None:
        if log is not None:
            print(exchange, file=log, flush=True)

    async with run(world, host=host, port=port, listen=write_line) as emulator:
        info = describe(world, emulator.url)
        with _listen_for_signals() as stop:
            if ready is not None:
                ready(info)
            print(render_json(info) if as_json else render_text(info), file=out, flush=True)
            await stop.wait()


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
            "",
            "Calls in both directions follow; Ctrl-C ends it.",
        ]
    )


def _render_service(service: ReadyAddonService) -> Iterator[str]:
    yield ""
    yield f"Add-on service {service.slug}, plans {', '.join(service.plans)}"
    yield f"  is called at {service.base_url}"
    yield f"  logs in at   {service.sso_url}"
    yield "  Its settings, to run it against this emulator:"
    yield from (f"  export {name}={quote(value)}" for name, value in service.settings.items())


class _Server(uvicorn.Server):
    """A server that leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configure(emulator: Emulator) -> uvicorn.Config:
    return uvicorn.Config(
        emulator.asgi(),
        http=emulator.connections.protocol(),
        # Connections are known by the client's own address.
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@contextmanager
def _bind(host: str, port: int) -> Iterator[socket.socket]:
    """Bind before anything starts, so that the URL is known; uvicorn listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where it sees the protocol; with it each answer takes 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                [f"Port {port} on {host} cannot be had: {error.strerror}. Choose another."]
            ) from None
        yield bound


def _build_url(host: str, bound: socket.socket) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{bound.getsockname()[1]}"


async def _wait_until_started(server: uvicorn.Server, serving: "asyncio.Task[None]") -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise OSError("The emulator could not start.")
        await asyncio.sleep(0.01)


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
