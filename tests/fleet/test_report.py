"""The report of some weeks, on both databases, against a world that is worked out by hand."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from headrace.errors import MisuseError
from headrace.fleet.report import ChurnRow, Period, Report, StageRow, find_period, load_report
from headrace.fleet.report_definitions import OWN_DEFINITIONS, REPORT_DEFINITIONS
from headrace.fleet.report_text import render_text
from headrace.store.reports.figures.counted_days import save_day
from headrace.store.reports.figures.roll_up import count_day
from headrace.store.sql.database import Database
from headrace.store.sql.tables.counted import counted_day
from store.reports.figures.test_roll_up import deprovision, on, provision

# The Monday on which the report is sent round; the last week began on the 9th, the one before on the 2nd.
TODAY = date(2026, 11, 16)
LAST, BEFORE = date(2026, 11, 9), date(2026, 11, 2)
DAY = timedelta(days=1)
NOW = on(TODAY, 9)


def make_two_weeks(connection: sa.Connection) -> None:
    """On the eve of both weeks two lasting and a review app stand in `shop`, one of them in production on `free`.

    In the first week one more comes, to `blog`. In the last `shop` loses its review app and its staging one, `blog`
    gets one in production, and one in no pipeline comes.
    """
    eve = on(BEFORE - DAY)
    provision(connection, "shop", "shop", "production", at=eve, plan="free")
    provision(connection, "shop-staging", "shop", "staging", at=eve)
    provision(connection, "pr-1", "shop", "review", at=eve)
    provision(connection, "blog", "blog", "development", at=on(BEFORE + DAY))
    deprovision(connection, "pr-1", at=on(LAST))
    deprovision(connection, "shop-staging", at=on(LAST + DAY))
    provision(connection, "blog-live", "blog", "production", at=on(LAST + 2 * DAY))
    provision(connection, "notes", None, at=on(LAST + 3 * DAY))


def count(connection: sa.Connection, days: Iterable[date], *, now: datetime = NOW) -> None:
    for day in days:
        save_day(connection, day, count_day(connection, day), now=now)


def list_days(since: date, until: date) -> list[date]:
    return [since + number * DAY for number in range((until - since).days + 1)]


def load(database: Database, *, weeks: int = 1, now: datetime = NOW) -> Report:
    with database.engine.connect() as connection:
        return load_report(connection, weeks=weeks, small_plans=["free"], now=now)


def tell(report: Report) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {each.id: (each.value, each.before, each.change) for each in report.figures}


def test_the_last_week_is_told_beside_the_one_before(database: Database) -> None:
    """States at the end of both Sundays; what happened in one week and in the other."""
    with database.transaction() as connection:
        make_two_weeks(connection)
        count(connection, list_days(BEFORE - DAY, TODAY))
    report = load(database)

    assert (LAST, TODAY - DAY, True, True, ()) == (
        report.since,
        report.until,
        report.is_over,
        report.is_compared,
        report.uncounted,
    )
    # Churn: in the last week one of three that were there; in the week before none of two.
    assert {
        "lasting-resources": (4, 3, 1),
        "lasting-pipelines": (2, 2, 0),
        "in-pipelines": (3 / 4, 1.0, -1 / 4),
        "production-resources": (2, 1, 1),
        "production-on-small-plan": (1, 1, 0),
        "gained": (2, 1, 1),
        "lost": (1, 0, 1),
        "growth": (1, 1, 0),
        "weekly-churn": (pytest.approx(1 / 3), 0.0, pytest.approx(1 / 3)),
        "first-in-production": (1, 0, 1),
        "way-to-production": (8, None, None),
        "grown-pipelines": (1, 1, 0),
        "shrunk-pipelines": (1, 0, 1),
    } == tell(report)


def test_each_figure_has_its_list_and_its_definition(database: Database) -> None:
    """What grew and shrank, who got to production, what stands there on a small plan, and what was lost."""
    with database.transaction() as connection:
        make_two_weeks(connection)
        count(connection, list_days(BEFORE - DAY, TODAY))
    report = load(database)

    assert [("blog", 1, 2)] == [(each.name, each.before, each.after) for each in report.grown.most]
    assert [("shop", 2, 1)] == [(each.name, each.before, each.after) for each in report.shrunk.most]
    assert [("blog", 8)] == [(each.name, each.days) for each in report.to_production]
    assert ["app-shop"] == [each.app_name for each in report.production_on_small_plan]
    assert [("app-shop-staging", "staging")] == [(each.app_name, each.stage) for each in report.lost]
    assert (
        StageRow(stage="production", resources=2, before=1),
        StageRow(stage="staging", resources=0, before=1),
        StageRow(stage="review", resources=0, before=1),
        StageRow(stage="development", resources=1, before=1),
        StageRow(stage="none", resources=1, before=0),
    ) == report.stage_mix
    assert (
        ChurnRow(stage="production", at_start=1, churned=0, churn=0.0, before=0.0),
        ChurnRow(stage="staging", at_start=1, churned=1, churn=1.0, before=0.0),
        ChurnRow(stage="review", at_start=1, churned=1, churn=1.0, before=0.0),
        ChurnRow(stage="development", at_start=1, churned=0, churn=0.0, before=None),
    ) == report.churn_by_stage
    assert set() == {each.id for each in report.figures} - REPORT_DEFINITIONS.keys()


def test_several_weeks_are_added_up(database: Database) -> None:
    """Two weeks in one report: churn is one of the two and three that were there as each began."""
    with database.transaction() as connection:
        make_two_weeks(connection)
        count(connection, list_days(BEFORE - DAY, TODAY))
    report = load(database, weeks=2)

    told = tell(report)
    assert (BEFORE, 2) == (report.since, len(report.week_by_week))
    assert ((3, None, None), (1 / 5, None, None)) == (told["gained"], told["weekly-churn"])
    # The fleet was there on the eve, so that states can be compared, but not for two weeks before.
    assert (False, (4, 2, 2)) == (report.is_compared, told["lasting-resources"])


def test_an_empty_fleet_says_so(database: Database) -> None:
    """Zeroes, no share of nothing, no change, and a sentence in place of tables."""
    report = load(database)
    told = tell(report)

    assert (None, (0, None, None), (None, None, None)) == (
        report.began_on,
        told["lasting-resources"],
        told["weekly-churn"],
    )
    assert "there is nothing to report" in render_text(report, service="acme")


def test_a_young_fleet_has_a_report_of_its_first_week_so_far(database: Database) -> None:
    """It began today, on a Monday; on the next one it has a week that is over, and nothing before it."""
    with database.transaction() as connection:
        provision(connection, "a", "shop", "staging", at=on(TODAY, 1))
        count(connection, [TODAY])
    first = load(database)
    with database.transaction() as connection:
        count(connection, list_days(TODAY, TODAY + 7 * DAY), now=NOW + 7 * DAY)
    second = load(database, now=NOW + 7 * DAY)

    assert (TODAY, TODAY, False, (1, None, None)) == (
        first.since,
        first.until,
        first.is_over,
        tell(first)["lasting-resources"],
    )
    assert "this is its first week so far" in render_text(first, service="acme")
    assert (True, False, (1, None, None)) == (second.is_over, second.is_compared, tell(second)["lasting-resources"])
    assert "has no weeks to compare with" in render_text(second, service="acme")


def test_days_that_nobody_counted_are_named(database: Database) -> None:
    """A day counted before it was over, and one not counted at all, as while no worker ran."""
    with database.transaction() as connection:
        make_two_weeks(connection)
        count(connection, list_days(BEFORE - DAY, TODAY))
        count(connection, [LAST], now=on(LAST))
        connection.execute(sa.delete(counted_day).where(counted_day.c.day == LAST + 2 * DAY))
    report = load(database)

    assert (LAST, LAST + 2 * DAY) == report.uncounted
    assert "2 days of these weeks" in render_text(report, service="acme")


@pytest.mark.parametrize("weeks", [0, 53])
def test_a_report_is_of_a_year_at_the_most(sqlite_url: str, weeks: int) -> None:
    with pytest.raises(MisuseError, match="1 to 52 weeks"):
        load(Database(sqlite_url), weeks=weeks)


@pytest.mark.parametrize(
    ("began_on", "today", "period"),
    [
        (BEFORE, TODAY, Period(since=LAST, until=TODAY - DAY, is_over=True)),
        (BEFORE, TODAY - DAY, Period(since=BEFORE, until=LAST - DAY, is_over=True)),
        (TODAY, TODAY + DAY, Period(since=TODAY, until=TODAY + DAY, is_over=False)),
        (None, TODAY, Period(since=LAST, until=TODAY - DAY, is_over=True)),
    ],
)
def test_a_report_ends_on_a_sunday(began_on: date | None, today: date, period: Period) -> None:
    """On Monday and on Sunday alike the week that is over is the last one; but of a fleet that is younger."""
    assert period == find_period(weeks=1, latest=today, began_on=began_on, today=today)


def test_names_from_outside_do_nothing_to_a_terminal(database: Database) -> None:
    """An app may be called anything; what is no plain text is a question mark."""
    with database.transaction() as connection:
        make_two_weeks(connection)
        provision(connection, "\x1b[2J", "evil\x07", "production", at=on(LAST + DAY), plan="free")
        count(connection, list_days(BEFORE - DAY, TODAY))
    text = render_text(load(database), service="acme")

    assert ("app-?[2J" in text, "evil?" in text, "\x1b" in text, "\x07" in text) == (True, True, False, False)


def test_every_member_of_the_report_is_defined() -> None:
    """A path that a definition of the report's own names is there, and each part of a report has one."""
    paths = {path for each in OWN_DEFINITIONS.values() for path in each.paths}
    shared = {"stage_mix", "week_by_week", "production_on_small_plan"}

    assert set() == {name for name in Report.__slots__ if not any(path.startswith(name) for path in paths)} - shared
