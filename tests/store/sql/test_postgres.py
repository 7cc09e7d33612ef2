"""What SQLAlchemy and psycopg would make anew of each statement."""

import psycopg
import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.place import ENGINE, Place
from headrace.store.sql.postgres import Cursor, Preparer
from headrace.store.sql.tables.schema import resource

NOTES = sa.Table("note", sa.MetaData(), sa.Column("name", sa.Text()))
# As a table of the engine's is named.
WORK = sa.Table("note", sa.MetaData(schema=ENGINE), sa.Column("name", sa.Text()))
MAKE = "CREATE SCHEMA {0}; CREATE TABLE {0}.note (name text); INSERT INTO {0}.note VALUES ('{0}')"
BOTH = sa.select(NOTES.c.name, WORK.c.name).join(WORK, sa.true())


def test_schemas_are_put_into_a_statement_once(postgres_url: str) -> None:
    """SQLAlchemy has it done by a function of its own with each execution; without it this finds nothing kept."""
    database = Database(postgres_url)
    preparer = database.engine.dialect.identifier_preparer
    assert isinstance(preparer, Preparer)
    counts = [preparer.kept_count]
    with database.transaction() as connection:
        for _ in range(4):
            connection.execute(sa.select(resource.c.uuid))
            counts.append(preparer.kept_count)
    database.close()

    assert counts[0] < counts[1]
    # With the first one SQLAlchemy completes what it is told of schemas, so it may be kept twice.
    assert counts[2] == counts[-1]


def test_a_statement_goes_to_where_its_tables_stand_now(postgres_url: str) -> None:
    """An installation may be moved while a process has it open: what was kept of another place is not sent."""
    database = Database(postgres_url)
    with database.transaction() as connection:
        for name in ("first", "second", "first_engine", "second_engine"):
            connection.exec_driver_sql(MAKE.format(name))
    found = []
    for name in ("first", "second", "first"):
        database.whereabouts.go_to(Place(name, f"{name}_engine"))
        with database.reads.connect() as connection:
            found.append(tuple(connection.execute(BOTH).one()))
    database.close()

    assert [("first", "first_engine"), ("second", "second_engine"), ("first", "first_engine")] == found


def test_columns_are_described_as_the_driver_does(postgres_url: str) -> None:
    """To whoever looks; and of what has no columns there is nothing to describe."""
    database = Database(postgres_url)
    with database.reads.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        ours = driver.execute("SELECT 1 AS one, 'two' AS two")
        own = psycopg.Cursor(driver).execute("SELECT 1 AS one, 'two' AS two")
        assert isinstance(ours, Cursor)
        assert own.description is not None
        described = [tuple(each) for each in own.description]

        assert described == [tuple(each) for each in ours.description]
        assert (described[1], 2) == (tuple(ours.description[1]), len(ours.description))
        assert driver.execute("SET application_name = 'headrace'").description is None
    database.close()
