"""Keeping the roll-up, today again and again and every day that is over once, and what the fleet tells out of it."""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from time import monotonic

import sqlalchemy as sa

from headrace.clock import Clock
from headrace.fleet.insights import Insights, build_insights, find_eve
from headrace.store.reports.figures.insights import find_latest_day, load_day_counts, load_pipeline_names
from headrace.store.reports.figures.roll_up import FleetFigure, count_day, find_counted_at, find_uncounted_day, save_day
from headrace.store.sql.database import Database

# How old today's counts may get; a large fleet's get older, because counting rests.
FRESH_FOR = timedelta(seconds=60)
# Counting takes a twentieth of the time at the most: it rests nineteen times as long as it took.
REST = 19.0


class RollUp:
    """Counts the fleet's days in the worker; any number of workers may, and what they save is the same."""

    def __init__(self, database: Database, *, clock: Clock, stopwatch: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._stopwatch = stopwatch
        self._rests_until = 0.0

    async def run_once(self) -> None:
        """Count what is due: today, or the latest day that is over and was not counted since."""
        began = self._stopwatch()
        if began < self._rests_until:
            return
        day = await self._find_due()
        if day is not None:
            await self.count(day)
        ended = self._stopwatch()
        self._rests_until = ended + REST * (ended - began)

    async def count_all(self) -> int:
        """Count today and every day that wants counting, without a rest; return how many."""
        await self.count(self._clock().date())
        count = 1
        while (day := await self._database.read(find_uncounted_day, now=self._clock())) is not None:
            await self.count(day)
            count += 1
        return count

    async def count(self, day: date) -> None:
        counts = await self._database.read(count_day, day)
        await self._database.write(save_day, day, counts, now=self._clock())

    async def _find_due(self) -> date | None:
        now = self._clock()
        counted_at = await self._database.read(find_counted_at, now.date())
        if counted_at is None or now - counted_at >= FRESH_FOR:
            return now.date()
        return await self._database.read(find_uncounted_day, now=now)


def load_insights(connection: sa.Connection, *, days: int, small_plans: Collection[str], now: datetime) -> Insights:
    """Return what the fleet tells of so many days up to the latest that was counted."""
    until, counted_at = find_latest_day(connection) or (now.date(), None)
    since = until - timedelta(days=days - 1)
    counts = load_day_counts(connection, eve=find_eve(since), since=since, until=until)
    largest = {each.label for each in counts if each.figure == FleetFigure.LARGEST_PIPELINES}
    return build_insights(
        counts,
        since=since,
        until=until,
        counted_at=counted_at,
        small_plans=small_plans,
        names=load_pipeline_names(connection, largest),
    )
