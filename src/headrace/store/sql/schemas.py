"""The two schemas of an installation on PostgreSQL, and whether a role may make them and make tables in them."""

import sqlalchemy as sa

from headrace.errors import ConfigurationError
from headrace.store.sql.database import Database
from headrace.store.sql.place import Place

_LOOK = sa.text(
    """
    SELECT
        wanted.name,
        n.oid IS NOT NULL AS is_there,
        CASE WHEN n.oid IS NULL
            THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE')
        END AS may_create,
        current_database() AS database,
        current_user AS role
    FROM (VALUES (cast(:tables AS text)), (cast(:engine AS text))) AS wanted (name)
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.name
    """
)

# What older releases stop at.
TOMBSTONE = "placement_check"
_LOOK_FOR_OLDER = sa.text(
    """
    SELECT
        current_schema()::text AS name,
        EXISTS (
            SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE n.nspname = current_schema() AND t.typname = :name
        ) AS is_taken,
        has_schema_privilege(current_schema(), 'CREATE') AS may_create
    """
)


def make_schemas(database: Database) -> None:
    """Make the schemas of our tables and of the engine's, together; SQLite has none.

    Raises:
        ConfigurationError: the role may not; the text has what to grant.
    """
    if database.is_sqlite:
        return
    place = database.place
    with database.transaction() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(place.derive_number("schemas", bits=64))))
        make_in(connection, place)
        _keep_out_older(connection, place)


def _keep_out_older(connection: sa.Connection, place: Place) -> None:
    """Have releases fail that know of no schema, in place of making tables of their own where they look for them.

    It is a view, which no Alembic of another program looks at. It has the name of a table of ours that nobody else is
    likely to have, stands where such a release would make that table, and is left out where the role may make none.
    """
    found = connection.execute(_LOOK_FOR_OLDER, {"name": TOMBSTONE}).one()
    if place.is_old or found.name is None or found.name == place.tables or found.is_taken or not found.may_create:
        return
    view = f"{connection.dialect.identifier_preparer.quote(found.name)}.{TOMBSTONE}"
    connection.exec_driver_sql(f"CREATE VIEW {view} AS SELECT 'in a schema of its own'::text AS headrace")
    told = "headrace has its tables in a schema of its own. This view keeps older releases out; drop it later."
    connection.exec_driver_sql(f"COMMENT ON VIEW {view} IS '{told}'")


def make_in(connection: sa.Connection, place: Place) -> None:
    """Do the same in a transaction."""
    quote = connection.dialect.identifier_preparer.quote
    for name in list_missing(connection, place):
        connection.exec_driver_sql(f"CREATE SCHEMA {quote(name)}")


def list_missing(connection: sa.Connection, place: Place) -> list[str]:
    """Return the schemas that are yet to be made.

    Raises:
        ConfigurationError: the role may not make them, or no tables in those that are there.
    """
    found = connection.execute(_LOOK, {"tables": place.tables, "engine": place.engine}).all()
    if refused := [row for row in found if not row.may_create]:
        raise ConfigurationError([_explain(refused)])
    return [row.name for row in found if not row.is_there]


def _explain(refused: "list[sa.Row[tuple[str, bool, bool, str, str]]]") -> str:
    """Say what is missing, and the statement that its owner has to type."""
    first = refused[0]
    role = _quote(first.role)
    missing = [row.name for row in refused if not row.is_there]
    if missing:
        grant = f"GRANT CREATE ON DATABASE {_quote(first.database)} TO {role};"
        what = f"the role {first.role} may not make the schema {missing[0]}"
        return f"{what}; let the database's owner run: {grant}"
    names = ", ".join(_quote(row.name) for row in refused)
    grant = f"GRANT CREATE, USAGE ON SCHEMA {names} TO {role};"
    return f"the role {first.role} may not make tables in the schema {first.name}; let its owner run: {grant}"


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
