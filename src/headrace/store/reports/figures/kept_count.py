"""The count that is kept: the fleet as it was at a moment, from which any later one is told by what happened since.

What was the same at both moments adds the same to both, so what changed is counted alone, as it was then and as it is
now, by the same queries as everything else; the difference is added to what was kept. The moment lies so far back that
all that happened before it is stored. Who rewrites the past has the count forgotten, and all is counted once more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.store.reports.figures.roll_up import (
    ALL,
    DAY,
    LARGEST,
    Among,
    DayCount,
    FleetFigure,
    begin,
    count_part,
    is_one_of,
)
from headrace.store.sql.tables.counted import kept_count
from headrace.store.sql.tables.schema import placement, plan_change, resource
from headrace.store.sql.upsert import insert_new

# Another one whenever what is counted for it is another: releases that do not know it go on with theirs.
NAME = "fleet 2"
# Of the largest pipelines more are kept than are told: one that shrinks is followed by one that is known.
KEPT_LARGEST = 10 * LARGEST
# Where more resources than that have changed, counting all of them is no dearer.
MOST_CHANGED = 20_000
# What is so at a moment, and so begins the next day; the other figures are what happened on the day.
STATES = (
    FleetFigure.BY_STAGE,
    FleetFigure.BY_PLAN,
    FleetFigure.BY_REGION,
    FleetFigure.PIPELINES,
    FleetFigure.PIPELINES_BY_SIZE,
    FleetFigure.PIPELINES_BY_SHAPE,
    FleetFigure.LARGEST_PIPELINES,
    FleetFigure.PROVISIONING,
)

# What is kept and stands in no day's counts.
KEPT_ALONE = (FleetFigure.PROVISIONING,)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCount:
    """The day of `as_of` up to that moment; a `checked_at` is when all of it was counted in full."""

    revision: int
    as_of: datetime
    checked_at: datetime
    counts: Sequence[DayCount]

    @property
    def day(self) -> date:
        return self.as_of.date()


class KeptMoments(NamedTuple):
    """Which revision of something is kept, up to when, None once it was forgotten, and when it was counted in full."""

    revision: int
    as_of: datetime | None
    checked_at: datetime | None


def list_kept(connection: sa.Connection) -> dict[str, KeptMoments]:
    """Return what is kept, by name, without the counts."""
    columns = (kept_count.c[name] for name in ("name", *KeptMoments._fields))
    return {name: KeptMoments(*moments) for name, *moments in connection.execute(sa.select(*columns))}


def load_kept(connection: sa.Connection) -> tuple[int, KeptCount | None]:
    """Return the revision of what is kept, 0 where nothing ever was, and the count, None once it was forgotten."""
    row = find_kept_row(connection, NAME)
    if row is None or row.as_of is None:
        return (0 if row is None else row.revision), None
    counts = [DayCount(FleetFigure(figure), row.as_of.date(), *rest) for figure, *rest in row.counts]
    return row.revision, KeptCount(revision=row.revision, as_of=row.as_of, checked_at=row.checked_at, counts=counts)


def find_kept_row(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(kept_count).where(kept_count.c.name == name)).one_or_none()


def begin_to_keep(connection: sa.Connection, name: str = NAME) -> None:
    """Have a row there before anything is counted, so that whoever has it forgotten meanwhile is heeded."""
    insert_new(connection, kept_count, {"name": name, "revision": 1, "as_of": None, "counts": []})


def save_kept(connection: sa.Connection, kept: KeptCount) -> bool:
    """Put a count in the place of the one of its revision; return whether that one was still there."""
    counts = [(each.figure, each.stage, each.label, each.value) for each in kept.counts]
    return save_kept_row(connection, NAME, kept.revision, as_of=kept.as_of, checked_at=kept.checked_at, counts=counts)


def save_kept_row(connection: sa.Connection, name: str, revision: int, **values: Any) -> bool:
    """Put what is kept under a name in the place of this revision; return whether that one was still there."""
    same = sa.and_(kept_count.c.name == name, kept_count.c.revision == revision)
    return connection.execute(sa.update(kept_count).where(same).values(revision=revision + 1, **values)).rowcount == 1


def forget_kept(connection: sa.Connection) -> None:
    """Have everything that is kept counted anew, in the transaction that rewrites the past."""
    connection.execute(sa.update(kept_count).values(revision=kept_count.c.revision + 1, as_of=None))


def count_until(connection: sa.Connection, moment: datetime) -> list[DayCount]:
    """Count the day of a moment up to it in full, as it is kept."""
    return count_part(connection, moment.date(), until=moment, among=None, largest=KEPT_LARGEST)


def count_day_from(connection: sa.Connection, kept: KeptCount, day: date) -> Sequence[DayCount] | None:
    """Count a day, the kept one or a later one, by what has changed; None where that cannot be told."""
    while kept.day < day:
        counts = advance(connection, kept, begin(kept.day + DAY))
        if counts is None:
            return None
        kept = begin_next_day(kept, counts)
    return advance(connection, kept, begin(day + DAY))


def count_now(connection: sa.Connection, now: datetime) -> Sequence[DayCount] | None:
    """Count the fleet as it is, by what has changed since what is kept; None where that cannot be told."""
    _, kept = load_kept(connection)
    return None if kept is None or kept.as_of > now else count_day_from(connection, kept, now.date())


def begin_next_day(kept: KeptCount, counts: Iterable[DayCount]) -> KeptCount:
    """Return what is kept at the end of a day as the next one begins."""
    day = kept.day + DAY
    states = [each._replace(day=day) for each in counts if each.figure in STATES]
    return KeptCount(revision=kept.revision, as_of=begin(day), checked_at=kept.checked_at, counts=states)


def advance(connection: sa.Connection, kept: KeptCount, until: datetime) -> Sequence[DayCount] | None:
    """Return the counts of the kept day up to a later moment of it, or up to its end; None as above."""
    changed = find_changed(connection, since=kept.as_of, until=until)
    if changed is None:
        return None
    if not changed.resources:
        return kept.counts
    before = count_part(connection, kept.day, until=kept.as_of, among=changed, largest=None)
    after = count_part(connection, kept.day, until=until, among=changed, largest=None)
    return add_difference(kept.counts, before, after, changed.pipelines)


def find_changed(connection: sa.Connection, *, since: datetime, until: datetime) -> Among | None:
    """Return what something happened to from one moment to another; None where it is too much.

    A place is left for another, or when its resource goes: no moment of its own tells of it.
    """

    def is_within(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= since, column < until)

    parts = [
        *(
            sa.select(resource.c.uuid).where(is_within(resource.c[name]))
            for name in ("provisioned_at", "deprovisioned_at", "imported_at")
        ),
        sa.select(placement.c.resource_uuid).where(is_within(placement.c.valid_from)),
        sa.select(plan_change.c.resource_uuid).where(is_within(plan_change.c.settled_at)),
    ]
    resources = list(connection.execute(sa.union(*parts).limit(MOST_CHANGED + 1)).scalars())
    if len(resources) > MOST_CHANGED:
        return None
    places = (
        sa.select(placement.c.pipeline_id)
        .distinct()
        .where(
            is_one_of(connection, placement.c.resource_uuid, resources),
            placement.c.pipeline_id.is_not(None),
            sa.or_(placement.c.valid_to.is_(None), placement.c.valid_to >= since),
        )
    )
    return Among(resources, set(connection.execute(places).scalars()))


def add_difference(
    kept: Iterable[DayCount], before: Iterable[DayCount], after: Iterable[DayCount], pipelines: Iterable[str]
) -> list[DayCount] | None:
    """Return counts with what a part of the fleet adds now in the place of what it added before; None as above."""
    values: dict[DayCount, int] = {}
    for each, sign in chain(((each, 1) for each in (*kept, *after)), ((each, -1) for each in before)):
        if each.figure is not FleetFigure.LARGEST_PIPELINES:
            key = each._replace(value=0)
            values[key] = values.get(key, 0) + sign * each.value
    counts = [key._replace(value=value) for key, value in values.items() if value]
    largest = _follow_largest(kept, after, {*pipelines}, _count_all(kept), _count_all(counts))
    return None if largest is None else [*counts, *largest]


def _count_all(counts: Iterable[DayCount]) -> int:
    """How many pipelines there are."""
    return sum(each.value for each in counts if each.figure is FleetFigure.PIPELINES and each.label == ALL)


def _follow_largest(
    kept: Iterable[DayCount], after: Iterable[DayCount], changed: set[str], there_were: int, there_are: int
) -> list[DayCount] | None:
    """Return the largest pipelines as they are now, of those that were kept and those that changed.

    All others come behind the last that was kept. So does a changed one that is not told: it may be behind others that
    nobody knows. None where too few are left.
    """
    old, new = ([each for each in counts if each.figure is FleetFigure.LARGEST_PIPELINES] for counts in (kept, after))
    ranks = sorted(_rank(each) for each in old if each.stage == ALL)
    is_every_one = len(ranks) == there_were
    known = {each.label for each in new if each.stage == ALL and (is_every_one or (ranks and _rank(each) <= ranks[-1]))}
    rest = [each for each in old if each.label not in changed]
    found = [*rest, *(each for each in new if each.label in known)]
    is_enough = len(found) >= 2 * min(LARGEST, there_are)
    return found if is_enough else None


def _rank(count: DayCount) -> tuple[int, str]:
    return -count.value, count.label


def tell(counts: Iterable[DayCount]) -> list[DayCount]:
    """Return the counts of a day, without what is kept and is none of it, as the pipelines that are not told."""
    return [each for each in narrow(counts) if each.figure not in KEPT_ALONE]


def narrow(counts: Iterable[DayCount]) -> list[DayCount]:
    """Return counts with as many of the largest pipelines as are told."""
    counts = list(counts)
    sizes = [each for each in counts if each.figure is FleetFigure.LARGEST_PIPELINES and each.stage == ALL]
    told = {each.label for each in sorted(sizes, key=_rank)[:LARGEST]}
    return [each for each in counts if each.figure is not FleetFigure.LARGEST_PIPELINES or each.label in told]
