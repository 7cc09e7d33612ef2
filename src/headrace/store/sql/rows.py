"""Rows that a statement is given as one value, as a table to join with.

A statement that is run for each of many rows is sent and answered that often, and SQLite gives the interpreter to
another thread each time; so is one that names many keys, each a parameter of its own. A table of them runs once.

The other way round the rows of a query are read as one value: SQLite gives the interpreter away for each row too.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from headrace.store.sql.tables.columns import Moment

T = TypeVar("T")

PARAMETER = "row_table"
MOMENT = Moment()


def pass_rows(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return rows as the parameter of a statement that has `rows_as_table` in it; bytes go to a PostgreSQL only."""
    spelt = _Spelt(connection.dialect)
    written = [
        {name: spelt[value] if isinstance(value, (datetime, bytes)) else value for name, value in row.items()}
        for row in rows
    ]
    return {PARAMETER: msgspec.json.encode(written).decode()}


def rows_as_table(dialect: str, **types: sa.types.TypeEngine[Any]) -> sa.FromClause:
    """Return rows as a table with these columns."""
    value = sa.bindparam(PARAMETER, type_=sa.Text())
    if dialect == "sqlite":
        row = sa.func.json_each(value).table_valued("value").c.value
        columns = (sa.func.json_extract(row, f"$.{name}", type_=type_).label(name) for name, type_ in types.items())
        return sa.select(*columns).subquery(PARAMETER)
    columns_of_record = (sa.column(name, type_) for name, type_ in types.items())
    table = sa.func.json_to_recordset(sa.cast(value, sa.JSON)).table_valued(*columns_of_record)
    return table.render_derived(name=PARAMETER, with_types=True)


def pass_uuids(uuids: Iterable[str]) -> dict[str, str]:
    """Return uuids as the parameter of a statement that has `select_uuids` in it."""
    return {PARAMETER: msgspec.json.encode([{"uuid": uuid} for uuid in uuids]).decode()}


def select_uuids(dialect: str) -> sa.Select[tuple[str]]:
    """Return the query of the uuids that a statement is given."""
    return sa.select(rows_as_table(dialect, uuid=sa.Text()).c.uuid)


def pass_texts(connection: sa.Connection, texts: Iterable[str]) -> dict[str, Any]:
    """Return texts as the parameter of a statement that has `is_among` in it."""
    if connection.dialect.name == "sqlite":
        return {PARAMETER: msgspec.json.encode(list(texts)).decode()}
    return {PARAMETER: _spell_array(texts)}


def is_among(column: sa.ColumnElement[str], dialect: str) -> sa.ColumnElement[bool]:
    """Whether a column is one of the texts that a statement is given: however many they are, it is the same one."""
    if dialect == "sqlite":
        value = sa.bindparam(PARAMETER, type_=sa.Text())
        return column.in_(sa.select(sa.func.json_each(value).table_valued("value").c.value))
    # Not a table: PostgreSQL plans the joins of a query with fewer of them better.
    return column == sa.any_(sa.cast(sa.bindparam(PARAMETER, type_=sa.Text()), ARRAY(sa.Text())))


def is_one_of(column: sa.ColumnElement[str], texts: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a column is one of the texts that a statement is built for.

    Of a list that SQLAlchemy is given with each execution it writes the text of the statement anew.
    """
    return column.in_([sa.literal(text) for text in texts])


def read_rows(connection: sa.Connection, query: sa.Select[Any], shape: type[T], values: Mapping[str, Any]) -> list[T]:
    """Return the rows of a query that `as_one_value` made, each as a struct that is an array in JSON."""
    text: str = connection.execute(query, values).scalar_one()
    return msgspec.json.decode(text, type=list[shape])  # type: ignore[valid-type]


def as_one_value(dialect: str, query: sa.Select[Any]) -> sa.Select[tuple[str]]:
    """Return the query of all rows of another as one text: each is an array of texts, moments, and bytes in hex."""
    rows = query.subquery("row_of_value")
    columns = [_spell_column(dialect, column) for column in rows.c]
    if dialect == "sqlite":
        return sa.select(sa.func.json_group_array(sa.func.json_array(*columns), type_=sa.Text()))
    # Cast, because a text of JSON would be taken apart by the driver first.
    value = sa.func.json_agg(sa.func.json_build_array(*columns))
    return sa.select(sa.func.coalesce(sa.cast(value, sa.Text()), "[]"))


def _spell_array(texts: Iterable[str]) -> str:
    """Return texts as PostgreSQL reads an array of them, in a tenth of the time that the driver takes."""
    quoted = (text.replace("\\", r"\\").replace('"', r"\"") for text in texts)
    return "{" + ",".join([f'"{text}"' for text in quoted]) + "}"


def _spell_column(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.LargeBinary):
        return sa.func.hex(column) if dialect == "sqlite" else sa.func.encode(column, "hex")
    if isinstance(column.type, Moment) and dialect == "sqlite":
        # What is kept has no time zone, and means UTC.
        return sa.type_coerce(column, sa.Text()).concat("Z")
    return column


class _Spelt(dict[datetime | bytes, str]):
    """Moments as the store writes them, as which SQLite compares them, and bytes as PostgreSQL reads them.

    Each is spelt once for all rows that have it: those of one batch have most moments in common.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def __missing__(self, value: datetime | bytes) -> str:
        text = self[value] = self._spell(value)
        return text

    def _spell(self, value: datetime | bytes) -> str:
        if isinstance(value, bytes):
            return f"\\x{value.hex()}"
        kept = MOMENT.process_bind_param(value, self._dialect)
        assert kept is not None
        return kept.isoformat(" ", "microseconds")
