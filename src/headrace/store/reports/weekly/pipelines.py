"""Pipelines that grew and shrank, and those that got to production: the lists behind the report's counts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
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


# Those that grew, and those that shrank.
Both = tuple[PipelineChanges, PipelineChanges]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A pipeline that got its first production resource; `days` are the whole days since its first resource."""

    id: str
    name: str | None
    began_at: datetime
    produced_at: datetime
    days: int


def load_pipeline_changes(connection: sa.Connection, moments: Sequence[datetime], *, limit: int) -> list[Both]:
    """Return the pipelines that grew from each moment to the next, and those that shrank, by lasting resources.

    Those that changed most are told of the last two moments alone. Reads all placements once, and the resources of
    those that began or ended meanwhile.
    """
    each = _select_changes(moments).cte("each")
    pipeline_id, *changes = each.c
    last = len(changes) - 1
    parts = []
    for order in (changes[-1], -changes[-1]):
        told = sa.select(sa.literal(last), pipeline_id, changes[-1], sa.literal(1)).where(order < 0)
        parts.append(sa.select(told.order_by(order, pipeline_id).limit(limit).subquery()))
    for number, change in enumerate(changes):
        parts += (_sum_up(number, change, is_chosen) for is_chosen in (change > 0, change < 0))
    # In one statement, so that the placements are gone through once.
    rows = connection.execute(sa.union_all(*parts)).all()
    ids = {row[1] for row in rows if row[1] is not None}
    sizes, names = _load_sizes(connection, ids, moments[-2:]), load_pipeline_names(connection, ids)
    known = {id_: PipelineChange(id=id_, name=names.get(id_), before=sizes[id_][0], after=sizes[id_][1]) for id_ in ids}
    found = [[row[1:] for row in rows if row[0] == number] for number, _ in enumerate(changes)]
    return [(_gather(some, known, sign=1), _gather(some, known, sign=-1)) for some in found]


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


def _sum_up(number: int, change: sa.ColumnElement[Any], is_chosen: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """How much the chosen pipelines changed together, and how many they are."""
    columns: list[sa.ColumnElement[Any]] = [sa.literal(number), sa.null(), sa.func.sum(change), sa.func.count()]
    return sa.select(*columns).where(is_chosen)


def _select_changes(moments: Sequence[datetime]) -> sa.Select[Any]:
    """Each pipeline with how many lasting resources more live in it at each moment than at the one before.

    Of those that stay, in place and live, from the first moment to the last there are as many at each: they are left
    out, and with them nearly all.
    """
    sizes = _list_sizes(moments)
    changes = ((after - before).label(f"change_{number}") for number, (before, after) in enumerate(pairwise(sizes)))
    moved = sa.select(placement.c.id).where(
        sa.or_(*(_is_between(placement.c[name], moments) for name in ("valid_from", "valid_to")))
    )
    come, gone = (
        sa.select(placement.c.id)
        .join(resource, resource.c.uuid == placement.c.resource_uuid)
        .where(_is_between(resource.c[name], moments))
        for name in ("provisioned_at", "deprovisioned_at")
    )
    return _select_lasting(changes).where(placement.c.id.in_(sa.union(moved, come, gone)))


def _load_sizes(
    connection: sa.Connection, ids: Collection[str], moments: Sequence[datetime]
) -> dict[str, Sequence[int]]:
    """Return how many lasting resources live in these pipelines at each moment."""
    query = _select_lasting(_list_sizes(moments)).where(placement.c.pipeline_id.in_(ids))
    return {id_: sizes for id_, *sizes in connection.execute(query)}


def _select_lasting(columns: Iterable[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """Each pipeline with sums over what lasts in it."""
    return (
        sa.select(placement.c.pipeline_id, *columns)
        .join(resource, resource.c.uuid == placement.c.resource_uuid)
        .where(placement.c.pipeline_id.is_not(None), placement.c.stage.not_in(PASSING))
        .group_by(placement.c.pipeline_id)
    )


def _list_sizes(moments: Sequence[datetime]) -> list[sa.ColumnElement[int]]:
    return [sa.func.sum(sa.case((sa.and_(is_live_at(moment), is_place_at(moment)), 1), else_=0)) for moment in moments]


def _is_between(column: sa.Column[datetime], moments: Sequence[datetime]) -> sa.ColumnElement[bool]:
    return sa.and_(column >= min(moments), column < max(moments))


def _gather(rows: Sequence[Any], known: Mapping[str, PipelineChange], *, sign: int) -> PipelineChanges:
    mine = [row for row in rows if row[1] is not None and row[1] * sign > 0]
    total = next((row for row in mine if row[0] is None), None)
    return PipelineChanges(
        pipelines=int(total[2]) if total else 0,
        resources=int(total[1]) if total else 0,
        most=tuple(known[id_] for id_, *_ in mine if id_ is not None),
    )
