"""Queries about pipelines: what each said of itself when it was last read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headrace.models import Pipeline
from headrace.store.sql.tables.schema import pipeline
from headrace.store.sql.upsert import insert_new_as_table, upsert_as_table

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# A pipeline whose apps Heroku would not list is asked again after this.
REFUSED_FOR = timedelta(days=1)


def save_pipelines(connection: sa.Connection, found: Iterable[tuple[Pipeline, datetime]]) -> None:
    """Record what pipelines say of themselves, each once, with when it was read.

    One that would not be read this time keeps the name it had.
    """
    rows: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    # In one order, so that of two who have pipelines in common one waits for the other.
    for each, read_at in sorted(found, key=lambda item: item[0].id):
        values: dict[str, Any] = {
            "name": each.name or None,
            "owner_id": each.owner.id if each.owner else None,
            "owner_type": each.owner.type if each.owner else None,
            "generation": each.generation_name,
            "observed_at": read_at,
        }
        changes = tuple(name for name, value in values.items() if value is not None)
        rows[changes].append({"id": each.id, **values})
    for changes, alike in sorted(rows.items()):
        upsert_as_table(connection, pipeline, alike, changes=changes)


def add_pipelines(connection: sa.Connection, names: Mapping[str, str | None]) -> None:
    """Record pipelines, of which there may be none, by id, that nobody has read yet; those that are known stay."""
    rows = [{"id": each, "name": names[each], "observed_at": NEVER} for each in sorted(names)]
    if rows:
        insert_new_as_table(connection, pipeline, rows)


def list_read_pipelines(connection: sa.Connection, ids: Collection[str], *, after: datetime) -> set[str]:
    """Return, of these pipelines, those that were read lately."""
    query = sa.select(pipeline.c.id).where(pipeline.c.id.in_(ids), pipeline.c.observed_at > after)
    return set(connection.execute(query).scalars())


def save_refused_lists(connection: sa.Connection, ids: Collection[str], *, now: datetime) -> None:
    if ids:
        connection.execute(sa.update(pipeline).where(pipeline.c.id.in_(ids)).values(list_refused_at=now))
