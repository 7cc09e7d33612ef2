"""Fixtures for the tests of add-on partners, which pytest loads wherever headrace is installed.

The emulator is imported by the tests that ask for it.
"""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from headrace.emulator import Clock, Emulator, World
    from headrace.testing import HerokuServer, Provider, ProviderUnderTest

NO_PROVIDER = """Say which provider to test, in conftest.py or beside the tests:

    @pytest.fixture
    def provider_under_test() -> Command:
        return Command(("python", "-m", "acme", "--port", "{port}"))

or return a function that makes an ASGI app out of the settings.
"""


@pytest.fixture
def heroku_world() -> "World":
    """The world that Heroku begins with: the built-in one, unless a test says otherwise."""
    from headrace.emulator import BUILT_IN_WORLD, load_world

    return load_world(BUILT_IN_WORLD)


@pytest.fixture
async def heroku(heroku_world: "World") -> AsyncIterator["Emulator"]:
    """An emulated Heroku in the test's own event loop, served on a free port of this machine."""
    from headrace.emulator import run

    async with run(heroku_world) as emulator:
        yield emulator


@pytest.fixture
def heroku_clock(heroku: "Emulator") -> "Clock":
    """The clock of `heroku`, stopped: only the test moves it."""
    heroku.clock.freeze()
    return heroku.clock


@pytest.fixture
def heroku_server(heroku_world: "World") -> Iterator["HerokuServer"]:
    """An emulated Heroku on a thread of its own, for tests that are not asynchronous."""
    from headrace.testing import serve_heroku

    with serve_heroku(heroku_world) as server:
        yield server


@pytest.fixture
def provider_under_test() -> "ProviderUnderTest":
    """What `provider` and `provider_server` run; every suite has its own."""
    raise pytest.UsageError(NO_PROVIDER)


@pytest.fixture
async def provider(heroku: "Emulator", provider_under_test: "ProviderUnderTest") -> AsyncIterator["Provider"]:
    """The provider under test, running; `heroku` calls it."""
    from headrace.testing import run_provider

    async with run_provider(heroku, provider_under_test) as running:
        yield running


@pytest.fixture
def provider_server(heroku_server: "HerokuServer", provider_under_test: "ProviderUnderTest") -> "Provider":
    """The provider under test, running; `heroku_server` calls it."""
    from headrace.testing import run_provider

    return heroku_server.enter(run_provider(heroku_server.emulator, provider_under_test))
