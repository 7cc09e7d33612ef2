"""Cohorts: how pipelines began and whether they got to production, and how long resources stayed."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import NOT_TOLD, Stage
from headrace.store.reports.figures.roll_up import UNWATCHED_SECONDS, find_coming, is_unwatched
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.moments import seconds_between
from headrace.store.sql.tables.schema import placement, resource

WEEK_SECONDS = 604_800.0


class Beginnings(NamedTuple):
    """Pipelines that began alike: `weeks_old` are whole weeks, `weeks_to_production` too, None: not there so far."""

    first_stage: str
    weeks_old: int
    weeks_to_production: int | None
    size: int


class Stays(NamedTuple):
    """Resources that began alike: `weeks_old` are whole weeks since, `weeks_kept` too, None: live still."""

    first_stage: str
    plan: str
    weeks_old: int
    weeks_kept: int | None
    size: int


def list_beginnings(connection: sa.Connection, *, since: datetime, until: datetime) -> list[Beginnings]:
    """Return how pipelines began in that time, and when they got to production, as it was known at its end.

    Left out are those that began before anybody watched. Reads each placement once, and its resource.
    """
    came_at, counts = find_coming(until)
    order = sa.func.row_number().over(partition_by=placement.c.pipeline_id, order_by=(came_at, placement.c.id))
    come = (
        sa.select(
            placement.c.pipeline_id,
            placement.c.stage,
            came_at.label("came_at"),
            is_unwatched(connection).label("is_unwatched"),
            order.label("number"),
        )
        .join(resource, resource.c.uuid == placement.c.resource_uuid)
        .where(placement.c.pipeline_id.is_not(None), counts)
    ).cte("come")
    each = (
        sa.select(
            sa.func.max(sa.case((come.c.number == 1, come.c.stage))).label("first_stage"),
            sa.func.min(come.c.came_at).label("began_at"),
            sa.func.min(sa.case((come.c.stage == Stage.PRODUCTION, come.c.came_at))).label("produced_at"),
        )
        .group_by(come.c.pipeline_id)
        .having(sa.func.max(come.c.is_unwatched) == 0, sa.func.min(come.c.came_at) >= since)
    ).cte("each")
    keys = (
        each.c.first_stage.label("first_stage"),
        _whole_weeks(connection, each.c.began_at, sa.literal(until, each.c.began_at.type)).label("weeks_old"),
        _whole_weeks(connection, each.c.began_at, each.c.produced_at).label("weeks_to_production"),
    )
    query = sa.select(*keys, sa.func.count()).group_by(*(sa.text(key.name) for key in keys))
    return [Beginnings(*row) for row in connection.execute(query)]


def list_stays(
    connection: sa.Connection, *, since: datetime, until: datetime, before: datetime | None = None
) -> list[Stays]:
    """Return how resources began that were provisioned in that time, and how long they stayed, as known at its end.

    With `before`, of those alone that were provisioned before that moment.

    Left out is what was imported: of its like, those that went before the import are not known. The first stage is
    `unknown` where none was told within a day. Reads all resources, and the first placement of each.
    """
    earlier = placement.alias("earlier")
    is_earlier = sa.tuple_(earlier.c.valid_from, earlier.c.id) < sa.tuple_(placement.c.valid_from, placement.c.id)
    # The first of each, told so that PostgreSQL can join them all at once, and SQLite finds each in the index.
    has_earlier = sa.exists().where(earlier.c.resource_uuid == placement.c.resource_uuid, is_earlier)
    is_first = sa.and_(placement.c.resource_uuid == resource.c.uuid, sa.not_(has_earlier))
    gone = resource.c.deprovisioned_at
    is_late = seconds_between(connection, resource.c.provisioned_at, placement.c.valid_from) > UNWATCHED_SECONDS
    keys = (
        sa.case((is_late, NOT_TOLD), else_=stage_of()).label("first_stage"),
        resource.c.requested_plan.label("first_plan"),
        _whole_weeks(connection, resource.c.provisioned_at, sa.literal(until, gone.type)).label("weeks_old"),
        _whole_weeks(connection, resource.c.provisioned_at, sa.case((gone < until, gone))).label("weeks_kept"),
    )
    query = (
        sa.select(*keys, sa.func.count())
        .select_from(resource)
        .outerjoin(placement, is_first)
        .where(resource.c.provisioned_at >= since, resource.c.provisioned_at < (before or until))
        .where(resource.c.imported_at.is_(None))
        .group_by(*(sa.text(key.name) for key in keys))
    )
    return [Stays(*row) for row in connection.execute(query)]


def _whole_weeks(
    connection: sa.Connection, start: sa.ColumnElement[Any], end: sa.ColumnElement[Any]
) -> sa.ColumnElement[int]:
    """The whole weeks from one moment to another, where there is another: SQLite's floor takes no null."""
    weeks = sa.func.floor(seconds_between(connection, start, end) / WEEK_SECONDS)
    return sa.case((end.is_not(None), sa.cast(weeks, sa.Integer)))
