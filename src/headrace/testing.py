"""For the tests of add-on partners: an emulated Heroku, and the provider under test beside it.

`headrace.pytest_plugin` makes fixtures of these, which pytest finds by itself.
"""

import asyncio
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from headrace.emulator import Emulator, World, describe, run
from headrace.emulator.kit.listening import build_url, listening
from headrace.emulator.server import ReadyAddonService
from headrace.emulator.world.records import Addon
from headrace.errors import ConfigurationError
from headrace.process.ports import bind

HOST = "127.0.0.1"
# A machine may have a hundred other things to do.
WITHIN = STARTS_WITHIN = timedelta(seconds=60)
SHOWN_CALLS = 20
STOPS_WITHIN_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.02

NOT_CALLED = (
    "The provider did not call Heroku. Where it has to, it uses HEROKU_API_URL and HEROKU_ID_URL of its environment, "
    "here {url}, in place of https://api.heroku.com and https://id.heroku.com."
)
NOT_THERE = """`{command}` did not listen on {host}:{port} within {within}; it runs still.
It has to listen on that port, which it is told as PORT in its environment and by {{port}} in its arguments.{more}"""
ELSEWHERE = "\nSomebody listens on [::1]:{port}: let it listen on {host}, for `localhost` is another address to some."
NO_APP = (
    "{found}. What is under test has to be a Command, or a function that makes an ASGI app out of the settings; "
    "a WSGI app, such as one of Flask or Django, runs as a process: "
    'Command(("gunicorn", "--bind", "127.0.0.1:{{port}}", "shop:app")).'
)
# Those whose providers run in this process now.
WATCHED: list[Emulator] = []

__all__ = [
    "Command",
    "Environment",
    "HerokuServer",
    "Provider",
    "ProviderUnderTest",
    "describe_calls",
    "eventually",
    "run_provider",
    "serve_heroku",
]

T = TypeVar("T")

Environment = Mapping[str, str]
"""The settings that a provider runs with, as environment variables: those that `headrace emulate` prints."""


@dataclass(frozen=True, slots=True)
class Command:
    """A provider as a command line in any language; `{port}` and `{url}` in it say where it has to listen.

    Its environment is this process's, the settings that `headrace emulate` prints, `PORT`, and `environment`.
    """

    arguments: tuple[str | Path, ...]
    cwd: Path | None = None
    environment: Environment = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.arguments, str | Path):
            raise TypeError(f"A command is a tuple of its words, such as {tuple(str(self.arguments).split())}.")

    def __str__(self) -> str:
        return " ".join(map(str, self.arguments))


ProviderUnderTest = Callable[[Environment], ASGIApp] | Command
"""What a test runs: a function that makes an ASGI app out of the settings, or a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider that runs at `url`, with the settings that it was given."""

    url: str
    settings: Environment = field(repr=False)


@asynccontextmanager
async def run_provider(
    heroku: Emulator, under_test: ProviderUnderTest, *, service: str | None = None, within: timedelta = STARTS_WITHIN
) -> AsyncIterator[Provider]:
    """Run a provider until the block ends, and have Heroku call it there.

    `service` is the slug of its add-on service, the world's first by default; `within` is how long a command may take
    to listen.

    Raises:
        ConfigurationError: the command ended before it listened, or what is under test is neither a command nor a
            function that makes an ASGI app.
        TimeoutError: the command did not listen in time where Heroku calls it.
    """
    with bind(HOST, 0) as bound, _watching(heroku):
        url = build_url(HOST, bound)
        settings = point_heroku(heroku, url, service)
        if not isinstance(under_test, Command):
            config = uvicorn.Config(make_app(under_test, settings), log_config=None, access_log=False)
            async with listening(config, bound):
                yield Provider(url=url, settings=settings)
            return
    with _watching(heroku):
        async with _running(under_test, url, settings, within):
            yield Provider(url=url, settings=settings)


class HerokuServer:
    """An emulated Heroku on a thread of its own, for tests that are not asynchronous.

    What it returns are the live records: they change as things happen.
    """

    def __init__(self, emulator: Emulator, loop: asyncio.AbstractEventLoop, stack: AsyncExitStack) -> None:
        self.emulator = emulator
        self._loop = loop
        self._stack = stack

    @property
    def url(self) -> str:
        """Where the emulated Heroku is reached."""
        return self.emulator.url

    @overload
    def run(self, operation: Callable[[Emulator], Awaitable[T]]) -> T: ...
    @overload
    def run(self, operation: Callable[[Emulator], T]) -> T: ...
    def run(self, operation: Callable[[Emulator], Any]) -> Any:
        """Do with the emulator, on its own thread, whatever it offers, and return what comes of it."""

        async def act() -> Any:
            outcome = operation(self.emulator)
            return await outcome if inspect.isawaitable(outcome) else outcome

        return _run_on(self._loop, act())

    def create_addon(self, app: str, plan: str, **options: Any) -> Addon:
        """Create an add-on; `plan` and `options` are those of `Emulator.create_addon`.

        Raises:
            Declined: the app may not have it, or the provider refused or failed.
        """
        addon: Addon = self.run(lambda heroku: heroku.create_addon(app, plan, **options))
        return addon

    def change_plan(self, addon: Addon, plan: str) -> None:
        """Move an add-on to another plan, whose bare name this is.

        Raises:
            Declined: there is no such plan, or the provider refused or failed.
        """
        self.run(lambda heroku: heroku.change_plan(addon, plan))

    def deprovision(self, addon: Addon) -> None:
        """Remove an add-on.

        Raises:
            Declined: the provider refused or failed.
        """
        self.run(lambda heroku: heroku.deprovision(addon))

    def eventually(self, condition: Callable[[], bool], *, within: timedelta = WITHIN) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: it does not in time.

        """
        deadline = time.monotonic() + within.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(_explain_wait(within, [self.emulator]))
            time.sleep(LOOK_EVERY_SECONDS)

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context on the thread, which ends before the emulator does."""
        return _run_on(self._loop, self._stack.enter_async_context(context))


