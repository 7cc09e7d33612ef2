"""Counting a day of the fleet, from what is never rewritten: it comes out the same however much later it is counted.

A resource counts from its provision to the end of its deprovision, with the place that Heroku told last before the
day's end. docs/metrics.md defines every figure.

Each figure is a sum over resources or over pipelines, of which each adds what its own history makes of it. So a day is
the sum over a part of them and over the rest, which is what `kept_count` counts by. The largest pipelines alone are no
sum.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import PASSING, Stage
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.moments import seconds_between
from headrace.store.sql.rows import pass_rows, rows_as_table
from headrace.store.sql.tables.schema import placement, plan_change, resource

DAY = timedelta(days=1)
# A stage that Heroku added after this release.
OTHER = "other"
# A pipeline whose first resource is older than this when Heroku first tells its place began before anybody watched.
UNWATCHED_SECONDS = 86_400.0
LARGEST = 50
# How long provisions take, from the request to the mark, in seconds: those that make something small, to a cluster.
PROVISION_BOUNDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 43200.0)
# What is told of provisions beside how many took up to each bound: how many there were, and their milliseconds.
PROVISIONS, MILLISECONDS = "provisions", "milliseconds"
# How pipelines are counted: all of them, those at more than one stage, those with a resource that lasts.
ALL, SEVERAL_STAGES, LASTING = "all", "several_stages", "lasting"
_ALL = sa.true()


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
    # Of all there ever were: kept for `/metrics`, and no day's.
    PROVISIONING = "provisioning"


class DayCount(NamedTuple):
    """One count of one day; what `stage` and `label` are is the figure's own."""

    figure: FleetFigure
    day: date
    stage: str
    label: str
    value: int


class Among(NamedTuple):
    """A part of the fleet: resources, and the pipelines that any of them is in, by their ids."""

    resources: Collection[str]
    pipelines: Collection[str]


def count_day(connection: sa.Connection, day: date) -> list[DayCount]:
    """Count everything there is to know of a day in UTC; of today, what is known by now."""
    return _count(connection, Span(connection, day), largest=LARGEST)


def count_part(
    connection: sa.Connection, day: date, *, until: datetime, among: Among | None, largest: int | None
) -> list[DayCount]:
    """Count a day up to a moment of it, of what was known then, or of a part of it.

    What was imported later was not known. `largest` is how many of the largest pipelines are told, None: of all.
    In it are all provisions up to then.
    """
    span = Span(connection, day, until=until, among=among)
    return [*_count(connection, span, largest=largest), *_count_provisions(connection, span)]


def _count(connection: sa.Connection, span: "Span", *, largest: int | None) -> list[DayCount]:
    return [
        *_count_live(connection, span),
        *_count_pipelines(connection, span, largest),
        *_count_flow(connection, span, FleetFigure.GAINED, resource.c.provisioned_at),
        *_count_flow(connection, span, FleetFigure.LOST, resource.c.deprovisioned_at),
        *_count_churned(connection, span),
        *_count_moves(connection, span),
        *_count_to_production(connection, span),
    ]


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


def begin(day: date) -> datetime:
    """Return the moment at which a day begins."""
    return datetime.combine(day, time(), UTC)


