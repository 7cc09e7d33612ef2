"""The last 24 hours by the hour: provisions and where their time went, Heroku's answers, failed checks, the queue."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from headrace.fleet.insights import find_percentile
from headrace.store.reports.provisions import ProvisionRow, Spent, list_provisions_since, list_spent
from headrace.store.state.hour_counts import HOUR, HourFigure, list_hour_counts

HOURS = 24
# Of so many provisions, the latest that are done, it is looked up where their time went.
MOST_SPLIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How long one provision took, in seconds, and where they went; None where its timeline does not tell."""

    seconds: float
    waiting: float | None
    heroku: float | None
    hook: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour.

    What became of the provisions that Heroku asked for within it; `refused` is what a hook refused. `p50` and `p95` are
    the provisions that took so long that half, or 95 of a hundred, took no longer. `answers` are Heroku's by class,
    `none` where none came. `in_work` and `oldest_seconds` are the highest of the hour: how many resources had a
    workflow that ran or waited, and for how long the oldest provision had been waiting.
    """

    begins_at: datetime
    done: int
    refused: int
    failed: int
    waiting: int
    p50: Took | None = None
    p95: Took | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    failed_checks: int = 0
    in_work: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """All hours, the oldest first, and the same of the whole day.

    `answered_within` is within how many seconds 95 of a hundred answers of Heroku's came, as its least bound that is
    counted; None where there were none, or where it took longer than any bound.
    """

    hours: Sequence[Hour]
    p50: Took | None
    p95: Took | None
    answers: Mapping[str, int]
    answered_within: float | None
    failed_checks: Mapping[str, int]


Counts = Mapping[tuple[datetime, HourFigure], Mapping[str, float]]


def load_day(connection: sa.Connection, *, now: datetime) -> Day:
    """Return the last day, this hour and the 23 before it."""
    first = now.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * HOUR
    rows = list_provisions_since(connection, since=first)
    done = sorted((row for row in rows if row.provisioned_at), key=lambda row: row.created_at)
    spent = list_spent(connection, [row.uuid for row in done[-MOST_SPLIT:]])
    return build_day(rows, spent, list_hour_counts(connection, since=first), first=first)


def build_day(rows: Sequence[ProvisionRow], spent: Mapping[str, Spent], counts: Counts, *, first: datetime) -> Day:
    """Return the day of these provisions, by where their time went, and of what was counted."""
    took = [(row.created_at, _measure(row, spent.get(row.uuid))) for row in rows if row.provisioned_at is not None]
    all_took = _sort(each for _, each in took)
    answers = _add_up(counts, HourFigure.ANSWERS)
    return Day(
        hours=_build_hours(rows, took, counts, first=first),
        p50=find_percentile(all_took, 50),
        p95=find_percentile(all_took, 95),
        answers=dict(sorted(answers.items())),
        answered_within=find_bound(_add_up(counts, HourFigure.ANSWERED_WITHIN)),
        failed_checks=dict(_add_up(counts, HourFigure.FAILED_CHECKS).most_common()),
    )


def find_bound(within: Mapping[str, int], percent: int = 95) -> float | None:
    """Return the least bound that so many percent of all kept within, of bounds in seconds with their counts."""
    wanted, seen = sum(within.values()) * percent / 100, 0
    bounds = sorted((float(bound), count) for bound, count in within.items() if bound[:1].isdigit())
    for bound, count in bounds:
        seen += count
        if seen >= wanted:
            return bound
    return None


def _build_hours(
    rows: Iterable[ProvisionRow], took: Sequence[tuple[datetime, Took]], counts: Counts, *, first: datetime
) -> list[Hour]:
    ends = Counter((int((row.created_at - first) / HOUR), _find_end(row)) for row in rows)
    hours = []
    for number in range(HOURS):
        begins_at = first + number * HOUR
        of_hour = _sort(each for at, each in took if begins_at <= at < begins_at + HOUR)
        oldest = counts.get((begins_at, HourFigure.OLDEST), {})
        hour = Hour(
            begins_at=begins_at,
            **{end: ends[number, end] for end in ("done", "refused", "failed", "waiting")},
            p50=find_percentile(of_hour, 50),
            p95=find_percentile(of_hour, 95),
            answers={label: int(each) for label, each in counts.get((begins_at, HourFigure.ANSWERS), {}).items()},
            failed_checks=int(sum(counts.get((begins_at, HourFigure.FAILED_CHECKS), {}).values())),
            in_work=int(max(counts.get((begins_at, HourFigure.IN_WORK), {}).values(), default=0)),
            oldest_seconds=max(oldest.values(), default=0.0),
        )
        hours.append(hour)
    return hours


def _measure(row: ProvisionRow, spent: Spent | None) -> Took:
    ended_at = row.provisioned_at or row.created_at
    return Took(
        seconds=max(0.0, (ended_at - row.created_at).total_seconds()),
        waiting=spent.waiting if spent else None,
        heroku=spent.heroku if spent else None,
        hook=spent.hook if spent else None,
    )


def _sort(took: Iterable[Took]) -> list[Took]:
    return sorted(took, key=lambda each: each.seconds)


def _add_up(counts: Counts, figure: HourFigure) -> Counter[str]:
    sums: Counter[str] = Counter()
    for (_, each), labels in counts.items():
        if each is figure:
            sums.update({label: int(value) for label, value in labels.items()})
    return sums


def _find_end(row: ProvisionRow) -> str:
    if row.provisioned_at is not None:
        return "done"
    if row.is_waiting:
        return "waiting"
    return "refused" if row.is_refused else "failed"
