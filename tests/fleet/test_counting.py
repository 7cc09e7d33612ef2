"""The roll-up is kept: today fresh, the days before it complete, and the same whoever counts."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from headrace.fleet.counting import CHECKED_EVERY, FRESH_FOR, RollUp, load_insights
from headrace.fleet.insights import Insights
from headrace.logs import LogName
from headrace.models import State
from headrace.store.reports.figures.counted_days import find_uncounted_day, make_uncounted
from headrace.store.reports.figures.kept_count import load_kept, save_kept
from headrace.store.reports.figures.roll_up import FleetFigure
from headrace.store.sql.database import Database
from headrace.store.state.placements import save_inspection
from store.making import NOON, add_resource, place


@dataclass
class Clock:
    """Stands still, far from midnight."""

    moment: datetime = NOON

    def __call__(self) -> datetime:
        return self.moment


async def load(database: Database) -> Insights:
    return await database.read(load_insights, days=30, small_plans=("free",), now=NOON)


def provision(database: Database, clock: Clock, name: str, *, days_ago: int) -> None:
    at = clock() - timedelta(days=days_ago)
    with database.transaction() as connection:
        add_resource(connection, name, at=at, state=State.PROVISIONED, provisioned_at=at)
        save_inspection(connection, place(name, at=at), next_check_at=at)


async def test_today_comes_first_and_then_every_day_before_it(database: Database) -> None:
    """A look counts one day; the fourth day back is the first that there was anything to count."""
    clock = Clock()
    provision(database, clock, "a", days_ago=3)
    assert None is (await load(database)).counted_at

    seen = []
    for _ in range(5):
        await RollUp(database, clock=clock).run_once()
        seen.append(len((await load(database)).days))
    assert [1, 2, 3, 4, 4] == seen


async def test_today_is_counted_again_when_it_is_not_fresh_any_more(database: Database) -> None:
    """What came since is in it, and the moment of counting is told."""
    clock = Clock()
    provision(database, clock, "a", days_ago=0)
    await RollUp(database, clock=clock).run_once()
    provision(database, clock, "b", days_ago=0)
    await RollUp(database, clock=clock).run_once()
    before = await load(database)
    clock.moment += FRESH_FOR
    await RollUp(database, clock=clock).run_once()
    after = await load(database)

    assert (1, 2) == (before.coverage.resources, after.coverage.resources)
    assert (NOON, NOON + FRESH_FOR) == (before.counted_at, after.counted_at)


async def test_a_large_fleet_is_counted_less_often(database: Database) -> None:
    """A look that took two seconds is followed by a rest of thirty-eight."""
    clock = Clock()
    provision(database, clock, "a", days_ago=9)
    times = iter([0.0, 2.0, 39.9, 40.0, 41.0])
    roll_up = RollUp(database, clock=clock, stopwatch=lambda: next(times))
    seen = []
    for _ in range(3):
        await roll_up.run_once()
        seen.append(len((await load(database)).days))

    assert [1, 1, 2] == seen


async def test_a_history_that_came_later_is_counted_at_once_when_asked(database: Database) -> None:
    """After an import the days since then are counted anew."""
    clock = Clock()
    provision(database, clock, "a", days_ago=2)
    roll_up = RollUp(database, clock=clock)
    assert 3 == await roll_up.count_all()
    provision(database, clock, "imported", days_ago=5)
    await database.write(make_uncounted, since=(clock() - timedelta(days=5)).date())
    assert 6 == await roll_up.count_all()

    insights = await load(database)
    assert [1, 1, 1, 2, 2, 2] == [day.resources.all for day in insights.days]


async def test_counting_again_takes_nothing_away_meanwhile(database: Database) -> None:
    """Whoever sums the days up, as a counter of moves does, never sees it fall."""
    clock = Clock()
    provision(database, clock, "a", days_ago=2)
    await RollUp(database, clock=clock).count_all()
    before = await load(database)
    await database.write(make_uncounted, since=(clock() - timedelta(days=9)).date())

    assert before.days == (await load(database)).days


async def test_workers_that_count_one_day_at_once_do_not_count_it_twice(database: Database) -> None:
    """The second puts the same in the first one's place."""
    clock = Clock()
    provision(database, clock, "a", days_ago=0)
    await asyncio.gather(*(RollUp(database, clock=clock).count(clock().date()) for _ in range(4)))
    insights = await load(database)

    assert {"staging": 1} == insights.days[-1].by_stage


async def test_a_count_that_went_wrong_is_found_within_a_day(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a day everything is counted: the log names the figures, and the days since the last time are recounted."""
    clock = Clock()
    provision(database, clock, "a", days_ago=2)
    roll_up = RollUp(database, clock=clock, stopwatch=lambda: 0.0)
    await roll_up.count_all()
    await database.write(falsify)
    clock.moment += CHECKED_EVERY
    await roll_up.run_once()
    wrong = (await load(database)).days
    while not caplog.records:
        await roll_up.run_once()
    await roll_up.count_all()

    assert [1, 1, 2, 2] == [day.resources.all for day in wrong]
    assert [1, 1, 1, 1] == [day.resources.all for day in (await load(database)).days]
    assert [(LogName.ROLL_UP_DRIFTED, ["by_stage"])] == [
        (record.msg, record.__dict__["figures"]) for record in caplog.records
    ]


async def test_a_count_that_is_right_stays_and_is_looked_at_once_a_day(database: Database) -> None:
    """The moment of the comparison is the only thing that changes."""
    clock = Clock()
    provision(database, clock, "a", days_ago=0)
    roll_up = RollUp(database, clock=clock, stopwatch=lambda: 0.0)
    await roll_up.count_all()
    clock.moment += CHECKED_EVERY
    for _ in range(3):
        await roll_up.run_once()
    _, kept = await database.read(load_kept)
    clock.moment += FRESH_FOR / 2
    await roll_up.run_once()

    assert kept is not None
    assert NOON + CHECKED_EVERY == kept.checked_at
    assert (kept.revision, kept) == await database.read(load_kept)


async def test_days_without_a_worker_are_counted_one_after_the_other(database: Database) -> None:
    """The first look after four days counts today, and saves each day on the way as it ended."""
    clock = Clock()
    provision(database, clock, "a", days_ago=0)
    await RollUp(database, clock=clock).run_once()
    clock.moment += timedelta(days=2)
    provision(database, clock, "b", days_ago=1)
    clock.moment += timedelta(days=2)
    provision(database, clock, "c", days_ago=0)
    await RollUp(database, clock=clock).run_once()

    days = (await database.read(load_insights, days=30, small_plans=(), now=clock())).days
    assert [1, 2, 2, 2, 3] == [day.resources.all for day in days]
    assert None is await database.read(find_uncounted_day, now=clock())


def falsify(connection: sa.Connection) -> None:
    """One resource too many is kept at each stage."""
    _, kept = load_kept(connection)
    assert kept is not None
    counts = [
        each._replace(value=each.value + 1) if each.figure is FleetFigure.BY_STAGE else each for each in kept.counts
    ]
    save_kept(connection, replace(kept, counts=counts))
