"""How pipelines and resources began and what became of them, on both databases, worked out by hand."""

from datetime import date, timedelta

from headrace.models import State
from headrace.store.reports.weekly.cohorts import Beginnings, Stays, list_beginnings, list_stays
from headrace.store.sql.database import Database
from headrace.store.state.placements import save_inspection
from headrace.store.state.resources import update_resource
from store.making import HOUR, add_resource, id_of, place
from store.reports.figures.test_roll_up import change_plan, deprovision, move, on, provision

# A Monday; what is told is what was known when it began.
END = on(date(2026, 11, 2), 0)
WEEK = timedelta(weeks=1)
SINCE = END - 52 * WEEK


def test_a_pipeline_begins_at_the_stage_of_its_first_resource(database: Database) -> None:
    """`shop` begins in review 20 weeks ago and is in production 3 weeks on, by another app, when the first is gone.
    `wiki` begins in development at 12 weeks to the minute and never gets there; `blog` began in production."""
    minute = HOUR / 60
    with database.transaction() as connection:
        provision(connection, "pr", "shop", "review", at=END - 20 * WEEK)
        deprovision(connection, "pr", at=END - 19 * WEEK)
        provision(connection, "shop", "shop", "staging", at=END - 18 * WEEK)
        move(connection, "shop", "shop", "production", at=END - 17 * WEEK + 2 * minute)
        provision(connection, "wiki", "wiki", "development", at=END - 12 * WEEK - minute)
        provision(connection, "wiki-2", "wiki", "review", at=END - 2 * WEEK)
        provision(connection, "blog", "blog", "production", at=END - WEEK)
        expected = {
            Beginnings("review", 19, 3, 1),
            Beginnings("development", 12, None, 1),
            Beginnings("production", 0, 0, 1),
        }

        assert expected == set(list_beginnings(connection, since=SINCE, until=END))


def test_what_came_later_than_the_end_is_not_known_then(database: Database) -> None:
    """A report of last month says what it said last month."""
    with database.transaction() as connection:
        provision(connection, "a", "shop", "development", at=END - 5 * WEEK)
        move(connection, "a", "shop", "production", at=END + HOUR)
        deprovision(connection, "a", at=END + 2 * HOUR)

        assert [Beginnings("development", 4, None, 1)] == list_beginnings(connection, since=SINCE, until=END)
        assert [Stays("development", "basic", 4, None, 1)] == list_stays(connection, since=SINCE, until=END)


def test_pipelines_that_nobody_watched_or_that_began_earlier_are_in_no_cohort(database: Database) -> None:
    """An imported resource of 30 weeks tells no beginning, of its pipeline; one that began 60 weeks ago is too old."""
    with database.transaction() as connection:
        at = END - 30 * WEEK
        add_resource(connection, "old", at=at, state=State.PROVISIONED, provisioned_at=at, imported_at=END - WEEK)
        save_inspection(connection, place("old", "shop", "staging", at=END - WEEK), next_check_at=END)
        provision(connection, "new", "shop", "review", at=END - HOUR)
        provision(connection, "ancient", "atlas", "development", at=END - 60 * WEEK)

        assert [] == list_beginnings(connection, since=SINCE, until=END)
        # Of the resources, the one that was provisioned here within the year.
        assert [Stays("review", "basic", 0, None, 1)] == list_stays(connection, since=SINCE, until=END)


def test_a_resource_stays_for_whole_weeks(database: Database) -> None:
    """Gone after 2 weeks and an hour it was kept for 2; its first stage and first plan count, whatever came later."""
    with database.transaction() as connection:
        for name in ("a", "b"):
            provision(connection, name, "shop", "staging", at=END - 10 * WEEK)
            move(connection, name, "shop", "production", at=END - 9 * WEEK)
            change_plan(connection, name, "premium", at=END - 9 * WEEK)
        deprovision(connection, "a", at=END - 8 * WEEK + HOUR)
        provision(connection, "none", None, at=END - 3 * WEEK)
        expected = {
            Stays("staging", "basic", 9, 2, 1),
            Stays("staging", "basic", 9, None, 1),
            Stays("none", "basic", 2, None, 1),
        }

        assert expected == set(list_stays(connection, since=SINCE, until=END))


def test_a_first_stage_that_was_told_late_is_unknown(database: Database) -> None:
    """Never told, or told two days after the provision: where it began nobody knows."""
    with database.transaction() as connection:
        provision(connection, "late", None, at=END - 4 * WEEK)
        at = END - 4 * WEEK
        for name in ("late", "never"):
            add_resource(connection, f"{name}-told", at=at, state=State.PROVISIONED, provisioned_at=at)
        save_inspection(connection, place("late-told", "shop", "staging", at=at + 48 * HOUR), next_check_at=END)
        update_resource(connection, id_of("late"), provisioned_at=at)

        expected = {Stays("unknown", "basic", 4, None, 2), Stays("none", "basic", 4, None, 1)}
        assert expected == set(list_stays(connection, since=SINCE, until=END))
