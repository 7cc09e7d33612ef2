"""Reading what was counted: the fleet's days, from the roll-up alone, so that it costs the same at any size."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headrace.store.roll_up import DayCount, Figure
from headrace.store.schema import counted_day, day_count, pipeline

# Figures that are told day by day, those that are added up, and those of which only the latest day is told.
SERIES = (Figure.BY_STAGE, Figure.PIPELINES, Figure.GAINED, Figure.LOST, Figure.CHURNED)
SUMS = (Figure.MOVES, Figure.TO_PRODUCTION)
LATEST = (
    Figure.BY_PLAN,
    Figure.BY_REGION,
    Figure.PIPELINES_BY_SIZE,
    Figure.PIPELINES_BY_SHAPE,
    Figure.LARGEST_PIPELINES,
)


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


def load_figure(connection: sa.Connection, figure: Figure, *, since: date, until: date) -> list[DayCount]:
    """Return one figure day by day, oldest first."""
    query = sa.select(day_count).where(day_count.c.figure == figure, day_count.c.day.between(since, until))
    return _load(connection, query.order_by(day_count.c.day, day_count.c.stage, day_count.c.label))


def count_moves(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many moves there were since the first day, by stage before and after."""
    query = (
        sa.select(day_count.c.stage, day_count.c.label, sa.func.sum(day_count.c.value))
        .where(day_count.c.figure == Figure.MOVES)
        .group_by(day_count.c.stage, day_count.c.label)
    )
    return {(before, after): int(count) for before, after, count in connection.execute(query)}


def load_pipeline_names(connection: sa.Connection, ids: Collection[str]) -> dict[str, str | None]:
    """Return the names of these pipelines, as Heroku told them last."""
    query = sa.select(pipeline.c.id, pipeline.c.name).where(pipeline.c.id.in_(ids))
    return {row.id: row.name for row in connection.execute(query)}


def _load(connection: sa.Connection, query: sa.Select[Any]) -> list[DayCount]:
    return [DayCount(*row) for row in connection.execute(query)]
