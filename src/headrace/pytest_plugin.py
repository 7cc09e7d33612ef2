"""Fixtures for the tests of add-on partners, which pytest loads wherever headrace is installed.

The emulator is imported by the tests that ask for it.
"""

import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING, Any

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

NOBODY_RUNS_IT = """The fixture `{fixture}` is asynchronous, and nothing runs it for this test. One of these helps:

    @pytest.mark.anyio                   above the test: anyio's plugin is installed with headrace
    asyncio_mode = auto                  in pytest's settings, where pytest-asyncio runs the tests
    heroku_server, provider_server       in place of `heroku` and `provider`, in a test that is not asynchronous
"""
CALLS = "calls between Heroku and the provider"
SHOWN_CALLS = 50


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> None:
    """Say what an asynchronous fixture of ours lacks, before pytest says less."""
    is_ours = fixturedef.func.__module__ == __name__ and inspect.isasyncgenfunction(fixturedef.func)
    if is_ours and "anyio_backend" not in request.fixturenames and not _is_asyncio_automatic(request.config):
        error = pytest.fail.Exception(NOBODY_RUNS_IT.format(fixture=fixturedef.argname), pytrace=False)
        # As pytest notes an error of a fixture; without the note it does not end the fixture, and the next test fails.
        fixturedef.cached_result = (None, fixturedef.cache_key(request), (error, None))
        raise error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show below a failed test what Heroku and the provider said to each other."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    emulator = fixtures.get("heroku") or getattr(fixtures.get("heroku_server"), "emulator", None)
    if report.failed and emulator is not None:
        from headrace.testing import describe_calls

        report.sections.append((CALLS, describe_calls(emulator, most=SHOWN_CALLS)))
    return report


def _is_asyncio_automatic(config: pytest.Config) -> bool:
    """Whether pytest-asyncio is there, and runs every asynchronous fixture."""
    if not config.pluginmanager.hasplugin("asyncio"):
        return False
    return "auto" in {str(config.getoption("asyncio_mode", None)), str(config.getini("asyncio_mode"))}


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
