"""A day of the fleet, counted on both databases against a world that is worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from headrace.models import Outcome, State
from headrace.store.reports.figures.counted_days import find_counted_at, find_uncounted_day, make_uncounted, save_day
from headrace.store.reports.figures.roll_up import FleetFigure, count_day
from headrace.store.sql.database import Database
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.plan_changes import PlanChangeOutcome, add_plan_change, settle_plan_change
from headrace.store.state.resources import find_resource, update_resource
from store.making import HOUR, add_resource, decline, id_of, place

Counts = dict[tuple[str, str], int]

# A Monday, so that the week's cohort is what lived before it.
MONDAY = date(2026, 11, 2)
SUNDAY = MONDAY - timedelta(days=1)
TUESDAY = MONDAY + timedelta(days=1)
DAY = timedelta(days=1)


def on(day: date, hour: float = 12) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + hour * HOUR


def count(database: Database, day: date, figure: FleetFigure) -> Counts:
    with database.engine.connect() as connection:
        counts = count_day(connection, day)
    return {(each.stage, each.label): each.value for each in counts if each.figure is figure}


def provision(
    connection: sa.Connection,
    name: str,
    pipeline: str | None = "storefront",
    stage: str = "staging",
    *,
    at: datetime,
    plan: str = "basic",
    region: str = "us",
) -> None:
    """A resource whose place is known before it is provisioned, as the workflow has it."""
    add_resource(
        connection, name, at=at, plan=plan, region=region, state=State.PROVISIONED, provisioned_at=at + HOUR / 60
    )
    save_inspection(connection, place(name, pipeline, stage, app=f"app-{name}", at=at), next_check_at=at)


def move(connection: sa.Connection, name: str, pipeline: str | None, stage: str = "", *, at: datetime) -> None:
    save_inspection(connection, place(name, pipeline, stage, app=f"app-{name}", at=at), next_check_at=at)


def deprovision(connection: sa.Connection, name: str, *, at: datetime) -> None:
    close_placement(connection, id_of(name), now=at)
    update_resource(connection, id_of(name), state=State.DEPROVISIONED, deprovisioned_at=at)


def change_plan(
    connection: sa.Connection,
    name: str,
    plan: str,
    *,
    at: datetime,
    outcome: PlanChangeOutcome = PlanChangeOutcome.DONE,
) -> None:
    row = find_resource(connection, id_of(name))
    assert row is not None
    number = add_plan_change(connection, row.uuid, old_plan=row.plan, new_plan=plan, now=at)
    settle_plan_change(connection, row.uuid, number, outcome=outcome, message=None, now=at)
    if outcome is PlanChangeOutcome.DONE:
        update_resource(connection, row.uuid, plan=plan)


def test_an_empty_store_counts_nothing(database: Database) -> None:
    """A day without a resource has no row, and there is no day to count."""
    with database.engine.connect() as connection:
        assert [] == count_day(connection, MONDAY)
        assert None is find_uncounted_day(connection, now=on(TUESDAY))


def test_a_resource_counts_with_its_stage_plan_and_region(database: Database) -> None:
    """Live ones by stage, by stage and plan, and by stage and region; what is not provisioned is not live."""
    with database.transaction() as connection:
        provision(connection, "a", stage="production", plan="free", at=on(SUNDAY))
        provision(connection, "b", stage="production", at=on(SUNDAY), region="eu")
        provision(connection, "c", stage="canary", at=on(SUNDAY))
        provision(connection, "d", None, at=on(SUNDAY))
        provision(connection, "gone", at=on(SUNDAY))
        deprovision(connection, "gone", at=on(MONDAY))
        add_resource(connection, "e", at=on(SUNDAY), state=State.PROVISIONED, provisioned_at=on(SUNDAY))
        save_inspection(connection, decline(Outcome.FORBIDDEN, "e", at=on(SUNDAY)), next_check_at=on(SUNDAY))
        add_resource(connection, "waiting", at=on(SUNDAY))

    expected = {("production", ""): 2, ("canary", ""): 1, ("none", ""): 1, ("unknown", ""): 1}
    assert expected == count(database, MONDAY, FleetFigure.BY_STAGE)
    assert {
        ("production", "free"): 1,
        ("production", "basic"): 1,
        ("canary", "basic"): 1,
        ("none", "basic"): 1,
        ("unknown", "basic"): 1,
    } == count(database, MONDAY, FleetFigure.BY_PLAN)
    by_region = count(database, MONDAY, FleetFigure.BY_REGION)
    assert (1, 1) == (by_region["production", "us"], by_region["production", "eu"])
    assert 1 == count(database, SUNDAY, FleetFigure.BY_STAGE)["staging", ""]


def test_what_heroku_told_last_holds_while_it_tells_nothing(database: Database) -> None:
    """FORBIDDEN is no news: the resource stays counted where it was."""
    with database.transaction() as connection:
        provision(connection, "acme-1", stage="production", at=on(SUNDAY))
        save_inspection(connection, decline(Outcome.FORBIDDEN, at=on(MONDAY)), next_check_at=on(MONDAY))

    assert {("production", ""): 1} == count(database, MONDAY, FleetFigure.BY_STAGE)


def test_a_day_comes_out_the_same_however_late_it_is_counted(database: Database) -> None:
    """Later moves, plan changes and deprovisions say nothing of the day; a refused change changes nothing."""
    with database.transaction() as connection:
        provision(connection, "a", stage="staging", plan="free", at=on(MONDAY))
        provision(connection, "b", "blog", "review", at=on(MONDAY))
    with database.engine.connect() as connection:
        then = count_day(connection, MONDAY)
    with database.transaction() as connection:
        move(connection, "a", "storefront", "production", at=on(TUESDAY))
        change_plan(connection, "a", "basic", at=on(TUESDAY, 13), outcome=PlanChangeOutcome.REFUSED)
        change_plan(connection, "a", "basic", at=on(TUESDAY, 14))
        change_plan(connection, "a", "premium", at=on(TUESDAY, 15))
        deprovision(connection, "b", at=on(TUESDAY))

    with database.engine.connect() as connection:
        assert set(then) == set(count_day(connection, MONDAY))
    assert {("production", "premium"): 1} == count(database, TUESDAY, FleetFigure.BY_PLAN)


def test_a_day_begins_at_midnight_in_utc(database: Database) -> None:
    """What happens at midnight is the new day's."""
    with database.transaction() as connection:
        add_resource(connection, "a", at=on(SUNDAY), state=State.PROVISIONED, provisioned_at=on(MONDAY, 0))
        add_resource(connection, "b", at=on(SUNDAY), state=State.PROVISIONED, provisioned_at=on(SUNDAY))
        deprovision(connection, "b", at=on(MONDAY, 0))

    unknown = ("unknown", "")
    assert {unknown: 1} == count(database, SUNDAY, FleetFigure.GAINED) == count(database, MONDAY, FleetFigure.GAINED)
    assert {} == count(database, SUNDAY, FleetFigure.LOST)
    assert {unknown: 1} == count(database, MONDAY, FleetFigure.LOST)
    assert (
        {unknown: 1} == count(database, SUNDAY, FleetFigure.BY_STAGE) == count(database, MONDAY, FleetFigure.BY_STAGE)
    )


