"""Where headrace's tables stand in a database: on PostgreSQL in a schema of their own, and the engine's in another.

No statement says it: a table has no schema of its own, one of the engine's has the name `ENGINE`, and SQLAlchemy puts
the real ones into a statement as it is sent. No `search_path` has a part in it, so neither a role's nor a pooler's
matters. An installation of a release that knew of no schema stays where it is until it is moved.
"""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from headrace.database_urls import DATABASE_SCHEMA

# What a table of the engine's has in the place of a schema.
ENGINE = "headrace workflow engine"
# Where the engine's tables stand in an installation of a release that knew of no schema.
OLD_ENGINE = "dbos"
# What such a release locks while it makes its tables.
OLD_MIGRATION_LOCK = 0x68656164
# All of these, beside a table of versions, tell an installation of ours from another program's tables.
TELLING = ("resource", "secret", "placement", "placement_check", "access_check", "lifecycle_event")

# Every installation that stands where an older release would find it, or in our own schema; and what there is of the
# engine's schemas. Names of PostgreSQL's own are looked up there, whatever a session's path is.
_FIND = """
SELECT
    array(
        SELECT n.nspname::text
        FROM pg_catalog.pg_class v JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
        WHERE v.relname = 'alembic_version' AND v.relkind = 'r'
        AND (n.nspname IN (%(schema)s, 'public') OR pg_catalog.pg_table_is_visible(v.oid))
        AND (
            SELECT count(*) FROM pg_catalog.pg_class t
            WHERE t.relnamespace = n.oid AND t.relkind = 'r' AND t.relname = ANY (%(telling)s)
        ) = %(count)s
        AND (n.nspname = %(schema)s OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_namespace e WHERE e.nspname = n.nspname || '_engine'
        ))
        ORDER BY n.nspname = 'public', n.nspname
    ),
    EXISTS (SELECT FROM pg_catalog.pg_namespace e WHERE e.nspname = %(schema)s || '_engine'),
    EXISTS (
        SELECT FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
        WHERE n.nspname = 'dbos' AND t.relname = 'workflow_status'
    )
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The schema of our tables, and that of the engine's."""

    tables: str
    engine: str

    @property
    def is_old(self) -> bool:
        """Whether it is where releases look for it that know of no schema."""
        return self.engine == OLD_ENGINE

    @property
    def migration_lock(self) -> int:
        """What is locked while the tables are made."""
        return OLD_MIGRATION_LOCK if self.is_old else self.derive_number("migrations", bits=64)

    def derive_number(self, what: str, *, bits: int) -> int:
        """Return a number for a lock: locks belong to a database, and two installations in one share none."""
        digest = sha256(f"headrace {what} {self.tables}".encode()).digest()
        return int.from_bytes(digest[: bits // 8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class Found:
    """The schemas with an installation, whether the engine has one beside ours, and whether it has one of old."""

    installed: Collection[str]
    has_engine: bool
    has_old_engine: bool


def name_place(schema: str) -> Place:
    """Return the place that a schema has."""
    return Place(tables=schema, engine=f"{schema}_engine")


def decide_place(schema: str, found: Found) -> Place:
    """Say where the installation of a schema stands, or is to stand.

    Both schemas of an installation are made together: with ours alone it is of a release that knew of none, whose
    `search_path` led there.
    """
    if schema in found.installed:
        is_old = found.has_old_engine and not found.has_engine
        return Place(schema, OLD_ENGINE) if is_old else name_place(schema)
    if schema == DATABASE_SCHEMA and (old := find_old(schema, found)):
        return Place(old, OLD_ENGINE)
    return name_place(schema)


def find_old(schema: str, found: Found) -> str | None:
    """Return another schema with an installation of a release that knew of none."""
    return next((each for each in found.installed if each != schema), None)


def look_for_place(connection: Any, schema: str) -> Found:
    """Ask a PostgreSQL, over a connection of the driver's, what there is."""
    values = {"schema": schema, "telling": list(TELLING), "count": len(TELLING)}
    installed, has_engine, has_old_engine = connection.execute(_FIND, values).fetchone()
    return Found(installed, has_engine, has_old_engine)


class Whereabouts:
    """Where the statements of a process go to: learnt from its first connection to a PostgreSQL, and kept."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.place: Place | None = None
        # Where an installation stands that is not served, because another schema was asked for.
        self.left_out: str | None = None
        # What SQLAlchemy puts into statements; SQLite has no schemas.
        self.schemas: dict[str | None, str | None] = {ENGINE: None}

    def learn(self, connection: Any, _record: Any) -> None:
        """Look where the tables stand, over the driver's connection that was just opened."""
        if self.place is not None:
            return
        found = look_for_place(connection, self.schema)
        connection.rollback()
        place = decide_place(self.schema, found)
        is_elsewhere = place.tables == self.schema and self.schema not in (*found.installed, DATABASE_SCHEMA)
        self.left_out = find_old(self.schema, found) if is_elsewhere else None
        self.go_to(place)

    def look_again(self, connection: sa.Connection) -> Place:
        """Return where the tables stand now, without going there."""
        return decide_place(self.schema, look_for_place(connection.connection.driver_connection, self.schema))

    def go_to(self, place: Place) -> None:
        """Have every statement from now on go to a place."""
        self.place = place
        self.schemas.update({None: place.tables, ENGINE: place.engine})


def read_place(connection: sa.Connection) -> Place | None:
    """Return where the statements of a connection go to; SQLite has one place."""
    schemas = connection.get_execution_options().get("schema_translate_map", {})
    return Place(schemas[None], schemas[ENGINE]) if None in schemas else None


def name_schema(connection: sa.Connection) -> str | None:
    """Return the schema of our tables, for what SQLAlchemy does not put it into."""
    place = read_place(connection)
    return None if place is None else place.tables
