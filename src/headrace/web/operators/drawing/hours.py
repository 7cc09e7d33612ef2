"""The geometry of the last day's provisions: a bar for each hour, its parts on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.fleet.health import Hour

PARTS = ("done", "refused", "waiting", "failed")
# What a bar leaves free of its hour, in hundredths.
GAP = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a bar, in hundredths of an hour's width and of the highest bar."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HourChart:
    """All bars, how much the highest one counts, and the sums of the whole day by kind."""

    parts: Sequence[Part]
    width: int
    highest: int
    sums: dict[str, int]


def draw_hours(hours: Sequence[Hour]) -> HourChart:
    """Return the bars; where nothing happened there are none."""
    highest = max((sum(getattr(hour, kind) for kind in PARTS) for hour in hours), default=0)
    parts = []
    for place, hour in enumerate(hours):
        top = 100.0
        for kind in PARTS:
            if count := getattr(hour, kind):
                height = 100 * count / highest
                top -= height
                bar = Part(kind=kind, x=100 * place, y=round(top, 2), width=100 - GAP, height=round(height, 2))
                parts.append(bar)
    sums = {kind: sum(getattr(hour, kind) for hour in hours) for kind in PARTS}
    return HourChart(parts=parts, width=100 * len(hours), highest=highest, sums=sums)
