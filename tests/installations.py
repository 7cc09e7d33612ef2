"""Installations of headrace beside other things in one PostgreSQL: older releases', and another program's tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.migrate import ALEMBIC_VERSION, migrate
from headrace.store.sql.place import OLD_ENGINE, Place
from headrace.workflows.engine.port import prepare

OLD = Place("public", OLD_ENGINE)
PARTNERS_VERSION = "9f1c2d3e4a5b"
PARTNERS_TABLES = ("resource", "secret", "pipeline", "access", "notice")


def make_old(url: str, place: Place = OLD) -> None:
    """Make the tables as releases have them that know of no schema."""
    database = Database(url)
    database.whereabouts.go_to(place)
    migrate(database)
    prepare(database)
    database.close()


def make_partners(url: str) -> None:
    """Make what another program has, by its own Alembic: tables of names of ours, each with a row."""
    with beside(url) as connection:
        connection.exec_driver_sql("CREATE TABLE public.alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO public.alembic_version VALUES ('{PARTNERS_VERSION}')")
        for name in PARTNERS_TABLES:
            connection.exec_driver_sql(f"CREATE TABLE public.{name} (id INTEGER PRIMARY KEY, theirs TEXT)")
            connection.exec_driver_sql(f"INSERT INTO public.{name} VALUES (1, 'theirs')")


def read_partners(url: str) -> list[tuple[int, str]]:
    """Return the rows of the other program."""
    with beside(url) as connection:
        return [
            (row[0], row[1])
            for name in PARTNERS_TABLES
            for row in connection.exec_driver_sql(f"SELECT id, theirs FROM public.{name}")
        ]


def set_version(connection: sa.Connection, version: str) -> None:
    """Say that the tables are those of another release."""
    connection.execute(sa.delete(ALEMBIC_VERSION))
    connection.execute(sa.insert(ALEMBIC_VERSION).values(version_num=version))


def list_tables(url: str, schema: str) -> set[str]:
    with beside(url) as connection:
        return set(sa.inspect(connection).get_table_names(schema=schema))


@contextmanager
def beside(url: str) -> Iterator[sa.Connection]:
    """Be another program in the database, for a transaction."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        yield connection
