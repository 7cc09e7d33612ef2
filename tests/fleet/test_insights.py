"""What the fleet tells, worked out by hand from the counts of a few days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from headrace.fleet.insights import (
    Changes,
    Coverage,
    Insights,
    LargePipeline,
    Move,
    Opportunities,
    Ratio,
    SizeClass,
    Split,
    WayToProduction,
    build_insights,
    find_eve,
)
from headrace.store.reports.figures.roll_up import DayCount, FleetFigure

# A Wednesday; the week before it began on the 2nd.
TODAY = date(2026, 11, 11)
COUNTED_AT = datetime(2026, 11, 11, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def of(day: date, figure: FleetFigure, *counts: tuple[str, str, int]) -> list[DayCount]:
    return [DayCount(figure=figure, day=day, stage=stage, label=label, value=value) for stage, label, value in counts]


def build(*counts: list[DayCount], small_plans: tuple[str, ...] = ("free",), since: date = TODAY - 6 * DAY) -> Insights:
    every = [each for some in counts for each in some]
    return build_insights(
        every, since=since, until=TODAY, counted_at=COUNTED_AT, small_plans=small_plans, names={"p2": "atlas"}
    )


def test_nothing_counted_tells_nothing() -> None:
    """Zeroes, and no share of nothing."""
    insights = build()

    assert insights.coverage.share is None
    assert (0, ()) == (insights.coverage.resources, insights.days)
    assert WayToProduction(pipelines=0, median_days=None, p90_days=None) == insights.way_to_production
    assert {Ratio(all=None, lasting=None)} == {week.churn for week in insights.weeks}


def test_coverage_is_the_share_of_resources_in_a_pipeline() -> None:
    """Of 10 resources 6 are in a pipeline, 3 are in none and of 1 Heroku never told; 2 of 4 pipelines go on."""
    insights = build(
        of(TODAY - DAY, FleetFigure.BY_STAGE, ("staging", "", 99)),
        of(TODAY, FleetFigure.BY_STAGE, ("staging", "", 4), ("production", "", 2), ("none", "", 3), ("unknown", "", 1)),
        of(TODAY - DAY, FleetFigure.PIPELINES, ("", "several_stages", 77)),
        of(TODAY, FleetFigure.PIPELINES, ("", "all", 4), ("", "several_stages", 2), ("", "lasting", 4)),
    )

    assert (
        Coverage(
            resources=10,
            in_pipeline=6,
            uncoupled=3,
            unknown=1,
            share=0.6,
            pipelines=4,
            pipelines_at_several_stages=2,
        )
        == insights.coverage
    )


def test_a_day_tells_the_stage_mix_and_resources_for_each_pipeline() -> None:
    """6 in 2 pipelines are 3 each; without review and test 2 in 1 pipeline are 2; what has no place is in neither."""
    insights = build(
        of(TODAY, FleetFigure.BY_STAGE, ("review", "", 3), ("test", "", 1), ("production", "", 2), ("none", "", 5)),
        of(TODAY, FleetFigure.PIPELINES, ("", "all", 2), ("", "lasting", 1)),
        of(TODAY - 7 * DAY, FleetFigure.BY_STAGE, ("staging", "", 1)),
    )

    (day,) = insights.days
    assert {"review": 3, "test": 1, "production": 2, "none": 5} == day.by_stage
    assert Split(all=11, lasting=7) == day.resources
    assert Ratio(all=3.0, lasting=2.0) == day.per_pipeline


def test_churn_is_told_raw_and_lasting() -> None:
    """Of 20 there on Sunday 8 of them lasting, 6 went (30 %) and 1 of the lasting (12.5 %); the new ones count not."""
    sunday = date(2026, 11, 1)
    insights = build(
        of(sunday, FleetFigure.BY_STAGE, ("review", "", 12), ("staging", "", 6), ("none", "", 2)),
        of(date(2026, 11, 2), FleetFigure.CHURNED, ("review", "", 4), ("staging", "", 1)),
        of(date(2026, 11, 8), FleetFigure.CHURNED, ("review", "", 1)),
        of(date(2026, 11, 9), FleetFigure.CHURNED, ("review", "", 50)),
        of(date(2026, 11, 3), FleetFigure.GAINED, ("review", "", 9), ("production", "", 2)),
        of(date(2026, 11, 3), FleetFigure.LOST, ("review", "", 7), ("staging", "", 1)),
    )

    first, second = insights.weeks
    assert (date(2026, 11, 2), True) == (first.begins_on, first.is_over)
    assert (date(2026, 11, 9), False) == (second.begins_on, second.is_over)
    assert Ratio(all=0.3, lasting=0.125) == first.churn
    assert (Split(all=11, lasting=2), Split(all=8, lasting=1)) == (first.gained, first.lost)
    assert Split(all=3, lasting=1) == first.growth


def test_a_change_is_from_the_first_day_to_the_last() -> None:
    """From 10 with 1 in production and 8 in pipelines to 12 with 3 in production; one day alone changed nothing."""
    first = TODAY - 3 * DAY
    insights = build(
        of(first, FleetFigure.BY_STAGE, ("production", "", 1), ("review", "", 7), ("none", "", 2)),
        of(first, FleetFigure.PIPELINES, ("", "all", 4)),
        of(TODAY - DAY, FleetFigure.BY_STAGE, ("production", "", 99)),
        of(TODAY, FleetFigure.BY_STAGE, ("production", "", 3), ("none", "", 9)),
        of(TODAY, FleetFigure.PIPELINES, ("", "all", 3)),
    )

    assert (
        Changes(since=first, is_of_means=False, resources=2, pipelines=-1, production=2, share=0.8) == insights.changes
    )
    assert None is build(of(TODAY, FleetFigure.BY_STAGE, ("production", "", 3))).changes


def test_from_two_weeks_on_a_change_is_of_weekly_means() -> None:
    """A first week of 7 x 10 and a last of 5 x 20 and 2 x 6, as review apps dip on a weekend: 10 and 16."""
    counts = [10] * 7 + [20, 20, 20, 20, 20, 6, 6]
    since = TODAY - 13 * DAY
    days = [
        of(since + number * DAY, FleetFigure.BY_STAGE, ("review", "", count)) for number, count in enumerate(counts)
    ]
    insights = build(*days, since=since)

    assert insights.changes is not None
    assert (since, True, 6) == (insights.changes.since, insights.changes.is_of_means, insights.changes.resources)


@pytest.mark.parametrize(
    ("since", "eve"),
    [
        (date(2026, 11, 5), date(2026, 11, 1)),
        (date(2026, 11, 8), date(2026, 11, 1)),
        (date(2026, 11, 9), date(2026, 11, 8)),
    ],
)
def test_the_counts_needed_begin_on_the_sunday_before_the_week(since: date, eve: date) -> None:
    """Thursday and Sunday are of the week that began on Monday the 2nd, the 9th begins a new one."""
    assert eve == find_eve(since)


def test_the_most_frequent_move_comes_first() -> None:
    """Out of no pipeline four times, to production three times."""
    insights = build(of(TODAY, FleetFigure.MOVES, ("staging", "production", 3), ("none", "staging", 4)))

    assert (
        Move(from_stage="none", to_stage="staging", count=4),
        Move(from_stage="staging", to_stage="production", count=3),
    ) == insights.moves


@pytest.mark.parametrize(
    ("durations", "median", "p90"),
    [
        ({0: 1}, 0, 0),
        ({2: 1, 10: 1}, 2, 10),
        ({0: 5, 3: 4, 40: 1}, 0, 3),
        ({0: 4, 3: 5, 40: 2}, 3, 40),
    ],
)
def test_half_of_the_pipelines_get_to_production_within_the_median(
    durations: dict[int, int], median: int, p90: int
) -> None:
    """The median and the 90th percentile are days that a pipeline took, not numbers in between."""
    counts = [("", str(days), count) for days, count in durations.items()]
    expected = WayToProduction(pipelines=sum(durations.values()), median_days=median, p90_days=p90)

    assert expected == build(of(TODAY, FleetFigure.TO_PRODUCTION, *counts)).way_to_production


def test_pipelines_stand_in_classes_of_size() -> None:
    """One pipeline of 1, four of 3, one of 5, one of 6 and two beyond 20."""
    sizes = [("", "1", 1), ("", "3", 4), ("", "5", 1), ("", "6", 1), ("", "21", 1), ("", "400", 1)]
    insights = build(of(TODAY, FleetFigure.PIPELINES_BY_SIZE, *sizes))

    assert (
        SizeClass(smallest=1, largest=1, pipelines=1),
        SizeClass(smallest=2, largest=2, pipelines=0),
        SizeClass(smallest=3, largest=5, pipelines=5),
        SizeClass(smallest=6, largest=10, pipelines=1),
        SizeClass(smallest=11, largest=20, pipelines=0),
        SizeClass(smallest=21, largest=None, pipelines=2),
    ) == insights.pipelines_by_size


def test_the_largest_pipelines_tell_what_lasts_in_them() -> None:
    """The one with most resources first."""
    both = [("all", "p1", 3), ("lasting", "p1", 3), ("all", "p2", 64), ("lasting", "p2", 43)]
    insights = build(of(TODAY, FleetFigure.LARGEST_PIPELINES, *both))

    assert (
        LargePipeline(id="p2", name="atlas", resources=Split(all=64, lasting=43)),
        LargePipeline(id="p1", name=None, resources=Split(all=3, lasting=3)),
    ) == insights.largest_pipelines


def test_opportunities_are_production_on_small_plans_and_pipelines_with_one_end() -> None:
    """5 + 2 in production on small plans; 3 + 1 pipelines with staging alone, 8 with production alone; one is whole."""
    insights = build(
        of(TODAY, FleetFigure.BY_PLAN, ("production", "free", 5), ("production", "mini", 2), ("production", "pro", 9)),
        of(TODAY, FleetFigure.BY_PLAN, ("staging", "free", 30)),
        of(
            TODAY,
            FleetFigure.PIPELINES_BY_SHAPE,
            ("", "staging", 3),
            ("", "development,review,staging", 1),
            ("", "review,production", 8),
            ("", "staging,production", 1),
            ("", "review", 20),
        ),
        small_plans=("free", "mini"),
    )

    expected = Opportunities(production_on_small_plan=7, staging_without_production=4, production_without_staging=8)
    assert expected == insights.opportunities
    assert {"free": 5, "mini": 2, "pro": 9} == insights.by_stage_and_plan["production"]
