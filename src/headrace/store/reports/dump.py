"""Whole tables as files of CSV, as the database itself writes them: a million rows in about a second."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    plan_change,
    resource,
)
from headrace.store.state.plan_changes import PlanChangeOutcome

# Rows of a SQLite that become one text at a time.
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What is dumped: the query, whose columns are texts, whole numbers and moments, the latter in UTC.

    There is a row of it for each row of the table.
    """

    name: str
    table: sa.Table
    query: sa.Select[Any]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self.query.selected_columns.keys())

    def only(self, names: Collection[str]) -> "Dump":
        """Return the same without the columns that have other names."""
        kept = [column for column in self.query.selected_columns if column.key in names]
        return replace(self, query=self.query.with_only_columns(*kept, maintain_column_froms=True))


RESOURCES = Dump(
    name="resource",
    table=resource,
    query=sa.select(
        *(resource.c[name] for name in ("uuid", "plan", "state", "created_at", "provisioned_at", "deprovisioned_at"))
    ),
)
PLACEMENTS = Dump(
    name="placement",
    table=placement,
    query=sa.select(
        *(placement.c[name] for name in ("id", "resource_uuid", "app_id", "app_name", "pipeline_id")),
        pipeline.c.name.label("pipeline_name"),
        *(placement.c[name] for name in ("stage", "valid_from", "valid_to")),
    ).outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id),
)
PLAN_CHANGES = Dump(
    name="plan_change",
    table=plan_change,
    query=sa.select(
        *(plan_change.c[name] for name in ("resource_uuid", "number", "old_plan", "new_plan", "settled_at"))
    ).where(plan_change.c.outcome == sa.literal_column(f"'{PlanChangeOutcome.DONE}'")),
)


def dump_table(connection: sa.Connection, what: Dump, path: Path) -> None:
    """Write what a query finds to a file: CSV without a header, where nothing is an empty cell."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        _dump_sqlite(driver, what, path, connection)
        return
    connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
    query = _spell(connection, what.query)
    with path.open("wb") as file, driver.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for data in copy:
            file.write(data)


def _dump_sqlite(driver: Any, what: Dump, path: Path, connection: sa.Connection) -> None:
    """Have SQLite write many rows as one text: a value of Python for each cell takes ten times as long."""
    rowid = sa.literal_column(f"{what.table.name}.rowid", sa.Integer)
    rows = what.query.where(rowid > sa.text(":after"), rowid <= sa.text(":until")).subquery()
    # `%w` is a text with its quotes doubled, and `%s` of nothing is nothing.
    is_text = [isinstance(column.type, sa.String) for column in rows.c]
    form = ",".join('"%w"' if each else "%s" for each in is_text)
    empty = sa.literal_column("''", sa.Text)
    cells = [sa.func.coalesce(each, empty) if text else each for each, text in zip(rows.c, is_text, strict=True)]
    line = sa.func.printf(sa.literal_column(f"'{form}'"), *cells)
    query = _spell(connection, sa.select(sa.func.group_concat(line, sa.literal_column("char(10)"))))
    edges = f"SELECT coalesce(min(rowid), 1), coalesce(max(rowid), 0) FROM {what.table.name}"  # noqa: S608
    first, last = driver.execute(edges).fetchone()
    with path.open("w", encoding="utf-8", newline="") as file:
        for after in range(first - 1, last, ROWS_AT_ONCE):
            (text,) = driver.execute(query, (after, after + ROWS_AT_ONCE)).fetchone()
            if text is not None:
                file.write(f"{text}\n")


def _spell(connection: sa.Connection, query: sa.Select[Any]) -> str:
    schemas = connection.get_execution_options()["schema_translate_map"]
    return str(query.compile(connection, schema_translate_map=schemas, render_schema_translate=True))