class Span:
    """A day in UTC, or the beginning of one: from `start` up to `end`, which is not in it, and its week's Monday."""

    def __init__(
        self, connection: sa.Connection, day: date, *, until: datetime | None = None, among: Among | None = None
    ) -> None:
        self.day = day
        self.start = begin(day)
        self.end = until or begin(day + DAY)
        self.week = begin(day - timedelta(days=day.weekday()))
        self._connection = connection
        self._is_bounded = until is not None
        self._among = among

    def holds(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= self.start, column < self.end)

    def is_known(self) -> sa.ColumnElement[bool]:
        """Whether a resource was there by the end: one that was imported later had been there, and nobody knew."""
        imported_at = resource.c.imported_at
        return sa.or_(imported_at.is_(None), imported_at < self.end) if self._is_bounded else sa.true()

    def is_among_resources(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.true() if self._among is None else is_one_of(self._connection, column, self._among.resources)

    def is_among_pipelines(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.true() if self._among is None else is_one_of(self._connection, column, self._among.pipelines)

    def count(self, figure: FleetFigure, rows: Iterable[Any]) -> Iterator[DayCount]:
        """Rows of a stage, a label and a count as values."""
        for stage, label, count in rows:
            yield DayCount(figure=figure, day=self.day, stage=stage, label=str(label), value=count)


def is_one_of(connection: sa.Connection, column: sa.ColumnElement[str], ids: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a column has one of these ids, however many: they go along as one value. A query can ask so once."""
    rows = rows_as_table(connection.dialect.name, uuid=sa.Text())
    chosen = sa.select(rows.c.uuid).params(pass_rows(connection, ({"uuid": each} for each in ids)))
    return column.in_(chosen)


def is_live_at(moment: datetime) -> sa.ColumnElement[bool]:
    """Whether a resource is live at the end of the time before a moment."""
    gone = resource.c.deprovisioned_at
    # Nearly every resource came before: SQLite is not to look for them in the index, out of the table's order.
    came_at = sa.func.coalesce(resource.c.provisioned_at, moment)
    return sa.and_(came_at < moment, sa.or_(gone.is_(None), gone >= moment))


def is_place_at(moment: datetime) -> sa.ColumnElement[bool]:
    """Whether a placement is the one of its resource, of which the query tells, at that moment."""
    until = placement.c.valid_to
    return sa.and_(
        placement.c.resource_uuid == resource.c.uuid,
        placement.c.valid_from < moment,
        sa.or_(until.is_(None), until >= moment),
    )


def is_last_place_before(moment: datetime) -> sa.ColumnElement[bool]:
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


def _count_live(connection: sa.Connection, span: Span) -> Iterator[DayCount]:
    """Live resources by stage and plan, by stage and region, and by stage: one pass over the store for all."""
    # What a plan change was later is not what the plan was then: the first one since tells the plan that was left.
    first, earlier = plan_change.alias("first"), plan_change.alias("earlier")
    is_later, is_earlier = (
        sa.and_(each.c.resource_uuid == resource.c.uuid, each.c.outcome == "done", each.c.settled_at >= span.end)
        for each in (first, earlier)
    )
    is_first = ~sa.exists().where(is_earlier, earlier.c.number < first.c.number).correlate(resource, first)
    plan = sa.func.coalesce(first.c.old_plan, resource.c.plan)
    query = (
        sa.select(stage_of().label("at_stage"), plan.label("at_plan"), resource.c.region, sa.func.count())
        .select_from(resource)
        .outerjoin(placement, is_place_at(span.end))
        .outerjoin(first, sa.and_(is_later, is_first))
        .where(is_live_at(span.end), span.is_known(), span.is_among_resources(resource.c.uuid))
        .group_by(sa.text("at_stage"), sa.text("at_plan"), resource.c.region)
    )
    rows = connection.execute(query).all()
    yield from span.count(FleetFigure.BY_STAGE, _total((stage, "", count) for stage, _, _, count in rows))
    yield from span.count(FleetFigure.BY_PLAN, _total((stage, plan, count) for stage, plan, _, count in rows))
    yield from span.count(FleetFigure.BY_REGION, _total((stage, region, count) for stage, _, region, count in rows))


def _count_pipelines(connection: sa.Connection, span: Span, largest_count: int | None) -> Iterator[DayCount]:
    """Pipelines by how many live resources are in them and by the stages these are at, and the largest."""
    has = [sa.func.max(sa.case((placement.c.stage == stage, 1), else_=0)) for stage in Stage]
    has.append(sa.func.max(sa.case((placement.c.stage.in_(list(Stage)), 0), else_=1)))
    lasting = sa.func.sum(sa.case((placement.c.stage.in_(PASSING), 0), else_=1))
    flags = [flag.label(f"has_{number}") for number, flag in enumerate(has)]
    each = (
        sa.select(placement.c.pipeline_id, sa.func.count().label("size"), lasting.label("lasting"), *flags)
        .select_from(resource)
        .join(placement, is_place_at(span.end))
        .where(is_live_at(span.end), span.is_known(), placement.c.pipeline_id.is_not(None))
        .where(span.is_among_pipelines(placement.c.pipeline_id))
        .group_by(placement.c.pipeline_id)
    ).cte("each")
    shape = [each.c[flag.name] for flag in flags]
    groups = sa.select(sa.null(), each.c.size, sa.null(), sa.func.count(), *shape).group_by(each.c.size, *shape)
    in_order = sa.select(each.c.pipeline_id, each.c.size, each.c.lasting, sa.literal(1), *shape)
    largest = in_order.order_by(each.c.size.desc(), each.c.pipeline_id).limit(largest_count).subquery()
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
    connection: sa.Connection, span: Span, figure: FleetFigure, moment: sa.Column[datetime]
) -> Iterator[DayCount]:
    """Resources to which this happened on the day, by the last stage that Heroku told by its end."""
    query = (
        sa.select(stage_of().label("at_stage"), sa.literal(""), sa.func.count())
        .select_from(resource)
        .outerjoin(placement, is_last_place_before(span.end))
        .where(resource.c.provisioned_at.is_not(None), span.holds(moment))
        .where(span.is_known(), span.is_among_resources(resource.c.uuid))
        .group_by(sa.text("at_stage"))
    )
    yield from span.count(figure, connection.execute(query))


def _count_churned(connection: sa.Connection, span: Span) -> Iterator[DayCount]:
    """Of those that were there when the week began, the ones deprovisioned on the day, by their stage back then."""
    query = (
        sa.select(stage_of().label("at_stage"), sa.literal(""), sa.func.count())
        .select_from(resource)
        .outerjoin(placement, is_place_at(span.week))
        .where(resource.c.provisioned_at < span.week, span.holds(resource.c.deprovisioned_at))
        .where(span.is_known(), span.is_among_resources(resource.c.uuid))
        .group_by(sa.text("at_stage"))
    )
    yield from span.count(FleetFigure.CHURNED, connection.execute(query))


def _count_moves(connection: sa.Connection, span: Span) -> Iterator[DayCount]:
    """Changes of place on the day, by the stage before and the stage after."""
    before, moves = select_moves()
    query = (
        moves.with_only_columns(stage_of(before).label("from_stage"), stage_of().label("to_stage"), sa.func.count())
        .where(span.holds(placement.c.valid_from), span.is_among_resources(placement.c.resource_uuid))
        .group_by(sa.text("from_stage"), sa.text("to_stage"))
    )
    yield from span.count(FleetFigure.MOVES, connection.execute(query))


def _count_to_production(connection: sa.Connection, span: Span) -> Iterator[DayCount]:
    """Pipelines that got their first production resource on the day, by whole days since their first resource."""
    among = span.is_among_pipelines(placement.c.pipeline_id)
    ways = select_ways(connection, since=span.start, until=span.end, known=span.is_known(), among=among)
    each = ways.cte("ways")
    query = sa.select(sa.literal(""), each.c.days, sa.func.count()).group_by(each.c.days)
    yield from span.count(FleetFigure.TO_PRODUCTION, connection.execute(query))


def _count_provisions(connection: sa.Connection, span: Span) -> Iterator[DayCount]:
    """All provisions that were done, by how long they took at the most, and how long all took together."""
    # As in `is_live_at`.
    is_done = sa.and_(sa.func.coalesce(resource.c.provisioned_at, span.end) < span.end, span.is_known())
    counts = count_provisions(connection, is_done, span.is_among_resources(resource.c.uuid))
    yield from span.count(FleetFigure.PROVISIONING, (("", label, count) for label, count in counts.items() if count))


def count_provisions(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> dict[str, int]:
    """Count the provisions that were done, by how long they took at the most, with how many, and their milliseconds."""
    seconds = seconds_between(connection, resource.c.created_at, resource.c.provisioned_at)
    sums = {
        PROVISIONS: sa.func.count(),
        MILLISECONDS: sa.func.sum(sa.cast(sa.func.round(seconds * 1000), sa.BigInteger)),
        **{str(bound): sa.func.sum(sa.case((seconds <= bound, 1), else_=0)) for bound in PROVISION_BOUNDS},
    }
    row = connection.execute(sa.select(*sums.values()).where(resource.c.provisioned_at.is_not(None), *conditions)).one()
    return {label: int(count or 0) for label, count in zip(sums, row, strict=True)}


def select_ways(
    connection: sa.Connection,
    *,
    since: datetime,
    until: datetime,
    known: sa.ColumnElement[bool] = _ALL,
    among: sa.ColumnElement[bool] = _ALL,
) -> sa.Select[Any]:
    """Pipelines that got their first live production resource in that time, and how many whole days they took.

    Columns are `pipeline_id`, `began_at`, `produced_at` and `days`. Only `known` resources count, and pipelines with a
    placement at production `among` some.
    """
    is_production = placement.c.stage == Stage.PRODUCTION
    came_at, counts = find_coming(until)
    placed = sa.join(placement, resource, resource.c.uuid == placement.c.resource_uuid)
    candidates = (
        sa.select(placement.c.pipeline_id)
        .select_from(placed)
        .where(is_production, known, among, counts, came_at >= since)
    )
    each = (
        sa.select(
            placement.c.pipeline_id,
            sa.func.min(came_at).label("began_at"),
            sa.func.min(sa.case((is_production, came_at))).label("produced_at"),
        )
        .select_from(placed)
        .where(placement.c.pipeline_id.in_(candidates), known, counts)
        .group_by(placement.c.pipeline_id)
        .having(sa.func.max(is_unwatched(connection)) == 0)
    ).cte("each")
    days = sa.cast(sa.func.floor(seconds_between(connection, each.c.began_at, each.c.produced_at) / 86_400), sa.Integer)
    return sa.select(*each.c, days.label("days")).where(each.c.produced_at >= since)


def find_coming(until: datetime) -> tuple[sa.ColumnElement[datetime], sa.ColumnElement[bool]]:
    """Return when a resource came to a place, live, and whether it did before a moment."""
    came_at = sa.case(
        (placement.c.valid_from < resource.c.provisioned_at, resource.c.provisioned_at), else_=placement.c.valid_from
    )
    ended_at = sa.func.coalesce(placement.c.valid_to, until)
    return came_at, sa.and_(came_at < until, ended_at > resource.c.provisioned_at)


def is_unwatched(connection: sa.Connection) -> sa.ColumnElement[int]:
    """1 for a placement of a resource that was there for more than a day when its place was first told, or else 0."""
    earlier = placement.alias("earlier")
    was_known = sa.exists().where(
        earlier.c.resource_uuid == placement.c.resource_uuid, earlier.c.valid_from < placement.c.valid_from
    )
    age = seconds_between(connection, resource.c.provisioned_at, placement.c.valid_from)
    return sa.case((sa.and_(age > UNWATCHED_SECONDS, sa.not_(was_known)), 1), else_=0)


def _total(rows: Iterable[tuple[str, Any, int]]) -> list[tuple[str, Any, int]]:
    """Rows with the same stage and label as one."""
    totals: dict[tuple[str, Any], int] = {}
    for stage, label, count in rows:
        totals[stage, label] = totals.get((stage, label), 0) + count
    return [(stage, label, count) for (stage, label), count in totals.items()]
