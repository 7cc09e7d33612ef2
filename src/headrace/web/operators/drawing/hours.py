"""The geometry of the last day: tracks under one clock, a bar for each hour, its parts on top of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.fleet.day import Day, Hour, Took

# What a bar leaves free of its hour, in hundredths, and how high a mark is.
GAP = 14
MARK = 3.0
# Heroku's answers that are failures; no answer is one too.
FAILED_CLASSES = ("429", "5xx", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a bar, in hundredths of an hour's width and of the highest bar."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """All bars, how much the highest one is, and the sums of the whole day by kind."""

    parts: Sequence[Part]
    width: int
    highest: float
    sums: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """The tracks of a day; `classes` has one for each class of Heroku's answers."""

    provisions: Track
    took: Track
    failed_answers: Track
    failed_checks: Track
    queue: Track
    classes: Mapping[str, Track]


def draw_day(day: Day) -> Tracks:
    """Return a day's tracks."""
    hours = day.hours
    return Tracks(
        provisions=draw_track([_count_ends(hour) for hour in hours]),
        took=draw_track(
            [_split(hour.p95) for hour in hours], marks=[hour.p50.seconds if hour.p50 else None for hour in hours]
        ),
        failed_answers=draw_track([{"failed": count_failed_answers(hour.answers)} for hour in hours]),
        failed_checks=draw_track([{"failed": hour.failed_checks} for hour in hours]),
        queue=draw_track([{"queue": hour.in_work} for hour in hours]),
        classes={
            name: draw_track([{_name_bar(name): hour.answers.get(name, 0)} for hour in hours]) for name in day.answers
        },
    )


def draw_track(columns: Sequence[Mapping[str, float]], *, marks: Sequence[float | None] = ()) -> Track:
    """Return the bars of columns, each with its parts from the bottom up; a mark is a line across its column."""
    highest = max((sum(column.values()) for column in columns), default=0)
    parts = []
    for place, column in enumerate(columns):
        top = 100.0
        for kind, value in column.items():
            if value > 0:
                height = 100 * value / highest
                top -= height
                parts.append(_place(kind, place, top, height))
    for place, mark in enumerate(marks):
        if mark is not None and highest:
            parts.append(_place("mark", place, min(100 - MARK, 100 - 100 * mark / highest), MARK))
    sums = {
        kind: sum(column.get(kind, 0) for column in columns) for kind in dict.fromkeys(k for c in columns for k in c)
    }
    return Track(parts=parts, width=100 * len(columns), highest=highest, sums=sums)


def count_failed_answers(answers: Mapping[str, int]) -> int:
    """Return how many of Heroku's answers were failures of its own, or did not come."""
    return sum(answers.get(name, 0) for name in FAILED_CLASSES)


def _count_ends(hour: Hour) -> dict[str, float]:
    return {"done": hour.done, "refused": hour.refused, "waiting": hour.waiting, "failed": hour.failed}


def _split(took: Took | None) -> dict[str, float]:
    if took is None:
        return {}
    if took.waiting is None or took.heroku is None or took.hook is None:
        return {"whole": took.seconds}
    return {"waiting": took.waiting, "heroku": took.heroku, "hook": took.hook}


def _name_bar(name: str) -> str:
    return "failed" if name in FAILED_CLASSES else "done"


def _place(kind: str, place: int, top: float, height: float) -> Part:
    return Part(kind=kind, x=100 * place, y=round(top, 2), width=100 - GAP, height=round(height, 2))
