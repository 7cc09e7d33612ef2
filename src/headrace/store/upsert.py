"""Inserts that meet a row which is there already: the two dialects spell them alike and import them apart."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


def insert_new(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> sa.Row[Any] | None:
    """Insert a row and return it whole; return None, and change nothing, when its key is there already."""
    # The count of affected rows is not to be trusted for this on every driver; what is returned is.
    insert = _insert(connection, table).values(row).on_conflict_do_nothing()
    found: sa.Row[Any] | None = connection.execute(insert.returning(*table.columns)).first()
    return found


def upsert(connection: sa.Connection, table: sa.Table, row: dict[str, Any], *, changes: dict[str, Any]) -> None:
    """Insert a row, or make these changes to the one that has its key."""
    key = list(table.primary_key.columns)
    connection.execute(_insert(connection, table).values(row).on_conflict_do_update(index_elements=key, set_=changes))


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    return sqlite_insert(table) if connection.dialect.name == "sqlite" else postgres_insert(table)
