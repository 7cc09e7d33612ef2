"""What pipelines and placements look like as lines: values in, geometry out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace.models import NO_PIPELINE, PASSING, PLACELESS, Stage
from headrace.store.reports.pipeline_list import PipelineRow
from headrace.store.state.placements import PlacementRow

STRIP_WIDTH = 1000.0
# So that a short stay can be seen beside a long one.
SHORTEST_STAY = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One stage of a pipeline on its line: how many stand there, and how the line runs through it."""

    count: int
    marks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One placement on the strip of a resource: where it begins and how wide it is, of `STRIP_WIDTH`."""

    x: float
    width: float
    stage: str


def sort_stages(stages: Iterable[str]) -> list[str]:
    """Return stages in the order in which code flows; words that are new to us, and having no stage, come last."""
    known = [str(stage) for stage in Stage]
    there = set(stages)
    return [stage for stage in (*known, *sorted(there - {*known, *PLACELESS}), *PLACELESS) if stage in there]


def list_columns(rows: Iterable[PipelineRow]) -> list[str]:
    """Return the stages to show: Heroku's, and every other at which something stands."""
    return sort_stages({*map(str, Stage), *(stage for row in rows for stage in row.stages)})


def draw_channel(stages: Mapping[str, int], columns: Sequence[str]) -> list[Cell]:
    """Return the line of a pipeline: from the first stage that holds something to the last, broken where none does."""
    held = [index for index, stage in enumerate(columns) if stages.get(stage)]
    return [Cell(count=stages.get(stage, 0), marks=_mark(index, stage, held)) for index, stage in enumerate(columns)]


def _mark(index: int, stage: str, held: Sequence[int]) -> str:
    if not held or not held[0] <= index <= held[-1]:
        return "void"
    if index not in held:
        return "off"
    marks = ["on"]
    if len(held) == 1:
        marks.append("solo")
    elif index in (held[0], held[-1]):
        marks.append("first" if index == held[0] else "last")
    return " ".join([*marks, "passing"] if stage in PASSING else marks)


def draw_strip(placements: Sequence[PlacementRow], *, now: datetime) -> list[Stay]:
    """Return placements, oldest first, side by side: the width is the time."""
    lengths = [((placement.valid_to or now) - placement.valid_from).total_seconds() for placement in placements]
    total = sum(lengths) or 1.0
    widths = [max(SHORTEST_STAY, STRIP_WIDTH * length / total) for length in lengths]
    scale = STRIP_WIDTH / (sum(widths) or 1.0)
    stays, x = [], 0.0
    for placement, width in zip(placements, widths, strict=True):
        stays.append(Stay(x=round(x, 1), width=round(width * scale, 1), stage=placement.stage or NO_PIPELINE))
        x += width * scale
    return stays
