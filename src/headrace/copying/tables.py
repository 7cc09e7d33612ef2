"""One table after another: which there are, its rows from here to there in batches, and what they come to.

Ours are those of the schema. The engine's are those that its databases have: a table that a later release adds, to ours
or to the engine's, is copied without a word about it here.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from headrace.errors import ConfigurationError
from headrace.store.sql.migrate import ALEMBIC_VERSION
from headrace.store.sql.place import ENGINE, read_place
from headrace.workflows.engine.ledger import dbos_migrations

# Rows in memory at a time.
BATCH = 1_000
DIGEST_BYTES = 16
# What migrations write there themselves.
VERSIONS = (ALEMBIC_VERSION.name, dbos_migrations.name)

Rows = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Content:
    """How many rows there are, and what all they hold comes to, in whatever order they are read."""

    count: int = 0
    digest: int = 0

    def add(self, rows: Rows) -> None:
        for row in rows:
            text = repr([_spell(value) for value in row.values()]).encode("utf-8", "surrogatepass")
            self.digest += int.from_bytes(blake2b(text, digest_size=DIGEST_BYTES).digest())
        self.digest %= 256**DIGEST_BYTES
        self.count += len(rows)


def list_tables(source: sa.Connection, target: sa.Connection, metadata: sa.MetaData) -> list[sa.Table]:
    """Return ours and the engine's, each behind those that its rows refer to.

    Raises:
        ConfigurationError: the engine of one database has a table or a column that the other's has not.
    """
    ours = [_keep_null(table) for table in metadata.sorted_tables]
    others = {*metadata.tables, *VERSIONS}
    there = {table.name: table for table in _reflect_engine(target, others)}
    engines = [_join(source, table, there.get(table.name)) for table in _reflect_engine(source, others)]
    return [*ours, *(table for table in engines if table is not None)]


def count_rows(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def copy_rows(source: sa.Connection, target: sa.Connection, table: sa.Table, tell: Callable[[int], None]) -> Content:
    """Copy every row of a table, and return what was read; `tell` is told after each batch how many it had."""
    content = Content()
    add = sa.insert(table)
    for rows in read_batches(source, table):
        target.execute(add, rows)
        content.add(rows)
        tell(len(rows))
    return content


def read_content(connection: sa.Connection, table: sa.Table) -> Content:
    content = Content()
    for rows in read_batches(connection, table):
        content.add(rows)
    return content


def read_batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """Read a table without having more than a batch of it in memory, on PostgreSQL neither."""
    result = connection.execute(sa.select(table), execution_options={"yield_per": BATCH})
    for rows in result.mappings().partitions(BATCH):
        yield [dict(row) for row in rows]


def set_counters(connection: sa.Connection, table: sa.Table) -> None:
    """Have a PostgreSQL give ids behind the greatest that came along; SQLite looks by itself."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.columns:
        if isinstance(column.type, sa.Integer):
            name = spell_table(connection, table)
            found = connection.execute(sa.select(sa.func.pg_get_serial_sequence(name, column.name))).scalar()
            if found is not None:
                # Of an empty table the greatest is NULL, and nothing is set.
                connection.execute(sa.select(sa.func.setval(found, sa.func.max(column))))


def spell_table(connection: sa.Connection, table: sa.Table) -> str:
    """Return the name of a table for what SQLAlchemy puts no schema into."""
    quote = connection.dialect.identifier_preparer.quote
    place = read_place(connection)
    if place is None:
        return quote(table.name)
    return f"{quote(place.engine if table.schema == ENGINE else place.tables)}.{quote(table.name)}"


def _reflect_engine(connection: sa.Connection, others: set[str]) -> list[sa.Table]:
    place = read_place(connection)
    found = sa.MetaData()
    found.reflect(connection, schema=None if place is None else place.engine)
    return [table for table in found.sorted_tables if table.name not in others]


def _join(source: sa.Connection, table: sa.Table, there: sa.Table | None) -> sa.Table | None:
    """Return a table of the engine's as both databases have it; None for one that the other lacks and no row is in."""
    if there is None and not count_rows(source, table):
        return None
    names = [column.name for column in table.columns]
    if there is None or {*names} != {column.name for column in there.columns}:
        what = f"the workflow engine's table {table.name} is not the same in both"
        raise ConfigurationError([f"nothing was copied: {what}; run `headrace migrate` of one release with each."])
    # The types are PostgreSQL's where one of both is: SQLite takes any value for its own.
    typed = table if source.dialect.name == "postgresql" else there
    columns = [sa.Column(name, _find_kind(typed.c[name])) for name in names]
    return sa.Table(table.name, sa.MetaData(), *columns, schema=ENGINE)


def _find_kind(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """Return the type under which both databases give and take the same values."""
    kind = column.type.as_generic()
    return sa.JSON(none_as_null=True) if isinstance(kind, sa.JSON) else kind


def _keep_null(table: sa.Table) -> sa.Table:
    """Return a table whose JSON is not written as `null` where there is none."""
    columns = [
        sa.Column(
            column.name,
            sa.JSON(none_as_null=bool(column.nullable)) if isinstance(column.type, sa.JSON) else column.type,
        )
        for column in table.columns
    ]
    return sa.Table(table.name, sa.MetaData(), *columns)


def _spell(value: Any) -> Any:
    """The members of an object of JSON are in no order."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value
