"""The cohorts of a year are counted by the worker when a week is over, and told as if they were counted at once."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from headrace.fleet.counting import CHECKED_EVERY, RollUp
from headrace.fleet.experiments import Experiments
from headrace.fleet.report import load_experiments
from headrace.logs import LogName
from headrace.models import State
from headrace.store.reports.figures.kept_count import forget_kept, list_kept
from headrace.store.reports.weekly.kept_cohorts import COHORTS, load_kept_cohorts
from headrace.store.sql.database import Database
from headrace.store.sql.tables.counted import kept_count
from headrace.store.state.placements import save_inspection
from store.making import HOUR, add_resource, place
from store.reports.figures.test_roll_up import deprovision, move, on, provision

SUNDAY = date(2026, 11, 1)
MONDAY = SUNDAY + timedelta(days=1)
END = on(MONDAY, 0)


async def count_until_kept(database: Database) -> None:
    """Have a worker look in the first hour of Monday, until it has counted all that there is to count."""
    roll_up = RollUp(database, clock=lambda: END + HOUR / 2, stopwatch=lambda: 0.0)
    while await database.read(load_kept_cohorts, until=END) is None:
        await roll_up.run_once()


async def count_anew(database: Database) -> Experiments:
    """Return the cohorts without what is kept of them."""
    await database.write(forget_kept)
    assert await database.read(load_kept_cohorts, until=END) is None
    return await database.read(load_experiments, until=SUNDAY)


def add_some(connection: sa.Connection) -> None:
    provision(connection, "pr", "shop", "review", at=END - 20 * 24 * HOUR)
    deprovision(connection, "pr", at=END - 9 * 24 * HOUR)
    provision(connection, "shop", "shop", "staging", at=END - 3 * 24 * HOUR)
    # Provisioned on Sunday: where it is has not been told yet.
    at = END - 4 * HOUR
    add_resource(connection, "young", at=at, state=State.PROVISIONED, provisioned_at=at)


async def test_what_is_told_within_a_day_after_the_week_is_in_its_cohorts(database: Database) -> None:
    """The first stage of what was provisioned on Sunday is told on Monday; what else happens then changes nothing."""
    with database.transaction() as connection:
        add_some(connection)
    await count_until_kept(database)
    before = await database.read(load_experiments, until=SUNDAY)
    with database.transaction() as connection:
        save_inspection(connection, place("young", "blog", "development", at=END + 9 * HOUR), next_check_at=END)
        move(connection, "shop", "shop", "production", at=END + HOUR)
    kept = await database.read(load_experiments, until=SUNDAY)

    assert {"review": 1, "staging": 1, "unknown": 1} == by_first_stage(before)
    assert {"review": 1, "staging": 1, "development": 1} == by_first_stage(kept)
    assert await count_anew(database) == kept


async def test_cohorts_of_a_past_that_was_rewritten_are_counted_again(database: Database) -> None:
    """What is kept goes with whatever else is kept, in the transaction of an import."""
    with database.transaction() as connection:
        add_some(connection)
    await count_until_kept(database)
    with database.transaction() as connection:
        provision(connection, "old", "atlas", "review", at=END - 30 * 24 * HOUR)
        forget_kept(connection)
    told = await database.read(load_experiments, until=SUNDAY)
    await count_until_kept(database)

    assert {"review": 2, "staging": 1, "unknown": 1} == by_first_stage(told)
    assert told == await database.read(load_experiments, until=SUNDAY)


async def test_cohorts_that_went_wrong_are_found_within_a_day(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a day they are counted again: a difference is logged, and mended; what is right is not told of."""
    with database.transaction() as connection:
        add_some(connection)
    await count_until_kept(database)
    right = await database.read(load_experiments, until=SUNDAY)
    moments = [END + HOUR / 2 + days * CHECKED_EVERY for days in (1, 2)]
    with database.transaction() as connection:
        connection.execute(sa.update(kept_count).where(kept_count.c.name == COHORTS).values(counts=[[], []]))
    wrong = await database.read(load_experiments, until=SUNDAY)
    for moment in moments:
        roll_up = RollUp(database, clock=lambda: moment, stopwatch=lambda: 0.0)  # noqa: B023 - used in this turn alone
        while (await database.read(list_kept))[COHORTS].checked_at != moment:
            await roll_up.run_once()

    assert {"unknown": 1} == by_first_stage(wrong)
    assert right == await database.read(load_experiments, until=SUNDAY)
    assert [(LogName.ROLL_UP_DRIFTED, [COHORTS])] == [
        (record.msg, record.__dict__["figures"]) for record in caplog.records
    ]


def by_first_stage(experiments: Experiments) -> dict[str, int]:
    return {curve.group: curve.resources for curve in experiments.retention_by_first_stage}
