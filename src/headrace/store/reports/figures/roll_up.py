"""Counting a day of the fleet, from what is never rewritten: it comes out the same however much later it is counted.

A resource counts from its provision to the end of its deprovision, with the place that Heroku told last before the
day's end. docs/metrics.md defines every figure.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import PASSING, Stage
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.moments import seconds_between
from headrace.store.sql.tables.counted import counted_day, day_count
from headrace.store.sql.tables.schema import placement, plan_change, resource
from headrace.store.sql.upsert import upsert

DAY = timedelta(days=1)
# A stage that Heroku added after this release.
OTHER = "other"
# Answers that set out before midnight have arrived by then.
SETTLED_AFTER = timedelta(minutes=15)
# A pipeline whose first resource is older than this when Heroku first tells its place began before anybody watched.
UNWATCHED_SECONDS = 86_400.0
LARGEST = 50
# How far back days are counted, whatever the oldest provision is.
LONGEST = timedelta(days=731)
# How pipelines are counted: all of them, those at more than one stage, those with a resource that lasts.
ALL, SEVERAL_STAGES, LASTING = "all", "several_stages", "lasting"


class FleetFigure(StrEnum):
    """What is counted each day; docs/metrics.md says what stage and label are for each.

    Which days of a figure are read is said in `reports.insights`: without its line there, no page is told of it.
    """

    BY_STAGE = "by_stage"
    BY_PLAN = "by_plan"
    BY_REGION = "by_region"
    GAINED = "gained"
    LOST = "lost"
    CHURNED = "churned"
    MOVES = "moves"
    PIPELINES = "pipelines"
    PIPELINES_BY_SIZE = "pipelines_by_size"
    PIPELINES_BY_SHAPE = "pipelines_by_shape"
    LARGEST_PIPELINES = "largest_pipelines"
    TO_PRODUCTION = "to_production"


class DayCount(NamedTuple):
    """One count of one day; what `stage` and `label` are is the figure's own."""

    figure: FleetFigure
    day: date
    stage: str
    label: str
    value: int


def count_day(connection: sa.Connection, day: date) -> list[DayCount]:
    """Count everything there is to know of a day in UTC; of today, what is known by now."""
    span = _Span(day)
    return [
        *_count_live(connection, span),
        *_count_pipelines(connection, span),
        *_count_flow(connection, span, FleetFigure.GAINED, resource.c.provisioned_at),
        *_count_flow(connection, span, FleetFigure.LOST, resource.c.deprovisioned_at),
        *_count_churned(connection, span),
        *_count_moves(connection, span),
        *_count_to_production(connection, span),
    ]


def save_day(connection: sa.Connection, day: date, counts: Iterable[DayCount], *, now: datetime) -> None:
    """Put a day's counts in the place of older ones; two workers that save one day do it one after the other."""
    upsert(connection, counted_day, {"day": day, "counted_at": now}, changes=("counted_at",))
    connection.execute(sa.delete(day_count).where(day_count.c.day == day))
    rows = [each._asdict() for each in counts]
    if rows:
        connection.execute(sa.insert(day_count), rows)


def find_uncounted_day(connection: sa.Connection, *, now: datetime) -> date | None:
    """Return the latest day that is over and was not counted since, back to the first provision or for two years."""
    first = connection.execute(sa.select(sa.func.min(resource.c.provisioned_at))).scalar()
    if first is None:
        return None
    rows = connection.execute(sa.select(counted_day)).all()
    settled = {row.day for row in rows if row.counted_at >= _begin(row.day + DAY) + SETTLED_AFTER}
    day = (now - SETTLED_AFTER).date() - DAY
    while day >= max(first, now - LONGEST).date():
        if day not in settled:
            return day
        day -= DAY
    return None


def find_counted_at(connection: sa.Connection, day: date) -> datetime | None:
    """Return when a day was counted last."""
    return connection.execute(sa.select(counted_day.c.counted_at).where(counted_day.c.day == day)).scalar()


def make_uncounted(connection: sa.Connection, *, since: date) -> int:
    """Have these days counted anew, as after an import of what was provisioned in them; return how many.

    What they were counted as stands until then, each day's until its own is there: a counter never falls.
    """
    days = sa.update(counted_day).where(counted_day.c.day >= since)
    return connection.execute(days.values(counted_at=_begin(since))).rowcount


def select_moves(among: sa.FromClause = placement) -> tuple[sa.FromClause, sa.Select[Any]]:
    """Return the placement before, and each placement among these that came after one of its resource elsewhere."""
    before = placement.alias("before")
    is_next = sa.and_(before.c.resource_uuid == among.c.resource_uuid, before.c.valid_to == among.c.valid_from)
    is_elsewhere = sa.or_(
        before.c.pipeline_id.is_distinct_from(among.c.pipeline_id),
        before.c.stage.is_distinct_from(among.c.stage),
    )
    moves = sa.select(among.c.id).join(before, is_next).where(before.c.id < among.c.id, is_elsewhere)
    return before, moves


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


