"""What tests ask for by name: an emulated Heroku with a partner, and real databases, each test its own."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from acceptance.installs import EN_US, need_locale
from emulator.partner import RawPartner, serve_partner
from emulator.wire import name_tokens
from headrace.database_urls import read_database_url
from headrace.emulator import BUILT_IN_WORLD, Emulator, Exchange, load_world, run
from headrace.store.sql.database import Database
from heroku_schema import find_unexpected
from lab.kit.databases import make_on_server, prepare, spare_disk, start_postgres
from scratch import keep_bytecode, use_memory

# A job in the background of a shell ignores Ctrl-C, and what it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's affair; a slow one is no fault of the code's.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")

keep_bytecode()
use_memory()

# One server for all processes of a test run; each test has a database of its own on it.
POSTGRES_FOLDER = Path(tempfile.gettempdir()) / f"headrace-test-postgres-{os.getuid()}"


def pytest_xdist_auto_num_workers() -> int | None:
    """Tests wait for processes, databases and browsers for two thirds of their time.

    Whoever sets PYTEST_XDIST_AUTO_NUM_WORKERS is obeyed, by xdist itself.
    """
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) * 3


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that at the end no process waits for another that has just begun with it.

    Each of xdist's processes is given a stretch of the list, and takes of the others' ends when it is done.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count == 1:
        return
    kinds: dict[str, list[pytest.Item]] = {"long": [], "acceptance": [], "": []}
    for item in items:
        kinds[next((name for name in kinds if name and item.get_closest_marker(name)), "")].append(item)
    items[:] = [
        item
        for number in range(count)
        for of_kind in kinds.values()
        for item in of_kind[len(of_kind) * number // count : len(of_kind) * (number + 1) // count]
    ]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Have Python's collector leave alone what is imported and collected: none of it goes before the end.

    It would look at all of it again and again meanwhile, and at the rest of the run's garbage with all of it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class Names:
    """Names a failure as it comes: of a run that is cut off, more is known then than a letter among dots."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_line(f"{report.nodeid} failed ({report.when})")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and config.option.verbose <= 0:
        config.pluginmanager.register(Names(terminal))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def acme() -> AsyncIterator[RawPartner]:
    async with serve_partner() as partner:
        yield partner


@pytest.fixture
def exchanges() -> Iterator[list[Exchange]]:
    """What went over the wire; in the end all of it has to be what Heroku's schema says."""
    seen: list[Exchange] = []
    yield seen
    assert [] == find_unexpected(seen)


@pytest.fixture
async def heroku(acme: RawPartner, exchanges: list[Exchange]) -> AsyncIterator[Emulator]:
    world = load_world(name_tokens(BUILT_IN_WORLD).replace("http://127.0.0.1:5050", acme.url))
    async with run(world, listen=exchanges.append) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: much quicker than migrating one for each test."""
    path = tmp_path_factory.mktemp("template") / "headrace.db"
    prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL, which a Python package brings along."""
    POSTGRES_FOLDER.mkdir(mode=0o755, exist_ok=True)
    server = start_postgres(POSTGRES_FOLDER, cleanup_mode="stop")
    url = read_database_url(server.get_uri())
    spare_disk(url)
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    with make_on_server(postgres_server) as url:
        prepare(url)
        yield sa.make_url(url).database or ""


@pytest.fixture(scope="session")
def en_us_template(postgres_server: str) -> Iterator[str]:
    """The same, whose texts are in the order of a language: `a` before `B`, and marks count for nothing."""
    need_locale(EN_US)
    with make_on_server(postgres_server, template="template0", more=f"ENCODING 'UTF8' LOCALE '{EN_US}'") as url:
        prepare(url)
        yield sa.make_url(url).database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What a test's database is; some rooms have one kind more."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of this test's own, once of each kind."""
    if database_kind == "sqlite":
        path = tmp_path / "headrace.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: str = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("en_us_template" if database_kind == EN_US else "postgres_template")
    with make_on_server(server, template=template) as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite file, for what does not depend on the database."""
    path = tmp_path / "headrace.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database, for what only several processes show."""
    with make_on_server(postgres_server, template=postgres_template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()
