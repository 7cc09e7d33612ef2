"""Keeping the roll-up, today again and again and every day that is over once, and what the fleet tells out of it."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from time import monotonic

import sqlalchemy as sa

from headrace.clock import Clock
from headrace.fleet.experiments import COHORT_WEEKS
from headrace.fleet.insights import WEEK, Insights, build_insights, find_eve
from headrace.logs import LogName
from headrace.store.reports.figures.counted_days import (
    SETTLED_AFTER,
    find_counted_at,
    find_uncounted_day,
    make_uncounted,
    save_day,
)
from headrace.store.reports.figures.insights import find_latest_day, load_day_counts, load_pipeline_names
from headrace.store.reports.figures.kept_count import (
    NAME,
    KeptCount,
    KeptMoments,
    advance,
    begin_next_day,
    begin_to_keep,
    count_day_from,
    count_until,
    forget_kept,
    list_kept,
    load_kept,
    narrow,
    save_kept,
    tell,
)
from headrace.store.reports.figures.roll_up import DAY, DayCount, FleetFigure, begin, count_day
from headrace.store.reports.weekly.kept_cohorts import (
    COHORTS,
    count_settled,
    load_kept_cohorts,
    save_kept_cohorts,
)
from headrace.store.sql.database import Database

log = logging.getLogger(__name__)

# How old today's counts may get; a large fleet's get older, because counting rests.
FRESH_FOR = timedelta(seconds=60)
# Counting takes a twentieth of the time at the most: it rests nineteen times as long as it took.
REST = 19.0
# How often what is kept is held against a count of everything.
CHECKED_EVERY = timedelta(days=1)


class RollUp:
    """Counts the fleet's days in the worker; any number of workers may, and what they save is the same."""

    def __init__(self, database: Database, *, clock: Clock, stopwatch: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._stopwatch = stopwatch
        self._rests_until = 0.0

    async def run_once(self) -> None:
        """Count what is due: today, the latest day that is over and was not counted since, or all, to compare."""
        began = self._stopwatch()
        if began < self._rests_until:
            return
        now = self._clock()
        counted_at = await self._database.read(find_counted_at, now.date())
        if counted_at is None or now - counted_at >= FRESH_FOR:
            await self._count_today(now)
        elif (day := await self._database.read(find_uncounted_day, now=now)) is not None:
            await self.count(day)
        else:
            await self._see_to_what_is_kept(now)
        ended = self._stopwatch()
        self._rests_until = ended + REST * (ended - began)

    async def count_all(self) -> int:
        """Count today and every day that wants counting, in full and without a rest; return how many."""
        await self._database.write(forget_kept)
        await self._count_today(self._clock())
        count = 1
        while (day := await self._database.read(find_uncounted_day, now=self._clock())) is not None:
            await self.count(day)
            count += 1
        return count

    async def count(self, day: date) -> None:
        """Count a day in full."""
        counts = await self._database.read(count_day, day)
        await self._database.write(save_day, day, counts, now=self._clock())

    async def _count_today(self, now: datetime) -> None:
        """Count today by what has changed since the count that is kept."""
        kept = await self._find_kept(now)
        counts = await self._database.read(count_day_from, kept, now.date())
        if counts is None:
            await self.count(now.date())
        else:
            await self._database.write(save_day, now.date(), tell(counts), now=now)

    async def _find_kept(self, now: datetime) -> KeptCount:
        """Return the count that is kept, after it was brought up to a moment that lies a while back.

        Each day that is over meanwhile is saved on the way.
        """
        settled_at = now - SETTLED_AFTER
        revision, kept = await self._database.read(load_kept)
        # Another worker's clock may be ahead by a little; one that was ahead of now has been put right since.
        if kept is None or kept.as_of > now:
            return await self._keep_anew(revision, settled_at)
        while settled_at - kept.as_of >= SETTLED_AFTER or kept.day < settled_at.date():
            is_over = kept.day < settled_at.date()
            until = begin(kept.day + DAY) if is_over else settled_at
            counts = await self._database.read(advance, kept, until)
            if counts is None:
                return await self._keep_anew(kept.revision, settled_at)
            following = begin_next_day(kept, counts) if is_over else replace(kept, as_of=until, counts=counts)
            is_saved = await self._database.write(_save, following, kept.day if is_over else None, counts, now=now)
            if not is_saved:
                # Another worker was quicker, or the past was rewritten.
                return await self._find_kept(now)
            kept = replace(following, revision=kept.revision + 1)
        return kept

    async def _keep_anew(self, revision: int, settled_at: datetime) -> KeptCount:
        if not revision:
            await self._database.write(begin_to_keep)
            revision = 1
        counts = await self._database.read(count_until, settled_at)
        kept = KeptCount(revision=revision, as_of=settled_at, checked_at=settled_at, counts=counts)
        await self._database.write(save_kept, kept)
        return replace(kept, revision=revision + 1)

    async def _see_to_what_is_kept(self, now: datetime) -> None:
        """Count the cohorts once a week is over, and hold what is kept against a count of everything once a day."""
        kept = await self._database.read(list_kept)
        settled_on = (now - SETTLED_AFTER).date()
        monday = begin(settled_on - settled_on.weekday() * DAY)
        due = [name for name, moments in kept.items() if _is_due(moments, now)]
        if COHORTS not in kept or kept[COHORTS].as_of != monday or COHORTS in due:
            await self._keep_cohorts(monday, kept[COHORTS].revision if COHORTS in kept else 0, now)
        elif NAME in due:
            await self._check(now)

    async def _keep_cohorts(self, until: datetime, revision: int, now: datetime) -> None:
        """Count the cohorts, and put them in the place of those that are kept."""
        if not revision:
            await self._database.write(begin_to_keep, COHORTS)
            revision = 1
        known = await self._database.read(load_kept_cohorts, until=until)
        counts = await self._database.read(count_settled, since=until - COHORT_WEEKS * WEEK, until=until)
        is_saved = await self._database.write(save_kept_cohorts, counts, until=until, revision=revision, now=now)
        if is_saved and known is not None and not known.is_same(counts):
            log.error(LogName.ROLL_UP_DRIFTED, extra={"figures": [COHORTS]})

    async def _check(self, now: datetime) -> None:
        """Where what is kept and a count of everything differ, the latter holds."""
        _, kept = await self._database.read(load_kept)
        if kept is None:
            return
        counts = await self._database.read(count_until, kept.as_of)
        differing = {*narrow(kept.counts)} ^ {*narrow(counts)}
        if not differing:
            await self._database.write(save_kept, replace(kept, checked_at=now, counts=counts))
            return
        log.error(LogName.ROLL_UP_DRIFTED, extra={"figures": sorted({each.figure.value for each in differing})})
        await self._database.write(make_uncounted, since=kept.checked_at.date())


def _is_due(kept: KeptMoments, now: datetime) -> bool:
    """Whether it is a day since something that is kept was counted in full."""
    return kept.as_of is not None and kept.checked_at is not None and now - kept.checked_at >= CHECKED_EVERY


def _save(
    connection: sa.Connection, kept: KeptCount, day: date | None, counts: Collection[DayCount], *, now: datetime
) -> bool:
    """Keep a count, and save the day that is over with it."""
    is_kept = save_kept(connection, kept)
    if is_kept and day is not None:
        save_day(connection, day, tell(counts), now=now)
    return is_kept


def load_insights(connection: sa.Connection, *, days: int, small_plans: Collection[str], now: datetime) -> Insights:
    """Return what the fleet tells of so many days up to the latest that was counted."""
    until, counted_at = find_latest_day(connection) or (now.date(), None)
    since = until - timedelta(days=days - 1)
    return load_window(connection, since=since, until=until, counted_at=counted_at, small_plans=small_plans)


def load_window(
    connection: sa.Connection,
    *,
    since: date,
    until: date,
    counted_at: datetime | None,
    small_plans: Collection[str],
) -> Insights:
    """Return what the fleet tells from one day to another, both in it."""
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
