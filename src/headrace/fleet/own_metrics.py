"""The partner's own numbers by stage, out of what panels said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from headrace.store.reports.figures.panel_metrics import StageSum, find_metrics_day, sum_panel_metrics

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMetric:
    """One metric on a day: its sum, that at each stage, and the sum of a week earlier, None where none is kept."""

    name: str
    day: date
    is_over: bool
    resources: int
    total: float
    by_stage: Mapping[str, float]
    week_earlier: float | None


def load_own_metrics(connection: sa.Connection, *, now: datetime) -> tuple[OwnMetric, ...]:
    """Return the metrics of the latest day that is over, or of today where there is no other."""
    day = find_metrics_day(connection, now=now)
    if day is None:
        return ()
    sums = sum_panel_metrics(connection, (day, day - WEEK))
    return build_own_metrics(sums, day=day, is_over=day < now.date())


def build_own_metrics(sums: Iterable[StageSum], *, day: date, is_over: bool) -> tuple[OwnMetric, ...]:
    """Return the metrics of a day, of its sums and those of a week earlier."""
    now: dict[str, list[StageSum]] = {}
    earlier: dict[str, float] = {}
    for each in sums:
        if each.day == day:
            now.setdefault(each.name, []).append(each)
        else:
            earlier[each.name] = earlier.get(each.name, 0.0) + each.value
    return tuple(
        OwnMetric(
            name=name,
            day=day,
            is_over=is_over,
            resources=sum(each.resources for each in parts),
            total=sum(each.value for each in parts),
            by_stage={each.stage: each.value for each in parts},
            week_earlier=earlier.get(name),
        )
        for name, parts in sorted(now.items())
    )