def test_gains_and_losses_have_the_stage_told_last(database: Database) -> None:
    """A review app that comes and goes within a day is one gained and one lost, both passing."""
    with database.transaction() as connection:
        provision(connection, "a", "shop", "review", at=on(MONDAY, 9))
        deprovision(connection, "a", at=on(MONDAY, 11))
        provision(connection, "b", "shop", "development", at=on(MONDAY, 9))
        move(connection, "b", "shop", "staging", at=on(MONDAY, 10))
        add_resource(connection, "failed", at=on(MONDAY), state=State.FAILED)
        deprovision(connection, "failed", at=on(MONDAY, 13))

    assert {("review", ""): 1, ("staging", ""): 1} == count(database, MONDAY, FleetFigure.GAINED)
    assert {("review", ""): 1} == count(database, MONDAY, FleetFigure.LOST)


def test_churn_is_of_those_that_were_there_when_the_week_began(database: Database) -> None:
    """Of the week's cohort one staging resource goes; another, not of the cohort, goes too and is only lost."""
    with database.transaction() as connection:
        provision(connection, "a", stage="staging", at=on(SUNDAY))
        provision(connection, "b", stage="staging", at=on(SUNDAY))
        provision(connection, "c", stage="review", at=on(MONDAY))
        move(connection, "a", "storefront", "production", at=on(MONDAY))
        deprovision(connection, "a", at=on(TUESDAY))
        deprovision(connection, "c", at=on(TUESDAY))

    assert {("staging", ""): 1} == count(database, TUESDAY, FleetFigure.CHURNED)
    assert {("production", ""): 1, ("review", ""): 1} == count(database, TUESDAY, FleetFigure.LOST)
    assert {} == count(database, MONDAY, FleetFigure.CHURNED)


def test_a_move_is_a_change_of_a_known_place(database: Database) -> None:
    """Stage to stage, out of a pipeline and into one; to be told for the first time, or to go away, is no move."""
    with database.transaction() as connection:
        for name in "abcde":
            provision(connection, name, stage="staging", at=on(SUNDAY))
        move(connection, "a", "storefront", "production", at=on(MONDAY))
        move(connection, "b", "storefront", "production", at=on(MONDAY))
        move(connection, "c", None, at=on(MONDAY, 10))
        move(connection, "c", "blog", "staging", at=on(MONDAY, 11))
        move(connection, "d", "blog", "staging", at=on(MONDAY))
        save_inspection(connection, place("e", "storefront", app="renamed", at=on(MONDAY)), next_check_at=on(MONDAY))
        provision(connection, "f", at=on(MONDAY))
        deprovision(connection, "f", at=on(MONDAY, 13))

    assert {} == count(database, SUNDAY, FleetFigure.MOVES)
    assert {
        ("staging", "production"): 2,
        ("staging", "none"): 1,
        ("none", "staging"): 1,
        ("staging", "staging"): 1,
    } == count(database, MONDAY, FleetFigure.MOVES)


