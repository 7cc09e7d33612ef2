"""Migrations: what they make is what the code expects, on both databases, however often they run."""

import subprocess
import sys
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from headrace.store.sql.database import Database
from headrace.store.sql.migrate import ALEMBIC_VERSION, BEFORE_COMPARING, MIGRATIONS, is_migrated, migrate
from headrace.store.sql.place import read_place
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.views import VIEWS
from headrace.store.state.resources import find_resource
from installations import set_version
from store.making import add_resource, id_of

MIGRATE = """
import sys
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import migrate
database = Database(sys.argv[1])
migrate(database)
database.close()
"""


def test_migrating_an_empty_database_makes_the_schema_of_the_code(database: Database) -> None:
    """Alembic finds no difference between the tables it made and the ones we query."""
    _empty(database)
    migrate(database)

    assert [] == _find_differences(database)


def test_a_difference_would_be_found(database: Database) -> None:
    """The comparison sees a missing index and a missing column: an empty answer means something."""
    with database.transaction() as connection:
        schema = "" if database.is_sqlite else f"{database.place.tables}."
        connection.execute(sa.text(f"DROP INDEX {schema}ix_access_person"))
        connection.execute(sa.text(f"ALTER TABLE {schema}resource DROP COLUMN message"))

    assert {"add_index", "add_column"} == {difference[0] for difference in _find_differences(database)}


def test_migrating_twice_changes_nothing(database: Database) -> None:
    """A database that is up to date is left as it is, with what stands in it."""
    with database.transaction() as connection:
        add_resource(connection)
    migrate(database)

    assert [] == _find_differences(database)
    with database.engine.connect() as connection:
        assert find_resource(connection, id_of("acme-1")) is not None
        versions = connection.execute(sa.select(ALEMBIC_VERSION.c.version_num)).scalars()
        assert {"0020", BEFORE_COMPARING} == set(versions)


def test_a_database_is_up_to_date_at_the_version_that_alembic_says_is_the_newest(database: Database) -> None:
    """What is read from the files' names is what stands in them."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with database.transaction() as connection:
        found = is_migrated(connection)
        set_version(connection, "0003")
        found_older = is_migrated(connection)
        set_version(connection, newest or "")
        found_newest = is_migrated(connection)

    assert (True, False, True) == (found, found_older, found_newest)


def test_processes_that_start_at_the_same_moment_both_succeed(database: Database) -> None:
    """The second waits for the first and finds nothing left to do."""
    _empty(database)
    command = [sys.executable, "-c", MIGRATE, database.url]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=240)[1] for process in processes]

    assert ["", ""] == errors
    assert [] == _find_differences(database)


def _empty(database: Database) -> None:
    with database.transaction() as connection:
        schema = "" if database.is_sqlite else f"{database.place.tables}."
        for view in VIEWS:
            connection.exec_driver_sql(f"DROP VIEW {schema}{view.name}")
    METADATA.drop_all(database.engine)
    ALEMBIC_VERSION.drop(database.engine)


def _find_differences(database: Database) -> list[Any]:
    # On SQLite the workflow engine's tables stand in the same file; they are its own business.
    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in METADATA.tables

    with database.engine.connect() as connection:
        place = read_place(connection)
        if place is not None:
            # Alembic compares what is visible: a schema that is not the path's has other names.
            connection.exec_driver_sql(f"SET LOCAL search_path TO {place.tables}")
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_ours})
        return list(_flatten(compare_metadata(context, METADATA)))


def _flatten(differences: list[Any]) -> list[Any]:
    return [one for many in differences for one in (many if isinstance(many, list) else [many])]
