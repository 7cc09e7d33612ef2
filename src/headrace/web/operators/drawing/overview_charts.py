"""The charts and crossed tables of the overview: figures in, what its template draws out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from headrace.fleet.insights import DAY, FleetDay, Insights
from headrace.models import Stage
from headrace.web.operators.drawing.channels import sort_stages
from headrace.web.operators.drawing.charts import BandChart, LineChart, Series, draw_bands, draw_lines, find_heat
from headrace.wording import spell_number, spell_share

MOST_COLUMNS = 6
OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCell:
    """A count where a stage and a column cross; `heat` is in percent, and the cell that matters is marked.

    `is_one` says that the column is one plan or region, and not what all smaller ones come to.
    """

    column: str
    count: int
    heat: int
    is_marked: bool
    is_one: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossRow:
    """A stage's counts."""

    stage: str
    cells: tuple[CrossCell, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTable:
    """Stages crossed with the largest columns; what is in smaller ones stands in one column together."""

    columns: tuple[str, ...]
    rows: tuple[CrossRow, ...]
    totals: tuple[int, ...]
    total: int


def draw_stage_mix(insights: Insights) -> BandChart:
    """The resources by stage, from the first day that had one."""
    known = {day.day: day.by_stage for day in insights.days}
    return draw_bands({day: known.get(day, {}) for day in _list_days(insights)}, width=780, height=318)


def describe_stage_mix(insights: Insights) -> str:
    """Say how many resources each stage that lasts had on the first day and has on the last."""
    first, last = insights.days[0].by_stage, insights.days[-1].by_stage
    stages = [stage for stage in (Stage.PRODUCTION, Stage.STAGING, Stage.DEVELOPMENT) if stage in {**first, **last}]
    changes = [f"{stage} {first.get(stage, 0):,} to {last.get(stage, 0):,}" for stage in stages]
    return f"From the first day to the last: {', '.join(changes) or 'nothing at a stage that lasts'}."


def draw_churn(insights: Insights) -> LineChart | None:
    """The churn of the weeks that are over; None where none of them began with a resource."""
    weeks = [week for week in insights.weeks if week.is_over]
    if not any(week.churn.all is not None for week in weeks):
        return None
    lasting, every = [week.churn.lasting for week in weeks], [week.churn.all for week in weeks]
    return draw_lines(
        [week.begins_on for week in weeks],
        [
            Series(name=f"lasting {_spell_last(lasting)}", about="without them", values=lasting),
            Series(name=f"all {_spell_last(every)}", about="with review, test", values=every),
        ],
        unit="%",
        finest=0.01,
        width=560,
        height=232,
    )


def draw_per_pipeline(insights: Insights) -> LineChart | None:
    """Resources for each pipeline, day by day; None where no day had a pipeline."""
    known = {day.day: day for day in insights.days}
    found: list[FleetDay | None] = [known.get(day) for day in _list_days(insights)]
    every = [day.per_pipeline.all if day else None for day in found]
    lasting = [day.per_pipeline.lasting if day else None for day in found]
    if not any(value is not None for value in every):
        return None
    return draw_lines(
        _list_days(insights),
        [
            Series(name=f"lasting {spell_number(_find_last(lasting), 1)}", about="without them", values=lasting),
            Series(name=f"all {spell_number(_find_last(every), 1)}", about="with review, test", values=every),
        ],
        unit="",
        finest=1,
        width=560,
        height=232,
    )


def cross(counts: Mapping[str, Mapping[str, int]], *, marked: Collection[str] = ()) -> CrossTable:
    """Return the table of counts by stage and column; `marked` are the columns that matter in production."""
    by_column: dict[str, int] = {}
    for columns in counts.values():
        for column, count in columns.items():
            by_column[column] = by_column.get(column, 0) + count
    ordered = sorted(by_column, key=lambda column: (-by_column[column], column))
    shown, rest = ordered, []
    if len(ordered) > MOST_COLUMNS:
        shown, rest = ordered[: MOST_COLUMNS - 1], ordered[MOST_COLUMNS - 1 :]
    groups = [(column, [column]) for column in shown] + ([(OTHERS, rest)] if rest else [])
    found = {stage: {name: _sum(counts[stage], columns) for name, columns in groups} for stage in sort_stages(counts)}
    highest = max((count for cells in found.values() for count in cells.values()), default=0)
    return CrossTable(
        columns=tuple(name for name, _ in groups),
        rows=tuple(
            CrossRow(
                stage=stage,
                cells=tuple(
                    CrossCell(
                        column=name,
                        count=count,
                        heat=find_heat(count, highest),
                        is_marked=bool(count) and stage == Stage.PRODUCTION and name in marked,
                        is_one=not rest or name != OTHERS,
                    )
                    for name, count in cells.items()
                ),
                total=sum(cells.values()),
            )
            for stage, cells in found.items()
        ),
        totals=tuple(_sum(by_column, columns) for _, columns in groups),
        total=sum(by_column.values()),
    )


def _list_days(insights: Insights) -> list[date]:
    """Every day from the first that had a live resource; one that had none is left out of the figures."""
    first = insights.days[0].day
    return [first + DAY * number for number in range((insights.until - first).days + 1)]


def _sum(counts: Mapping[str, int], names: Iterable[str]) -> int:
    return sum(counts.get(name, 0) for name in names)


def _find_last(values: Iterable[float | None]) -> float | None:
    return next((value for value in reversed(list(values)) if value is not None), None)


def _spell_last(values: Iterable[float | None]) -> str:
    return spell_share(_find_last(values))
