"""The last day by the hour: what became of provisions, where their time went, and what was counted as it happened."""

from dataclasses import replace
from datetime import timedelta

import pytest

from headrace.fleet.day import HOURS, Hour, Took, build_day, find_bound, load_day
from headrace.store.reports.provisions import ProvisionRow, Spent
from headrace.store.sql.database import Database
from headrace.store.state.hour_counts import HOUR, HourFigure, forget_hour_counts, list_hour_counts, save_hour_counts
from headrace.store.state.timeline import TimelineName, add_event
from store.making import NOON, add_resource

WAITING = ProvisionRow(uuid="1", created_at=NOON, provisioned_at=None, is_waiting=True, is_refused=False)
FIRST = NOON - (HOURS - 1) * HOUR


def after(seconds: float, row: ProvisionRow = WAITING) -> ProvisionRow:
    return replace(row, provisioned_at=row.created_at + timedelta(seconds=seconds), is_waiting=False)


def test_provisions_are_counted_by_the_hour_they_were_asked_for() -> None:
    """By what became of each."""
    later = replace(WAITING, created_at=NOON + HOUR)
    failed = replace(WAITING, is_waiting=False)
    rows = [after(3600, later), later, replace(failed, created_at=later.created_at, is_refused=True), failed]
    first, second, *rest = build_day(rows, {}, {}, first=NOON).hours
    took = Took(seconds=3600, waiting=None, heroku=None, hook=None)

    assert Hour(begins_at=NOON, done=0, refused=0, failed=1, waiting=0) == first
    assert Hour(begins_at=NOON + HOUR, done=1, refused=1, failed=0, waiting=1, p50=took, p95=took) == second
    assert HOURS - 2 == len(rest)


def test_times_are_those_of_one_provision_each_with_its_parts() -> None:
    """So that the parts add up to the whole; half took no longer than p50."""
    rows = [replace(after(number), uuid=str(number)) for number in range(1, 101)]
    day = build_day(rows, {"95": Spent(waiting=5, heroku=30, hook=60)}, {}, first=NOON)

    assert Took(seconds=95, waiting=5, heroku=30, hook=60) == day.p95 == day.hours[0].p95
    assert 50 == (day.p50.seconds if day.p50 else None)


@pytest.mark.parametrize(
    ("within", "bound"),
    [
        ({}, None),
        ({"0.1": 95, "10.0": 5}, 0.1),
        ({"0.1": 94, "2.5": 2, "10.0": 4}, 2.5),
        ({"0.1": 94, "later": 6}, None),
    ],
)
def test_answers_came_within_the_least_bound_that_nearly_all_kept(within: dict[str, int], bound: float | None) -> None:
    """95 of a hundred; where more took longer than any bound there is none."""
    assert bound == find_bound(within)


async def test_where_the_time_went_is_read_from_the_timeline(database: Database) -> None:
    """Waiting ends when the grant is first tried, the hook's time with what it returned; the rest was Heroku's."""
    with database.transaction() as connection:
        uuid = add_resource(connection, provisioned_at=NOON + timedelta(seconds=60), state="provisioned")
        told = {
            TimelineName.PROVISION_REQUESTED: (0, {}),
            TimelineName.GRANT_EXCHANGED: (10, {"seconds": 4.0}),
            TimelineName.PLACEMENT_FOUND: (12, {}),
            TimelineName.HOOK_RETURNED: (52, {}),
            TimelineName.PROVISION_DONE: (60, {}),
        }
        for name, (seconds, detail) in told.items():
            add_event(connection, uuid, name, now=NOON + timedelta(seconds=seconds), **detail)
    day = await database.read(load_day, now=NOON + timedelta(minutes=2))

    assert Took(seconds=60, waiting=6, heroku=14, hook=40) == day.p95
    assert 1 == day.hours[-1].done


async def test_counts_of_all_processes_add_up_by_the_hour(database: Database) -> None:
    """Of what is no sum the highest stands, and what is too old is forgotten."""
    counts = {(HourFigure.ANSWERS, "2xx"): 3, (HourFigure.ANSWERS, "5xx"): 1, (HourFigure.IN_WORK, ""): 7}
    with database.transaction() as connection:
        save_hour_counts(connection, counts, now=NOON - HOUR)
        for more in (counts, {(HourFigure.FAILED_CHECKS, "HerokuBroken"): 2}, {(HourFigure.IN_WORK, ""): 2}, counts):
            save_hour_counts(connection, more, now=NOON + timedelta(minutes=9))
        forget_hour_counts(connection, before=NOON)
        found = list_hour_counts(connection, since=FIRST)
    day = await database.read(load_day, now=NOON + timedelta(minutes=9))

    assert {NOON} == {begins_at for begins_at, _ in found}
    assert ({"2xx": 6, "5xx": 2}, {"HerokuBroken": 2}) == (day.answers, day.failed_checks)
    assert (7, 2) == (day.hours[-1].in_work, day.hours[-1].failed_checks)
