"""Whole tables as files of CSV, as the database itself writes them: a million rows in a second or two."""

import csv
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What is dumped: the query, whose columns are texts, whole numbers and moments, the latter in UTC."""

    name: str
    query: sa.Select[Any]


RESOURCES = Dump(
    name="resource",
    query=sa.select(
        *(resource.c[name] for name in ("uuid", "plan", "state", "created_at", "provisioned_at", "deprovisioned_at"))
    ),
)
PLACEMENTS = Dump(
    name="placement",
    query=sa.select(
        *(placement.c[name] for name in ("id", "resource_uuid", "app_id", "app_name", "pipeline_id")),
        pipeline.c.name.label("pipeline_name"),
        *(placement.c[name] for name in ("stage", "valid_from", "valid_to")),
    ).outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id),
)
PLAN_CHANGES = Dump(
    name="plan_change",
    query=sa.select(
        *(plan_change.c[name] for name in ("resource_uuid", "number", "old_plan", "new_plan", "settled_at"))
    ).where(plan_change.c.outcome == sa.literal_column(f"'{PlanChangeOutcome.DONE}'")),
)


def dump_table(connection: sa.Connection, what: Dump, path: Path) -> None:
    """Write what a query finds to a file: CSV without a header, where nothing is an empty cell without quotes."""
    schemas = connection.get_execution_options()["schema_translate_map"]
    query = str(what.query.compile(connection, schema_translate_map=schemas, render_schema_translate=True))
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(driver.execute(query))
        return
    connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
    with path.open("wb") as file, driver.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for data in copy:
            file.write(data)
