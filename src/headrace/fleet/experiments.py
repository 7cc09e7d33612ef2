"""Cohorts followed over time: what became of pipelines and resources that began alike. Counts in, shares out.

What is not old enough yet does not count: a share of week k is of those that are k weeks old or older, and so it
rises or falls with what customers do, and not with how young the fleet is.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

from headrace.models import Stage
from headrace.store.reports.weekly.cohorts import Beginnings, Stays

# How long a pipeline has to get to production, and up to which week retention is told.
HORIZON_WEEKS = 12
# Cohorts of the last year: what was tried before says little of what a product is now.
COHORT_WEEKS = 52
CONFIDENCE = 0.95
# So many groups have a curve, the largest.
MOST_GROUPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """`count` of `of`, 0 to 1, and the bounds of its interval of 95 % confidence; None of nothing."""

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Pipelines that began at a stage: `began` in the year, `reached` within the horizon, of those old enough.

    `so_far` counts all of `began` that have been in production by now, however old they are.
    """

    first_stage: str
    began: int
    so_far: int
    reached: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPoint:
    """How many resources were live still so many weeks after they were provisioned, of those that are as old."""

    week: int
    kept: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionCurve:
    """The retention of resources that began alike, week by week, for as many weeks as any of them is old."""

    group: str
    resources: int
    points: tuple[RetentionPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments:
    """Cohorts that began from `since` to `until`; `horizon_weeks` is how long a pipeline has to get to production."""

    since: date
    until: date
    horizon_weeks: int
    conversions: tuple[Conversion, ...]
    retention_by_first_stage: tuple[RetentionCurve, ...]
    retention_by_plan: tuple[RetentionCurve, ...]


def build_experiments(
    beginnings: Sequence[Beginnings], stays: Sequence[Stays], *, since: date, until: date
) -> Experiments:
    """Return what became of pipelines and resources that began in that time."""
    return Experiments(
        since=since,
        until=until,
        horizon_weeks=HORIZON_WEEKS,
        conversions=tuple(build_conversions(beginnings)),
        retention_by_first_stage=tuple(build_curves(stays, lambda each: each.first_stage)),
        retention_by_plan=tuple(build_curves(stays, lambda each: each.plan)),
    )


def find_proportion(count: int, of: int) -> Proportion:
    """Return a proportion with Wilson's score interval.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), pages 209 to 212. Unlike the share more or less two standard errors, it stays
    within 0 and 1, and says something of few pipelines and of none that converted.
    """
    if not of:
        return Proportion(count=count, of=of, share=None, low=None, high=None)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    # At both ends the two are the same number, and not to the last digit.
    low = middle - reach if count else 0.0
    high = middle + reach if count < of else 1.0
    return Proportion(count=count, of=of, share=share, low=low, high=high)


def build_conversions(beginnings: Iterable[Beginnings]) -> list[Conversion]:
    """Return the conversions to production by first stage, in the order of flow.

    A pipeline that began in production has nowhere to get to, and is in none of them.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for each in beginnings:
        took = each.weeks_to_production
        counts[each.first_stage, "began"] += each.size
        counts[each.first_stage, "so_far"] += each.size if took is not None else 0
        if each.weeks_old >= HORIZON_WEEKS:
            counts[each.first_stage, "of"] += each.size
            counts[each.first_stage, "reached"] += each.size if took is not None and took < HORIZON_WEEKS else 0
    stages = {stage for stage, _ in counts} - {Stage.PRODUCTION}
    return [
        Conversion(
            first_stage=stage,
            began=counts[stage, "began"],
            so_far=counts[stage, "so_far"],
            reached=find_proportion(counts[stage, "reached"], counts[stage, "of"]),
        )
        for stage in sorted(stages, key=_find_order)
    ]


def build_curves(stays: Sequence[Stays], find_group: Callable[[Stays], str]) -> list[RetentionCurve]:
    """Return the retention of the largest groups, the largest first."""
    sizes: Counter[str] = Counter()
    for each in stays:
        sizes[find_group(each)] += each.size
    largest = sorted(sizes, key=lambda group: (-sizes[group], group))[:MOST_GROUPS]
    return [
        RetentionCurve(
            group=group,
            resources=sizes[group],
            points=tuple(_build_points([each for each in stays if find_group(each) == group])),
        )
        for group in largest
    ]


def _build_points(stays: Sequence[Stays]) -> Iterable[RetentionPoint]:
    for week in range(1, HORIZON_WEEKS + 1):
        old = [each for each in stays if each.weeks_old >= week]
        if not old:
            return
        kept = sum(each.size for each in old if each.weeks_kept is None or each.weeks_kept >= week)
        yield RetentionPoint(week=week, kept=find_proportion(kept, sum(each.size for each in old)))


def _find_order(stage: str) -> tuple[int, str]:
    flow = [*Stage]
    return (flow.index(Stage(stage)), "") if stage in flow else (len(flow), stage)
