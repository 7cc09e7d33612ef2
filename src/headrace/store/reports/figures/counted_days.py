"""The days that were counted, their counts, and those that want counting."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from headrace.store.reports.figures.kept_count import forget_kept
from headrace.store.reports.figures.roll_up import DAY, DayCount, begin
from headrace.store.sql.tables.counted import counted_day, day_count
from headrace.store.sql.tables.schema import resource
from headrace.store.sql.upsert import upsert

# Answers that set out before midnight have arrived by then.
SETTLED_AFTER = timedelta(minutes=15)
# How far back days are counted, whatever the oldest provision is.
LONGEST = timedelta(days=731)


def save_day(connection: sa.Connection, day: date, counts: Iterable[DayCount], *, now: datetime) -> None:
    """Put a day's counts in the place of older ones; two workers that save one day do it one after the other."""
    upsert(connection, counted_day, {"day": day, "counted_at": now}, changes=("counted_at",))
    connection.execute(sa.delete(day_count).where(day_count.c.day == day))
    rows = [each._asdict() for each in counts]
    if rows:
        connection.execute(sa.insert(day_count), rows)


def find_uncounted_day(connection: sa.Connection, *, now: datetime) -> date | None:
    """Return the latest day that is over and was not counted since, back to the first provision or for two years."""
    provisioned_at = resource.c.provisioned_at
    oldest = sa.select(sa.func.min(provisioned_at).label("at")).where(provisioned_at.is_not(None)).subquery()
    days = sa.select(oldest.c.at, counted_day).select_from(oldest.outerjoin(counted_day, sa.true()))
    rows = connection.execute(days).all()
    first = rows[0].at
    if first is None:
        return None
    counted = [row for row in rows if row.day is not None]
    settled = {row.day for row in counted if row.counted_at >= begin(row.day + DAY) + SETTLED_AFTER}
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
    forget_kept(connection)
    days = sa.update(counted_day).where(counted_day.c.day >= since)
    return connection.execute(days.values(counted_at=begin(since))).rowcount


def load_day(connection: sa.Connection, day: date) -> list[DayCount]:
    """Return everything that was counted of a day."""
    return [DayCount(*row) for row in connection.execute(sa.select(day_count).where(day_count.c.day == day))]
