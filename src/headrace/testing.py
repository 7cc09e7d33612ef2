"""For the tests of add-on partners: an emulated Heroku, and the provider under test beside it.

`headrace.pytest_plugin` makes fixtures of these, which pytest finds by itself.
"""

import asyncio
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from headrace.emulator import Emulator, World, describe, run
from headrace.emulator.listening import bind, build_url, listening
from headrace.emulator.records import Addon
from headrace.emulator.server import ReadyAddonService
from headrace.errors import ConfigurationError

HOST = "127.0.0.1"
WITHIN = timedelta(seconds=20)
STOPS_WITHIN_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.02

Settings = Mapping[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """A provider as a command line in any language; `{port}` and `{url}` in it say where it has to listen.

    Its environment is this process's, the settings that `headrace emulate` prints, `PORT`, and `environment`.
    """

    arguments: tuple[str | Path, ...]
    cwd: Path | None = None
    environment: Settings = field(default_factory=dict)


# A function that makes an ASGI app out of the settings, or a command.
ProviderUnderTest = Callable[[Settings], ASGIApp] | Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider that runs at `url`, with the settings that it was given."""

    url: str
    settings: Settings = field(repr=False)


@asynccontextmanager
async def run_provider(
    heroku: Emulator, under_test: ProviderUnderTest, *, service: str | None = None
) -> AsyncIterator[Provider]:
    """Run a provider until the block ends, and have Heroku call it there.

    `service` is the slug of its add-on service, the world's first by default.
    """
    with bind(HOST, 0) as bound:
        url = build_url(HOST, bound)
        settings = _point_heroku(heroku, url, service)
        if not isinstance(under_test, Command):
            config = uvicorn.Config(under_test(settings), log_config=None, access_log=False)
            async with listening(config, bound):
                yield Provider(url=url, settings=settings)
            return
    async with _running(under_test, url, settings):
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
        addon: Addon = self.run(lambda heroku: heroku.create_addon(app, plan, **options))
        return addon

    def change_plan(self, addon: Addon, plan: str) -> None:
        self.run(lambda heroku: heroku.change_plan(addon, plan))

    def deprovision(self, addon: Addon) -> None:
        self.run(lambda heroku: heroku.deprovision(addon))

    def eventually(self, condition: Callable[[], bool], *, within: timedelta = WITHIN) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: it does not in time.

        """
        deadline = time.monotonic() + within.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"This did not become true within {within}.")
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
        TimeoutError: it does not in time.

    """
    async with asyncio.timeout(within.total_seconds()):
        while True:
            outcome = condition()
            if await outcome if inspect.isawaitable(outcome) else outcome:
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()


def _point_heroku(heroku: Emulator, url: str, slug: str | None) -> Settings:
    """Have Heroku call an add-on service at the paths of its manifest, but here; return the service's settings."""
    service = _find_service(heroku, slug)
    moved = [
        urlsplit(address)._replace(scheme="http", netloc=urlsplit(url).netloc).geturl()
        for address in (
            service.base_url,
            service.sso_url,
        )
    ]
    heroku.point(service.slug, base_url=moved[0], sso_url=moved[1])
    return _find_service(heroku, service.slug).settings


def _find_service(heroku: Emulator, slug: str | None) -> ReadyAddonService:
    return next(service for service in describe(heroku).addon_services if slug in {None, service.slug})


@asynccontextmanager
async def _running(command: Command, url: str, settings: Settings) -> AsyncIterator[None]:
    port = str(urlsplit(url).port)
    arguments = [str(part).replace("{port}", port).replace("{url}", url) for part in command.arguments]
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=command.cwd, env={**os.environ, **settings, "PORT": port, **command.environment}
    )
    try:
        await _wait_until_reachable(process, arguments, port)
        yield
    finally:
        await _stop(process)


async def _wait_until_reachable(process: asyncio.subprocess.Process, arguments: list[str], port: str) -> None:
    async with asyncio.timeout(WITHIN.total_seconds()):
        while not await _is_reachable(port):
            if process.returncode is not None:
                raise ConfigurationError(
                    [f"`{' '.join(arguments)}` ended with status {process.returncode} before it listened on {port}."]
                )
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _is_reachable(port: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOPS_WITHIN_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