@contextmanager
def serve_heroku(world: World) -> Iterator[HerokuServer]:
    """Run an emulated Heroku on a thread until the block ends."""
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, name="emulated Heroku")
    thread.start()
    try:
        emulator = _run_on(loop, stack.enter_async_context(run(world)))
        yield HerokuServer(emulator, loop, stack)
    finally:
        _run_on(loop, stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def eventually(condition: Callable[[], Any], *, within: timedelta = WITHIN) -> None:
    """Wait until a condition holds; it may be a coroutine function.

    Raises:
        TimeoutError: it does not in time; the calls between Heroku and the providers that run are told.

    """
    limit = asyncio.timeout(within.total_seconds())
    try:
        async with limit:
            while True:
                outcome = condition()
                if await outcome if inspect.isawaitable(outcome) else outcome:
                    return
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimeoutError(_explain_wait(within, WATCHED)) from None


def describe_calls(heroku: Emulator, *, most: int = SHOWN_CALLS) -> str:
    """Return the latest calls between Heroku and the provider, a line for each, secrets left out."""
    calls = list(heroku.traffic)[-most:]
    hints = [] if any(call.direction == "to Heroku" for call in calls) else [NOT_CALLED.format(url=heroku.url)]
    return "\n".join([*map(str, calls), *hints])


def _run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()


def point_heroku(heroku: Emulator, url: str, slug: str | None) -> Environment:
    """Have Heroku call an add-on service at the paths of its manifest, but here; return the service's settings."""
    service = _find_service(heroku, slug)
    moved = [
        urlsplit(address)._replace(scheme="http", netloc=urlsplit(url).netloc).geturl() if address else ""
        for address in (service.base_url, service.sso_url)
    ]
    heroku.point(service.slug, base_url=moved[0], sso_url=moved[1])
    return _find_service(heroku, service.slug).settings


def _find_service(heroku: Emulator, slug: str | None) -> ReadyAddonService:
    services = {service.slug: service for service in describe(heroku).addon_services}
    found = next(iter(services.values()), None) if slug is None else services.get(slug)
    if found is None:
        raise ConfigurationError([f"The world has no add-on service {slug or ''}; it has: {', '.join(services)}."])
    return found


@asynccontextmanager
async def _running(command: Command, url: str, settings: Environment, within: timedelta) -> AsyncIterator[None]:
    port = str(urlsplit(url).port)
    arguments = [str(part).replace("{port}", port).replace("{url}", url) for part in command.arguments]
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=command.cwd, env={**os.environ, **settings, "PORT": port, **command.environment}
    )
    try:
        await _wait_until_reachable(process, " ".join(arguments), port, within)
        yield
    finally:
        await _stop(process)


async def _wait_until_reachable(
    process: asyncio.subprocess.Process, command: str, port: str, within: timedelta
) -> None:
    deadline = time.monotonic() + within.total_seconds()
    while not await _is_reachable(HOST, port):
        if process.returncode is not None:
            raise ConfigurationError(
                [f"`{command}` ended with status {process.returncode} before it listened on {port}."]
            )
        if time.monotonic() > deadline:
            more = ELSEWHERE.format(port=port, host=HOST) if await _is_reachable("::1", port) else ""
            raise TimeoutError(NOT_THERE.format(command=command, host=HOST, port=port, within=within, more=more))
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _is_reachable(host: str, port: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


@contextmanager
def _watching(heroku: Emulator) -> Iterator[None]:
    WATCHED.append(heroku)
    try:
        yield
    finally:
        WATCHED.remove(heroku)


def _explain_wait(within: timedelta, emulators: Iterable[Emulator]) -> str:
    told = [describe_calls(emulator) for emulator in dict.fromkeys(emulators)]
    return "\n".join([f"This did not become true within {within}.", *told])


def make_app(under_test: Callable[[Environment], ASGIApp], settings: Environment) -> ASGIApp:
    """Call what makes an app out of the settings.

    Raises:
        ConfigurationError: it is no such function, or what it makes is no ASGI app.
    """
    if not callable(under_test):
        raise ConfigurationError([NO_APP.format(found=f"This is a {type(under_test).__name__}")])
    if count_arguments(under_test) > 1:
        raise ConfigurationError([NO_APP.format(found="This is an app, and not a function that makes one")])
    app = under_test(settings)
    if inspect.iscoroutine(app):
        app.close()
    if not callable(app) or count_arguments(app) == len(("environ", "start_response")):
        kind = "a WSGI app" if callable(app) else f"a {type(app).__name__}"
        raise ConfigurationError([NO_APP.format(found=f"The function makes {kind}, which is no ASGI app")])
    return app


def count_arguments(function: Callable[..., Any]) -> int:
    """Return how many arguments it has to be called with."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return 1
    by_position = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(each.kind in by_position and each.default is inspect.Parameter.empty for each in parameters)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOPS_WITHIN_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
