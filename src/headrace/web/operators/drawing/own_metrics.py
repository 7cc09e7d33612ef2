"""The table of a partner's own metrics by stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from headrace.fleet.own_metrics import OwnMetric
from headrace.hooks.panel import format_change, format_number, spell_metric
from headrace.web.operators.drawing.channels import sort_stages
from headrace.wording import UNTOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRow:
    """A metric in words: `cells` are of the table's stages; what is not known is a dash."""

    label: str
    cells: Sequence[str]
    total: str
    in_a_week: str
    resources: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTable:
    """All metrics of one day."""

    day: date
    is_over: bool
    stages: Sequence[str]
    rows: Sequence[OwnRow]


def draw_own_metrics(metrics: Sequence[OwnMetric]) -> OwnTable | None:
    """Return the table, or None where there is no metric."""
    if not metrics:
        return None
    stages = sort_stages({stage for metric in metrics for stage in metric.by_stage})
    rows = [_draw_row(metric, stages) for metric in metrics]
    return OwnTable(day=metrics[0].day, is_over=metrics[0].is_over, stages=stages, rows=rows)


def _draw_row(metric: OwnMetric, stages: Sequence[str]) -> OwnRow:
    change = None if metric.week_earlier is None else metric.total - metric.week_earlier
    return OwnRow(
        label=spell_metric(metric.name),
        cells=[format_number(metric.by_stage[each]) if each in metric.by_stage else UNTOLD for each in stages],
        total=format_number(metric.total),
        in_a_week=UNTOLD if change is None else format_change(change),
        resources=metric.resources,
    )
