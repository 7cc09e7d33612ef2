"""Reading what was counted, from the roll-up alone, and what happened last: it costs the same at any size."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import NO_PIPELINE, State
from headrace.store.reports.figures.roll_up import DayCount, FleetFigure, select_moves
from headrace.store.sql.tables.counted import counted_day, day_count
from headrace.store.sql.tables.schema import pipeline, placement, resource

# Figures that are told day by day, those that are added up, and those of which only the latest day is told.
SERIES = (FleetFigure.BY_STAGE, FleetFigure.PIPELINES, FleetFigure.GAINED, FleetFigure.LOST, FleetFigure.CHURNED)
SUMS = (FleetFigure.MOVES, FleetFigure.TO_PRODUCTION)
LATEST = (
    FleetFigure.BY_PLAN,
    FleetFigure.BY_REGION,
    FleetFigure.PIPELINES_BY_SIZE,
    FleetFigure.PIPELINES_BY_SHAPE,
    FleetFigure.LARGEST_PIPELINES,
)
# How many rows are looked through at the most for what happened last.
RECENT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestMove:
    """An app that changed its place; stage `none` is no pipeline. The pipeline is the one it came to, or else left."""

    moved_at: datetime
    resource_uuid: str
    app_name: str | None
    from_stage: str
    to_stage: str
    pipeline_id: str | None
    pipeline_name: str | None


def find_latest_day(connection: sa.Connection) -> tuple[date, datetime] | None:
    """Return the latest day that was counted, and when it was."""
    query = sa.select(counted_day).order_by(counted_day.c.day.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.day, row.counted_at)


def load_day_counts(connection: sa.Connection, *, eve: date, since: date, until: date) -> list[DayCount]:
    """Return the series from `eve` to `until`, the sums from `since` on, and the other figures of `until` alone."""
    key = (day_count.c.stage, day_count.c.label)
    total = sa.func.sum(day_count.c.value)
    sums = sa.select(day_count.c.figure, sa.literal(until, sa.Date), *key, sa.cast(total, sa.Integer))
    is_in_window = sa.and_(day_count.c.figure.in_(SUMS), day_count.c.day.between(since, until))
    is_in_series = sa.and_(day_count.c.figure.in_(SERIES), day_count.c.day.between(eve, until))
    is_latest = sa.and_(day_count.c.figure.in_(LATEST), day_count.c.day == until)
    return [
        *_load(connection, sa.select(day_count).where(is_in_series)),
        *_load(connection, sums.where(is_in_window).group_by(day_count.c.figure, *key)),
        *_load(connection, sa.select(day_count).where(is_latest)),
    ]


def load_figure(connection: sa.Connection, figure: FleetFigure, *, since: date, until: date) -> list[DayCount]:
    """Return one figure day by day, oldest first."""
    query = sa.select(day_count).where(day_count.c.figure == figure, day_count.c.day.between(since, until))
    return _load(connection, query.order_by(day_count.c.day, day_count.c.stage, day_count.c.label))


def count_moves(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many moves there were since the first day, by stage before and after."""
    query = (
        sa.select(day_count.c.stage, day_count.c.label, sa.func.sum(day_count.c.value))
        .where(day_count.c.figure == FleetFigure.MOVES)
        .group_by(day_count.c.stage, day_count.c.label)
    )
    return {(before, after): int(count) for before, after, count in connection.execute(query)}


def load_pipeline_names(connection: sa.Connection, ids: Collection[str]) -> dict[str, str | None]:
    """Return the names of these pipelines, as Heroku told them last."""
    query = sa.select(pipeline.c.id, pipeline.c.name).where(pipeline.c.id.in_(ids))
    return {row.id: row.name for row in connection.execute(query)}


def list_latest_moves(connection: sa.Connection) -> list[LatestMove]:
    """Return the moves among the latest thousand placements, newest first."""
    latest = sa.select(placement).order_by(placement.c.id.desc()).limit(RECENT).subquery("latest")
    before, moves = select_moves(latest)
    pipeline_id = sa.func.coalesce(latest.c.pipeline_id, before.c.pipeline_id)
    query = (
        moves.outerjoin(pipeline, pipeline.c.id == pipeline_id)
        .with_only_columns(
            latest.c.valid_from.label("moved_at"),
            latest.c.resource_uuid,
            latest.c.app_name,
            sa.func.coalesce(before.c.stage, NO_PIPELINE).label("from_stage"),
            sa.func.coalesce(latest.c.stage, NO_PIPELINE).label("to_stage"),
            pipeline_id.label("pipeline_id"),
            pipeline.c.name.label("pipeline_name"),
        )
        .order_by(latest.c.id.desc())
    )
    return [LatestMove(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def list_provision_times(connection: sa.Connection, *, since: datetime) -> list[float]:
    """Return how many seconds provisions took, of the latest thousand that Heroku asked for since then."""
    took = []
    for state in State:
        query = (
            sa.select(resource.c.created_at, resource.c.provisioned_at, resource.c.imported_at)
            .where(resource.c.state == state, resource.c.created_at >= since)
            .order_by(resource.c.created_at.desc())
            .limit(RECENT)
        )
        rows = connection.execute(query)
        took += [(row.created_at, row.provisioned_at) for row in rows if row.provisioned_at and not row.imported_at]
    latest = sorted(took, reverse=True)[:RECENT]
    return [(provisioned_at - asked_at).total_seconds() for asked_at, provisioned_at in latest]


def _load(connection: sa.Connection, query: sa.Select[Any]) -> list[DayCount]:
    return [DayCount(*row) for row in connection.execute(query).all()]