class _Span:
    """A day in UTC: from `start` up to `end`, which is not in it, and its week's Monday."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.start = _begin(day)
        self.end = _begin(day + DAY)
        self.week = _begin(day - timedelta(days=day.weekday()))

    def holds(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= self.start, column < self.end)

    def count(self, figure: FleetFigure, rows: Iterable[Any]) -> Iterator[DayCount]:
        """Rows of a stage, a label and a count as values."""
        for stage, label, count in rows:
            yield DayCount(figure=figure, day=self.day, stage=stage, label=str(label), value=count)


def _is_live_at(moment: datetime) -> sa.ColumnElement[bool]:
    gone = resource.c.deprovisioned_at
    return sa.and_(resource.c.provisioned_at < moment, sa.or_(gone.is_(None), gone >= moment))


def _is_place_at(moment: datetime) -> sa.ColumnElement[bool]:
    until = placement.c.valid_to
    return sa.and_(
        placement.c.resource_uuid == resource.c.uuid,
        placement.c.valid_from < moment,
        sa.or_(until.is_(None), until >= moment),
    )


def _is_last_place_before(moment: datetime) -> sa.ColumnElement[bool]:
    """As above, or the one that was closed by the deprovision."""
    until = placement.c.valid_to
    return sa.and_(
        placement.c.resource_uuid == resource.c.uuid,
        placement.c.valid_from < moment,
        sa.or_(
            until.is_(None),
            until >= moment,
            sa.and_(until == resource.c.deprovisioned_at, until > placement.c.valid_from),
        ),
    )


def _count_live(connection: sa.Connection, span: _Span) -> Iterator[DayCount]:
    """Live resources by stage and plan, by stage and region, and by stage: one pass over the store for all."""
    # What a plan change was later is not what the plan was then.
    later = (
        sa.select(plan_change.c.resource_uuid, sa.func.min(plan_change.c.number).label("number"))
        .where(plan_change.c.outcome == "done", plan_change.c.settled_at >= span.end)
        .group_by(plan_change.c.resource_uuid)
        .subquery()
    )
    first_later = sa.and_(plan_change.c.resource_uuid == later.c.resource_uuid, plan_change.c.number == later.c.number)
    plan = sa.func.coalesce(plan_change.c.old_plan, resource.c.plan)
    query = (
        sa.select(stage_of().label("at_stage"), plan.label("at_plan"), resource.c.region, sa.func.count())
        .select_from(resource)
        .outerjoin(placement, _is_place_at(span.end))
        .outerjoin(later, later.c.resource_uuid == resource.c.uuid)
        .outerjoin(plan_change, first_later)
        .where(_is_live_at(span.end))
        .group_by(sa.text("at_stage"), sa.text("at_plan"), resource.c.region)
    )
    rows = connection.execute(query).all()
    yield from span.count(FleetFigure.BY_STAGE, _total((stage, "", count) for stage, _, _, count in rows))
    yield from span.count(FleetFigure.BY_PLAN, _total((stage, plan, count) for stage, plan, _, count in rows))
    yield from span.count(FleetFigure.BY_REGION, _total((stage, region, count) for stage, _, region, count in rows))


def _count_pipelines(connection: sa.Connection, span: _Span) -> Iterator[DayCount]:
    """Pipelines by how many live resources are in them and by the stages these are at, and the largest."""
    has = [sa.func.max(sa.case((placement.c.stage == stage, 1), else_=0)) for stage in Stage]
    has.append(sa.func.max(sa.case((placement.c.stage.in_(list(Stage)), 0), else_=1)))
    lasting = sa.func.sum(sa.case((placement.c.stage.in_(PASSING), 0), else_=1))
    flags = [flag.label(f"has_{number}") for number, flag in enumerate(has)]
    each = (
        sa.select(placement.c.pipeline_id, sa.func.count().label("size"), lasting.label("lasting"), *flags)
        .select_from(resource)
        .join(placement, _is_place_at(span.end))
        .where(_is_live_at(span.end), placement.c.pipeline_id.is_not(None))
        .group_by(placement.c.pipeline_id)
    ).cte("each")
    shape = [each.c[flag.name] for flag in flags]
    groups = sa.select(sa.null(), each.c.size, sa.null(), sa.func.count(), *shape).group_by(each.c.size, *shape)
    in_order = sa.select(each.c.pipeline_id, each.c.size, each.c.lasting, sa.literal(1), *shape)
    largest = in_order.order_by(each.c.size.desc(), each.c.pipeline_id).limit(LARGEST).subquery()
    # In one statement, so that the pipelines are gone through once.
    rows = connection.execute(sa.union_all(groups, sa.select(largest))).all()
    pipelines = [(size, count, _spell_shape(has_stage)) for found, size, _, count, *has_stage in rows if found is None]
    yield from span.count(FleetFigure.PIPELINES_BY_SIZE, _total(("", size, count) for size, count, _ in pipelines))
    yield from span.count(FleetFigure.PIPELINES_BY_SHAPE, _total(("", stages, count) for _, count, stages in pipelines))
    kinds = (("", kind, count) for _, count, stages in pipelines for kind in _list_kinds(stages))
    yield from span.count(FleetFigure.PIPELINES, _total(kinds))
    for pipeline_id, size, lasting_count, *_ in rows:
        if pipeline_id is not None:
            both = ((ALL, pipeline_id, size), (LASTING, pipeline_id, lasting_count))
            yield from span.count(FleetFigure.LARGEST_PIPELINES, both)


def _spell_shape(flags: Iterable[int]) -> str:
    """The stages that a pipeline has, in the order of flow, parted by commas."""
    return ",".join(str(stage) for stage, flag in zip((*Stage, OTHER), flags, strict=True) if flag)


def _list_kinds(shape: str) -> Iterator[str]:
    stages = shape.split(",")
    yield ALL
    if len(stages) > 1:
        yield SEVERAL_STAGES
    if not set(stages) <= {*PASSING}:
        yield LASTING


def _count_flow(
    connection: sa.Connection, span: _Span, figure: FleetFigure, moment: sa.Column[datetime]
) -> Iterator[DayCount]:
    """Resources to which this happened on the day, by the last stage that Heroku told by its end."""
    query = (
        sa.select(stage_of().label("at_stage"), sa.literal(""), sa.func.count())
        .select_from(resource)
        .outerjoin(placement, _is_last_place_before(span.end))
        .where(resource.c.provisioned_at.is_not(None), span.holds(moment))
        .group_by(sa.text("at_stage"))
    )
    yield from span.count(figure, connection.execute(query))


def _count_churned(connection: sa.Connection, span: _Span) -> Iterator[DayCount]:
    """Of those that were there when the week began, the ones deprovisioned on the day, by their stage back then."""
    query = (
        sa.select(stage_of().label("at_stage"), sa.literal(""), sa.func.count())
        .select_from(resource)
        .outerjoin(placement, _is_place_at(span.week))
        .where(resource.c.provisioned_at < span.week, span.holds(resource.c.deprovisioned_at))
        .group_by(sa.text("at_stage"))
    )
    yield from span.count(FleetFigure.CHURNED, connection.execute(query))


def _count_moves(connection: sa.Connection, span: _Span) -> Iterator[DayCount]:
    """Changes of place on the day, by the stage before and the stage after."""
    before, moves = select_moves()
    query = (
        moves.with_only_columns(stage_of(before).label("from_stage"), stage_of().label("to_stage"), sa.func.count())
        .where(span.holds(placement.c.valid_from))
        .group_by(sa.text("from_stage"), sa.text("to_stage"))
    )
    yield from span.count(FleetFigure.MOVES, connection.execute(query))


def _count_to_production(connection: sa.Connection, span: _Span) -> Iterator[DayCount]:
    """Pipelines that got their first production resource on the day, by whole days since their first resource."""
    is_production = placement.c.stage == Stage.PRODUCTION
    came_at = sa.case(
        (placement.c.valid_from < resource.c.provisioned_at, resource.c.provisioned_at), else_=placement.c.valid_from
    )
    ended_at = sa.func.coalesce(placement.c.valid_to, span.end)
    counts = sa.and_(came_at < span.end, ended_at > resource.c.provisioned_at)
    placed = sa.join(placement, resource, resource.c.uuid == placement.c.resource_uuid)
    candidates = (
        sa.select(placement.c.pipeline_id).select_from(placed).where(is_production, counts, came_at >= span.start)
    )
    earlier = placement.alias("earlier")
    was_known = sa.exists().where(
        earlier.c.resource_uuid == placement.c.resource_uuid, earlier.c.valid_from < placement.c.valid_from
    )
    age = seconds_between(connection, resource.c.provisioned_at, placement.c.valid_from)
    is_unwatched = sa.case((sa.and_(age > UNWATCHED_SECONDS, sa.not_(was_known)), 1), else_=0)
    each = (
        sa.select(
            sa.func.min(came_at).label("began_at"),
            sa.func.min(sa.case((is_production, came_at))).label("produced_at"),
        )
        .select_from(placed)
        .where(placement.c.pipeline_id.in_(candidates), counts)
        .group_by(placement.c.pipeline_id)
        .having(sa.func.max(is_unwatched) == 0)
    ).cte("each")
    days = sa.cast(sa.func.floor(seconds_between(connection, each.c.began_at, each.c.produced_at) / 86_400), sa.Integer)
    query = (
        sa.select(sa.literal(""), days.label("days"), sa.func.count())
        .where(each.c.produced_at >= span.start)
        .group_by(sa.text("days"))
    )
    yield from span.count(FleetFigure.TO_PRODUCTION, connection.execute(query))


def _total(rows: Iterable[tuple[str, Any, int]]) -> list[tuple[str, Any, int]]:
    """Rows with the same stage and label as one."""
    totals: dict[tuple[str, Any], int] = {}
    for stage, label, count in rows:
        totals[stage, label] = totals.get((stage, label), 0) + count
    return [(stage, label, count) for (stage, label), count in totals.items()]
