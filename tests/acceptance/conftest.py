"""What stands outside headrace: processes, the official Heroku CLI, a browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect as expect_async
from playwright.sync_api import Browser, expect, sync_playwright

from acceptance.heroku_cli import HerokuCli, Residents, Terminal
from acceptance.installs import HEROKU_CLI, install_from_npm
from acceptance.judging import launch
from acceptance.processes import Processes
from emulator.wire import ADA
from headrace.emulator import Emulator
from lab.kit.pythons import build_wheel

# Playwright's own five seconds are less than a page may take on a machine that is busy with other tests.
WITHIN_MS = 120_000
expect.set_options(timeout=WITHIN_MS)
expect_async.set_options(timeout=WITHIN_MS)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def heroku_program() -> Path:
    return install_from_npm(*HEROKU_CLI) / ".bin" / "heroku"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """headrace as it is given away."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def heroku_cli(heroku_program: Path, tmp_path: Path) -> HerokuCli:
    """The official CLI, in a home of this test's own."""
    return HerokuCli(program=heroku_program, home=tmp_path / "home")


@pytest.fixture(scope="session")
def residents() -> Iterator[Residents]:
    """Where commands of the CLI run that are looked at for what they ask of the emulator, and not for their start."""
    made = Residents()
    yield made
    made.stop()


@pytest.fixture
def ada(heroku_cli: HerokuCli, heroku: Emulator, residents: Residents) -> Terminal:
    """Ada's terminal, where the emulator serves in this process."""
    return replace(heroku_cli, run_program=residents).log_in(heroku.url, ADA)


@pytest.fixture(scope="module")
def launched() -> Iterator[Browser]:
    """One for the tests of a module. While it runs, this thread can run no event loop: they are all without `async`."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def browser(launched: Browser) -> Iterator[Browser]:
    """A browser that knows nothing of other tests: each of its pages is of a profile of its own."""
    yield launched
    for profile in launched.contexts:
        profile.close()
