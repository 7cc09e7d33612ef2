"""Conversion and retention, worked out by hand, and Wilson's interval against figures that were published."""

from datetime import date

import pytest

from headrace.fleet.experiments import (
    Conversion,
    Experiments,
    Proportion,
    build_conversions,
    build_curves,
    build_experiments,
    find_proportion,
)
from headrace.store.reports.weekly.cohorts import Beginnings, Stays

NONE_OLD = Proportion(count=0, of=0, share=None, low=None, high=None)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    """R. G. Newcombe works these out in Statistics in Medicine 17 (1998), page 861, as the score method's."""
    found = find_proportion(count, of)

    assert found.low is not None
    assert found.high is not None
    assert (low, high) == (round(found.low, 4), round(found.high, 4))


@pytest.mark.parametrize(("count", "of", "bound"), [(0, 5, 0.0), (5, 5, 1.0)])
def test_the_interval_stays_within_nothing_and_all(count: int, of: int, bound: float) -> None:
    """None of 5, or all of 5, is no certainty: the other bound is far."""
    found = find_proportion(count, of)

    assert bound in (found.low, found.high)
    assert found.low != found.high


def test_there_is_no_share_of_nothing() -> None:
    assert find_proportion(0, 0) == NONE_OLD


def test_only_pipelines_that_had_the_time_count_as_converted_or_not() -> None:
    """Of 10 + 6 + 4 that began in development 16 are 12 weeks old: 6 of them took 3 weeks, 10 never or longer.
    The 4 young ones, 3 of them in production already, do not count but in `so_far`, as one that took 12 weeks."""
    found = build_conversions(
        [
            Beginnings("development", 12, None, 9),
            Beginnings("development", 30, 12, 1),
            Beginnings("development", 12, 3, 6),
            Beginnings("development", 11, 3, 3),
            Beginnings("development", 0, None, 1),
            Beginnings("review", 11, None, 2),
            Beginnings("canary", 20, 11, 1),
            Beginnings("production", 20, 0, 50),
        ]
    )

    assert [
        Conversion(first_stage="development", began=20, so_far=10, reached=find_proportion(6, 16)),
        Conversion(first_stage="review", began=2, so_far=0, reached=NONE_OLD),
        Conversion(first_stage="canary", began=1, so_far=1, reached=find_proportion(1, 1)),
    ] == found


def test_a_week_of_retention_is_of_those_that_are_old_enough() -> None:
    """8 are three weeks old and 2 of these went in their second week; 4 are one week old and 1 of these went at once.
    Week 1: 11 of 12. Week 2: 6 of 8. Week 3: 6 of 8. Of week 4 nobody can tell."""
    (curve,) = build_curves(
        [
            Stays("staging", "basic", 3, None, 6),
            Stays("staging", "free", 3, 1, 2),
            Stays("staging", "basic", 1, None, 3),
            Stays("staging", "basic", 1, 0, 1),
        ],
        lambda each: each.first_stage,
    )

    assert ("staging", 12) == (curve.group, curve.resources)
    assert [(1, 11, 12), (2, 6, 8), (3, 6, 8)] == [
        (point.week, point.kept.count, point.kept.of) for point in curve.points
    ]


def test_curves_are_by_first_stage_and_by_first_plan_the_largest_first() -> None:
    """Of ten plans the eight largest; a resource of no week's age has no point."""
    stays = [Stays("staging", f"plan-{number}", 1, None, number) for number in range(1, 11)]
    found = build_experiments([], [*stays, Stays("review", "plan-1", 0, 0, 1)], since=date.min, until=date.max)

    assert isinstance(found, Experiments)
    assert ["staging", "review"] == [curve.group for curve in found.retention_by_first_stage]
    assert () == found.retention_by_first_stage[1].points
    assert [f"plan-{number}" for number in range(10, 2, -1)] == [curve.group for curve in found.retention_by_plan]
