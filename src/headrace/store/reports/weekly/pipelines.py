"""Pipelines that grew and shrank, and those that got to production: the lists behind the report's counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import PASSING
from headrace.store.reports.figures.insights import load_pipeline_names
from headrace.store.reports.figures.roll_up import is_live_at, is_place_at, select_ways
from headrace.store.sql.tables.schema import pipeline, placement, resource


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineChange:
    """A pipeline with more or fewer lasting resources than before; `name` is None when Heroku would not tell it."""

    id: str
    name: str | None
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineChanges:
    """How many pipelines changed in one direction, by how many resources together, and those that changed most."""

    pipelines: int
    resources: int
    most: Sequence[PipelineChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A pipeline that got its first production resource; `days` are the whole days since its first resource."""

    id: str
    name: str | None
    began_at: datetime
    produced_at: datetime
    days: int


def load_pipeline_changes(
    connection: sa.Connection, *, before: datetime, after: datetime, limit: int
) -> tuple[PipelineChanges, PipelineChanges]:
    """Return the pipelines that grew from one moment to another, and those that shrank, by lasting resources.

    Reads each placement that held at either moment or between, and its resource, once for both.
    """
    each = _select_both(before, after).cte("each")
    change = (each.c.after - each.c.before).label("change")
    changed = sa.select(*each.c, change, sa.literal(1).label("count")).where(change != 0).cte("changed")
    is_grown = changed.c.change > 0
    none = (sa.null(), sa.null(), sa.null())
    totals = sa.select(*none, sa.func.sum(changed.c.change), sa.func.count()).group_by(is_grown)
    grown = sa.select(changed).where(is_grown).order_by(changed.c.change.desc(), changed.c.pipeline_id).limit(limit)
    shrunk = sa.select(changed).where(~is_grown).order_by(changed.c.change, changed.c.pipeline_id).limit(limit)
    # In one statement, so that the placements are gone through once.
    parts = (totals, sa.select(grown.subquery()), sa.select(shrunk.subquery()))
    rows = connection.execute(sa.union_all(*parts)).all()
    names = load_pipeline_names(connection, {row[0] for row in rows if row[0] is not None})
    return _gather(rows, names, sign=1), _gather(rows, names, sign=-1)


def list_ways(connection: sa.Connection, *, since: datetime, until: datetime, limit: int) -> list[Way]:
    """Return the pipelines that got to production in that time, the latest first.

    Reads the placements at production, and all of the pipelines that came there in that time.
    """
    ways = select_ways(connection, since=since, until=until).cte("ways")
    query = (
        sa.select(ways.c.pipeline_id.label("id"), pipeline.c.name, ways.c.began_at, ways.c.produced_at, ways.c.days)
        .outerjoin(pipeline, pipeline.c.id == ways.c.pipeline_id)
        .order_by(ways.c.produced_at.desc(), ways.c.pipeline_id)
        .limit(limit)
    )
    return [Way(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def _select_both(before: datetime, after: datetime) -> sa.Select[Any]:
    """Each pipeline with how many lasting resources live in it at two moments."""
    ended_at = placement.c.valid_to
    counts = [
        sa.func.sum(sa.case((sa.and_(is_live_at(moment), is_place_at(moment)), 1), else_=0))
        for moment in (before, after)
    ]
    return (
        sa.select(placement.c.pipeline_id, counts[0].label("before"), counts[1].label("after"))
        .join(resource, resource.c.uuid == placement.c.resource_uuid)
        .where(
            placement.c.pipeline_id.is_not(None),
            placement.c.stage.not_in(PASSING),
            placement.c.valid_from < after,
            sa.or_(ended_at.is_(None), ended_at >= before),
        )
        .group_by(placement.c.pipeline_id)
    )


def _gather(rows: Sequence[Any], names: Mapping[str, str | None], *, sign: int) -> PipelineChanges:
    mine = [row for row in rows if row[3] * sign > 0]
    total = next((row for row in mine if row[0] is None), None)
    return PipelineChanges(
        pipelines=int(total[4]) if total else 0,
        resources=int(total[3]) if total else 0,
        most=tuple(
            PipelineChange(id=id_, name=names.get(id_), before=int(before), after=int(after))
            for id_, before, after, _, _ in mine
            if id_ is not None
        ),
    )
