"""Inserts that meet a row which is there already: the two dialects spell them alike and import them apart.

Statements are built once for each shape: building one costs about as much as running it.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.store.sql.rows import pass_rows, rows_as_table


def insert_new(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> sa.Row[Any] | None:
    """Insert a row and return it whole; return None, and change nothing, when its key is there already."""
    found: sa.Row[Any] | None = connection.execute(_build_insert(table, connection.dialect.name), row).first()
    return found


def insert_new_of(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> set[Any]:
    """Insert those of one row or more of one shape whose key is not there yet; return the keys of these.

    It is one statement, for rows without bytes. The table's key is one column. Rows that others may write too are best
    in an order.
    """
    statement = _build_insert_returning_key(table, connection.dialect.name, tuple(rows[0]))
    return set(connection.execute(statement, pass_rows(connection, rows)).scalars())


def upsert(connection: sa.Connection, table: sa.Table, row: dict[str, Any], *, changes: tuple[str, ...]) -> None:
    """Insert a row, or bring these columns of the one that has its key to the row's values."""
    upsert_all(connection, table, [row], changes=changes)


def upsert_all(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *, changes: tuple[str, ...]
) -> None:
    """Do the same for one row or more of one shape. Rows that others may write too are best in an order."""
    connection.execute(_build_upsert(table, connection.dialect.name, changes), rows)


def add_up(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], column: str) -> None:
    """Insert one row or more of one shape, or add a column's values to those of the rows that have their keys."""
    connection.execute(_build_add_up(table, connection.dialect.name, column), rows)


def raise_to(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], column: str) -> None:
    """Do the same, but the higher of the two values stays."""
    connection.execute(_build_raise_to(table, connection.dialect.name, column), rows)


def upsert_as_table(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *, changes: tuple[str, ...]
) -> None:
    """Do the same for rows of texts, moments and, on PostgreSQL, bytes, in one statement; each has another key."""
    statement = _build_upsert_as_table(table, connection.dialect.name, tuple(rows[0]), changes)
    connection.execute(statement, pass_rows(connection, rows))


def insert_as_table(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert one row or more of texts and moments, of one shape, in one statement."""
    connection.execute(
        _build_insert_as_table(table, connection.dialect.name, tuple(rows[0])), pass_rows(connection, rows)
    )


def insert_new_as_table(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Do the same, but leave out rows whose key is there already."""
    statement = _build_insert_new_as_table(table, connection.dialect.name, tuple(rows[0]))
    connection.execute(statement, pass_rows(connection, rows))


@cache
def _build_insert(table: sa.Table, dialect: str) -> Any:
    # The count of affected rows is not to be trusted for this on every driver; what is returned is.
    return _insert(table, dialect).on_conflict_do_nothing().returning(*table.columns)


@cache
def _build_insert_returning_key(table: sa.Table, dialect: str, columns: tuple[str, ...]) -> Any:
    return _build_insert_new_as_table(table, dialect, columns).returning(*table.primary_key.columns)


@cache
def _build_upsert(table: sa.Table, dialect: str, changes: tuple[str, ...]) -> Any:
    return _change_known(_insert(table, dialect), table, changes)


@cache
def _build_add_up(table: sa.Table, dialect: str, column: str) -> Any:
    insert = _insert(table, dialect)
    return _combine(insert, table, column, table.c[column] + insert.excluded[column])


@cache
def _build_raise_to(table: sa.Table, dialect: str, column: str) -> Any:
    insert = _insert(table, dialect)
    old, new = table.c[column], insert.excluded[column]
    return _combine(insert, table, column, sa.case((old > new, old), else_=new))


def _combine(insert: Any, table: sa.Table, column: str, value: sa.ColumnElement[Any]) -> Any:
    return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_={column: value})


@cache
def _build_upsert_as_table(table: sa.Table, dialect: str, columns: tuple[str, ...], changes: tuple[str, ...]) -> Any:
    return _change_known(_build_insert_as_table(table, dialect, columns), table, changes)


@cache
def _build_insert_as_table(table: sa.Table, dialect: str, columns: tuple[str, ...]) -> Any:
    rows = rows_as_table(dialect, **{name: table.c[name].type for name in columns})
    return insert_from(dialect, table, {name: rows.c[name] for name in columns})


@cache
def _build_insert_new_as_table(table: sa.Table, dialect: str, columns: tuple[str, ...]) -> Any:
    return _build_insert_as_table(table, dialect, columns).on_conflict_do_nothing()


def insert_new_from(
    dialect: str, table: sa.TableClause, columns: Mapping[str, sa.ColumnElement[Any]], *, key: str
) -> sa.Insert:
    """Do as `insert_from` does, but leave out rows whose key is there already."""
    insert: sa.Insert = insert_from(dialect, table, columns).on_conflict_do_nothing(index_elements=[key])
    return insert


def insert_from(dialect: str, table: sa.TableClause, columns: Mapping[str, sa.ColumnElement[Any]]) -> Any:
    """Build the insert of rows that are selected, a value for each column."""
    # SQLite takes the ON of what may follow for one of a join, unless there is a WHERE before it.
    query = sa.select(*columns.values()).where(sa.text("true"))
    return _insert(table, dialect).from_select(list(columns), query, include_defaults=False)


def _change_known(insert: Any, table: sa.Table, changes: tuple[str, ...]) -> Any:
    key = list(table.primary_key.columns)
    return insert.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in changes})


def _insert(table: sa.TableClause, dialect: str) -> Any:
    return sqlite_insert(table) if dialect == "sqlite" else postgres_insert(table)