def test_pipelines_are_counted_by_size_and_by_their_stages(database: Database) -> None:
    """One of three at two stages, two of one, and one at a stage that Heroku added; an empty one is none of ours."""
    with database.transaction() as connection:
        provision(connection, "a", "shop", "production", at=on(MONDAY))
        provision(connection, "b", "shop", "review", at=on(MONDAY))
        provision(connection, "c", "shop", "review", at=on(MONDAY))
        provision(connection, "d", "blog", "staging", at=on(MONDAY))
        provision(connection, "e", "wiki", "canary", at=on(MONDAY))
        provision(connection, "f", "left", "staging", at=on(SUNDAY))
        deprovision(connection, "f", at=on(MONDAY))

    assert {("", "3"): 1, ("", "1"): 2} == count(database, MONDAY, FleetFigure.PIPELINES_BY_SIZE)
    shapes = {("", "review,production"): 1, ("", "staging"): 1, ("", "other"): 1}
    assert shapes == count(database, MONDAY, FleetFigure.PIPELINES_BY_SHAPE)
    kinds = {("", "all"): 3, ("", "several_stages"): 1, ("", "lasting"): 3}
    assert kinds == count(database, MONDAY, FleetFigure.PIPELINES)
    largest = count(database, MONDAY, FleetFigure.LARGEST_PIPELINES)
    assert (3, 1) == (largest["all", id_of("shop")], largest["lasting", id_of("shop")])
    assert (1, 1) == (largest["all", id_of("wiki")], largest["lasting", id_of("wiki")])


def test_the_way_to_production_begins_with_the_first_resource(database: Database) -> None:
    """`shop` takes a day and some hours, `blog` begins in production, `wiki` never gets there; a second counts not."""
    with database.transaction() as connection:
        provision(connection, "a", "shop", "review", at=on(SUNDAY, 6))
        deprovision(connection, "a", at=on(SUNDAY, 9))
        provision(connection, "b", "shop", "staging", at=on(SUNDAY, 12))
        provision(connection, "c", "blog", "production", at=on(MONDAY))
        provision(connection, "d", "wiki", "staging", at=on(SUNDAY))
        move(connection, "b", "shop", "production", at=on(MONDAY, 8))
        provision(connection, "e", "shop", "production", at=on(TUESDAY))

    assert {("", "1"): 1, ("", "0"): 1} == count(database, MONDAY, FleetFigure.TO_PRODUCTION)
    assert {} == count(database, TUESDAY, FleetFigure.TO_PRODUCTION)


def test_a_pipeline_that_began_before_anybody_watched_tells_no_duration(database: Database) -> None:
    """Provisioned a month before its place was first told: when it came to production nobody knows."""
    with database.transaction() as connection:
        add_resource(connection, "old", at=on(MONDAY), state=State.PROVISIONED, provisioned_at=on(MONDAY) - 30 * DAY)
        save_inspection(connection, place("old", "shop", "production", at=on(MONDAY)), next_check_at=on(MONDAY))
        provision(connection, "later", None, at=on(SUNDAY) - 9 * DAY)
        move(connection, "later", "blog", "production", at=on(MONDAY))

    assert {("", "0"): 1} == count(database, MONDAY, FleetFigure.TO_PRODUCTION)


def test_days_are_counted_backwards_until_the_first_provision(database: Database) -> None:
    """The latest day that is over comes first; one counted before it was over is counted again."""
    with database.transaction() as connection:
        provision(connection, "a", at=on(SUNDAY))
        assert MONDAY == find_uncounted_day(connection, now=on(TUESDAY))
        save_day(connection, MONDAY, count_day(connection, MONDAY), now=on(TUESDAY))
        assert SUNDAY == find_uncounted_day(connection, now=on(TUESDAY))
        save_day(connection, SUNDAY, count_day(connection, SUNDAY), now=on(SUNDAY))
        assert SUNDAY == find_uncounted_day(connection, now=on(TUESDAY))
        save_day(connection, SUNDAY, count_day(connection, SUNDAY), now=on(TUESDAY))
        assert None is find_uncounted_day(connection, now=on(TUESDAY))
        assert on(TUESDAY) == find_counted_at(connection, SUNDAY)
        assert 1 == make_uncounted(connection, since=MONDAY)
        assert MONDAY == find_uncounted_day(connection, now=on(TUESDAY))


def test_days_are_counted_for_two_years_at_the_most(database: Database) -> None:
    """An imported resource may be ten years old; 731 days back there is nothing to count any more."""
    with database.transaction() as connection:
        provision(connection, "a", at=on(MONDAY) - 3_650 * DAY)
        for number in range(1, 731):
            save_day(connection, TUESDAY - number * DAY, [], now=on(TUESDAY))
        oldest = find_uncounted_day(connection, now=on(TUESDAY))
        save_day(connection, TUESDAY - 731 * DAY, [], now=on(TUESDAY))

        assert TUESDAY - 731 * DAY == oldest
        assert None is find_uncounted_day(connection, now=on(TUESDAY))
