"""The geometry of charts: counts in, the points and labels of an SVG out. Its template draws them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count

from headrace.models import NO_PIPELINE, NOT_TOLD, PASSING, Stage
from headrace.wording import spell_date

MOST_INTERVALS = 5
MOST_DATES = 5
# How wide a character of an axis and of a label is, in the widest of the fonts; text is 11 px high.
DIGIT_WIDTH, NAME_WIDTH = 7.0, 7.6
TOP, BOTTOM_MARGIN, GAP = 10.0, 24.0, 6.0
# The baseline of a text whose middle is at a height.
MIDDLE = 4.0
ROW = 14.0
# What a swatch beside a name takes.
SWATCH = 21.0
LONGEST_NAME = 14
# Heat mixes at the most half of the colour in, in steps of five percent.
HOTTEST, HEAT_STEP = 50, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A text on an axis: where it is on it."""

    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What stands at the end of a line or a band, on a baseline."""

    y: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The room of a chart and its axes; the plot lies between `left` and `right`."""

    width: int
    height: int
    left: str
    right: str
    bottom: str
    rows: tuple[Mark, ...]
    columns: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A stage's share of the height, as the points of a polygon."""

    stage: str
    is_passing: bool
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BandChart:
    """Bands upon each other."""

    frame: Frame
    bands: tuple[Band, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line by its points, and where it ends: one of a single point is seen by that alone."""

    points: str
    end_x: str
    end_y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Lines over the same dates; of two the second is dashed."""

    frame: Frame
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line's values, None where there is none, and what stands at its end: the name and a word about it."""

    name: str
    about: str
    values: Sequence[float | None]


def draw_bands(days: Mapping[date, Mapping[str, int]], *, width: int, height: int) -> BandChart:
    """Return the counts of each stage upon each other, day by day, production at the bottom."""
    stages = order_upwards({stage for counts in days.values() for stage, count in counts.items() if count})
    totals = [sum(counts.values()) for counts in days.values()]
    latest = list(days.values())[-1]
    values = [f"{latest.get(stage, 0):,}" for stage in stages]
    grid = find_grid(max(totals), finest=1)
    room = _Room(
        width=width,
        height=height,
        grid=grid,
        marks=[f"{value:,.0f}" for value in grid],
        label_width=SWATCH + _measure(map(name_place, stages), NAME_WIDTH) + 2 * GAP + _measure(values, DIGIT_WIDTH),
        columns=len(days),
    )
    floor = [0] * len(days)
    bands, middles = [], []
    for stage in stages:
        ceiling = [below + counts.get(stage, 0) for below, counts in zip(floor, days.values(), strict=True)]
        points = f"{room.trace(ceiling)} {room.trace(floor, is_backwards=True)}"
        bands.append(Band(stage=stage, is_passing=stage in PASSING, points=points))
        middles.append(room.find_y((floor[-1] + ceiling[-1]) / 2))
        floor = ceiling
    heights = spread(middles, apart=ROW, top=TOP, bottom=room.bottom)
    labels = (
        Label(y=_spell(y + MIDDLE), name=name_place(stage), value=value)
        for y, stage, value in zip(heights, stages, values, strict=True)
    )
    return BandChart(frame=room.frame(list(days)), bands=tuple(bands), labels=tuple(labels))


def draw_lines(
    dates: Sequence[date], series: Sequence[Series], *, unit: str, finest: float, width: int, height: int
) -> LineChart:
    """Return lines over the dates. `unit` is `%` for shares of 1; the axis has no step below `finest`."""
    known = [value for each in series for value in each.values if value is not None]
    grid = find_grid(max(known, default=0.0), finest=finest)
    names = [text for each in series for text in (each.name, each.about)]
    room = _Room(
        width=width,
        height=height,
        grid=grid,
        marks=[f"{value * 100:.0f}\u202f%" if unit == "%" else f"{value:,.0f}" for value in grid],
        label_width=_measure(names, NAME_WIDTH),
        columns=len(dates),
    )
    lines, ends = [], []
    for each in series:
        points = [(x, room.find_y(value)) for x, value in zip(room.xs, each.values, strict=True) if value is not None]
        end_x, end_y = points[-1] if points else (room.right, room.bottom)
        ends.append(end_y)
        spelled = " ".join(f"{_spell(x)},{_spell(y)}" for x, y in points)
        lines.append(Line(points=spelled, end_x=_spell(end_x), end_y=_spell(end_y)))
    heights = _spread_unordered(ends, apart=2 * ROW + 2, top=TOP, bottom=room.bottom - ROW)
    labels = (
        Label(y=_spell(y + MIDDLE), name=each.name, value=each.about) for y, each in zip(heights, series, strict=True)
    )
    return LineChart(frame=room.frame(dates), lines=tuple(lines), labels=tuple(labels))


def order_upwards(stages: Iterable[str]) -> list[str]:
    """Return stages as bands lie upon each other: what lasts below what passes, in no pipeline on top."""
    known = [Stage.PRODUCTION, Stage.STAGING, Stage.DEVELOPMENT, Stage.TEST, Stage.REVIEW, NO_PIPELINE, NOT_TOLD]
    there = set(stages)
    # A word that Heroku added lasts, as far as anybody can tell.
    others = sorted(there - {*known})
    return [stage for stage in (*known[:3], *others, *known[3:]) if stage in there]


def name_place(stage: str) -> str:
    """Return the words for a stage, or for having none; a word that Heroku added may be long."""
    known = {NO_PIPELINE: "no pipeline", NOT_TOLD: "not known"}
    name = known.get(stage, str(stage))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def find_grid(highest: float, *, finest: float) -> list[float]:
    """Return at most six values from 0 on, in steps of 1, 2 or 5 of some power of ten; the last is the highest's."""
    steps = (finest * digit * 10**power for power in count() for digit in (1, 2, 5))
    # A share of tenths is not exact in binary.
    step = next(step for step in steps if round(highest / step, 9) <= MOST_INTERVALS)
    intervals = max(1, math.ceil(round(highest / step, 9)))
    return [step * number for number in range(intervals + 1)]


def spread(heights: Sequence[float], *, apart: float, top: float, bottom: float) -> list[float]:
    """Return heights, given from the bottom up, moved so that none is nearer to the next than this."""
    placed: list[float] = []
    for height in heights:
        placed.append(min(height, placed[-1] - apart if placed else bottom))
    for index in reversed(range(len(placed))):
        lowest = placed[index + 1] + apart if index + 1 < len(placed) else top
        placed[index] = max(placed[index], lowest)
    return placed


def pick_dates(dates: Sequence[date]) -> list[int]:
    """Return which of the dates an axis tells: Mondays, or firsts of months where there are too many of them.

    Where there are not two of either, at even distances, the first and the last among them.
    """
    mondays = [at for at, day in enumerate(dates) if day.weekday() == 0]
    firsts = [at for at, day in enumerate(dates) if day.day == 1]
    for told in (mondays, firsts):
        if 2 <= len(told) <= MOST_DATES:
            return told
    if len(firsts) > MOST_DATES or len(mondays) > MOST_DATES:
        told = firsts if len(firsts) > MOST_DATES else mondays
        return told[:: -(-len(told) // MOST_DATES)]
    last = len(dates) - 1
    shown = min(len(dates), MOST_DATES)
    return [0] if shown == 1 else [round(number * last / (shown - 1)) for number in range(shown)]


def find_heat(value: int, highest: int) -> int:
    """Return how warm a cell is, in percent: by the square root, so that small counts are not all alike."""
    if not value:
        return 0
    return max(HEAT_STEP, HEAT_STEP * round(HOTTEST * math.sqrt(value / highest) / HEAT_STEP))


class _Room:
    """Where values and columns are in a chart; one column alone is as wide as the plot."""

    def __init__(
        self, *, width: int, height: int, grid: Sequence[float], marks: Sequence[str], label_width: float, columns: int
    ) -> None:
        self._size = width, height
        self._grid, self._marks = grid, marks
        self.left = _measure(marks, DIGIT_WIDTH) + GAP
        self.right = width - label_width - GAP
        self.bottom = height - BOTTOM_MARGIN
        step = (self.right - self.left) / max(1, columns - 1)
        self.xs = [self.left + step * number for number in range(columns)]

    def find_y(self, value: float) -> float:
        return self.bottom - value / self._grid[-1] * (self.bottom - TOP)

    def trace(self, values: Sequence[float], *, is_backwards: bool = False) -> str:
        """The points of a band's edge, rightwards or back."""
        xs, values = (self.xs, values) if len(values) > 1 else ([self.left, self.right], [*values, *values])
        points = [f"{_spell(x)},{_spell(self.find_y(value))}" for x, value in zip(xs, values, strict=True)]
        return " ".join(reversed(points) if is_backwards else points)

    def frame(self, dates: Sequence[date]) -> Frame:
        width, height = self._size
        return Frame(
            width=width,
            height=height,
            left=_spell(self.left),
            right=_spell(self.right),
            bottom=_spell(self.bottom),
            rows=tuple(Mark(at=_spell(self.find_y(value)), text=mark) for value, mark in self._rows()),
            columns=tuple(Mark(at=_spell(self.xs[at]), text=spell_date(dates[at])) for at in pick_dates(dates)),
        )

    def _rows(self) -> Iterator[tuple[float, str]]:
        yield from zip(self._grid, self._marks, strict=True)


def _spread_unordered(heights: Sequence[float], *, apart: float, top: float, bottom: float) -> list[float]:
    order = sorted(range(len(heights)), key=lambda index: -heights[index])
    placed = spread([heights[index] for index in order], apart=apart, top=top, bottom=bottom)
    return [height for _, height in sorted(zip(order, placed, strict=True))]


def _measure(texts: Iterable[str], character: float) -> float:
    return max(map(len, texts), default=0) * character


def _spell(number: float) -> str:
    return f"{number:.1f}"
