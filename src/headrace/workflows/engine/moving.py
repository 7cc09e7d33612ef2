"""Moving an installation of a release that knew of no schema into one of its own: ours and the engine's, in one go.

Nothing is copied, and it is all or nothing: whoever asks a moment later finds everything in the new place. What serves
meanwhile goes on asking in the old one, and says that it has to be restarted.
"""

from time import monotonic, sleep

import sqlalchemy as sa

from headrace.errors import ConfigurationError
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import ALEMBIC_VERSION
from headrace.store.sql.place import (
    OLD_ENGINE,
    OLD_MIGRATION_LOCK,
    Place,
    decide_place,
    find_old,
    look_for_place,
    name_place,
)
from headrace.store.sql.schemas import TOMBSTONE, make_in
from headrace.store.sql.tables import METADATA
from headrace.workflows.engine.ledger import workflow_status
from headrace.workflows.engine.port import APPLICATION

# How long a try waits for a table, with everybody else behind it: less than PostgreSQL's `deadlock_timeout`, so that
# where two wait for each other's tables it is the move that gives way, and never a worker.
LOCK_TIMEOUT = "500ms"
# How long it is tried, and the pause in which the others get on.
TRY_SECONDS = 10
PAUSE_SECONDS = 0.25
# What PostgreSQL calls it when somebody else would not let go of a table.
HELD = ("55P03", "40P01")


def move_to_schema(database: Database) -> Place | None:
    """Move the tables to the schema that the settings name; return where they were, or None when they are there.

    Raises:
        ConfigurationError: it cannot be done, or not just now.
    """
    if database.is_sqlite:
        raise ConfigurationError([f"{database.setting}: SQLite has no schemas, so there is nothing to move."])
    target = name_place(database.whereabouts.schema)
    source = _move_when_free(database, target)
    database.whereabouts.go_to(target)
    database.whereabouts.left_out = None
    return source


def _move_when_free(database: Database, target: Place) -> Place | None:
    """Try until nobody holds a table; every try is all or nothing."""
    until = monotonic() + TRY_SECONDS
    while True:
        try:
            return _try_to_move(database, target)
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in HELD:
                raise
        if monotonic() > until:
            what = f"somebody would not let go of a table within {TRY_SECONDS} s"
            raise ConfigurationError([f"nothing was moved: {what}; try again, or stop the worker meanwhile."])
        sleep(PAUSE_SECONDS)


def _try_to_move(database: Database, target: Place) -> Place | None:
    with database.transaction() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(OLD_MIGRATION_LOCK)))
        source = _find_source(database, connection)
        if source is not None:
            _move(connection, source, target)
    return source


def _find_source(database: Database, connection: sa.Connection) -> Place | None:
    schema = database.whereabouts.schema
    found = look_for_place(connection.connection.driver_connection, schema)
    if schema not in found.installed:
        old = find_old(schema, found)
    else:
        old = schema if decide_place(schema, found).is_old else None
    return None if old is None else Place(old, OLD_ENGINE)


def _move(connection: sa.Connection, source: Place, target: Place) -> None:
    schemas = {None: source.tables, workflow_status.schema: source.engine}
    connection.execution_options(schema_translate_map=schemas)
    inspector = sa.inspect(connection)
    has_engine = inspector.has_table(workflow_status.name, schema=source.engine)
    if has_engine:
        _require_unshared(connection)
    if inspector.has_schema(target.engine):
        raise ConfigurationError([f"there is a schema {target.engine} already; drop it, or take another schema."])
    make_in(connection, Place(target.tables, source.engine if has_engine else target.engine))
    if source.tables != target.tables:
        _move_tables(connection, source.tables, target.tables)
    if has_engine:
        connection.exec_driver_sql(f'ALTER SCHEMA "{source.engine}" RENAME TO "{target.engine}"')
        _rewrite_functions(connection, source.engine, target.engine)


def _require_unshared(connection: sa.Connection) -> None:
    """Refuse to take workflows along that are another application's."""
    name = workflow_status.c.application_name
    others = sa.select(name).where(name != APPLICATION).limit(1)
    if other := connection.execute(others).scalar():
        what = f"the application {other[:60]} has workflows in the schema {OLD_ENGINE} too"
        raise ConfigurationError([f"{what}, which would have to move with headrace's; they stay where they are."])


def _move_tables(connection: sa.Connection, old: str, new: str) -> None:
    """Move our tables; indexes and sequences go with them."""
    quote = connection.dialect.identifier_preparer.quote
    there = set(sa.inspect(connection).get_table_names(schema=old))
    for name in (*METADATA.tables, ALEMBIC_VERSION.name):
        if name in there:
            connection.exec_driver_sql(f"ALTER TABLE {quote(old)}.{name} SET SCHEMA {quote(new)}")
    left = f"{quote(old)}.{TOMBSTONE}"
    connection.exec_driver_sql(f"CREATE TABLE {left} (moved_to text)")
    told = f"headrace has its tables in the schema {new}. This one keeps older releases out; drop it later."
    connection.exec_driver_sql(f"COMMENT ON TABLE {left} IS '{told}'")


def _rewrite_functions(connection: sa.Connection, old: str, new: str) -> None:
    """Have the engine's functions name the schema that they are in."""
    query = sa.text(
        "SELECT pg_get_functiondef(p.oid) FROM pg_catalog.pg_proc p "
        "JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = :schema"
    )
    for text in connection.execute(query, {"schema": new}).scalars().all():
        connection.exec_driver_sql(text.replace(f'"{old}".', f'"{new}".').replace("%", "%%"))
