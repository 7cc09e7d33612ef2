"""The report on a terminal, and how its values are said wherever it is shown."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from headrace.fleet.experiments import Proportion, RetentionCurve
from headrace.fleet.report import Report, ReportFigure
from headrace.fleet.report_definitions import REPORT_DEFINITIONS
from headrace.store.reports.weekly.leavers import LostResource, SmallProduction
from headrace.store.reports.weekly.pipelines import PipelineChange
from headrace.wording import UNTOLD, spell_count, spell_name, spell_share, spell_signed

POINT = 100
# The weeks of a curve that have a column.
TOLD_WEEKS = (1, 2, 4, 8, 12)


def render_text(report: Report, *, service: str) -> str:
    """Return the report as lines for a terminal; names from outside are spelt as plain text."""
    blocks = [[f"{service}: {spell_period(report)}", *list_remarks(report)], *_list_blocks(report)]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def list_remarks(report: Report) -> list[str]:
    """Say what the reader has to know first: that the fleet is empty or young, or days are missing."""
    remarks = []
    if report.began_on is None:
        return ["No day with a live resource was counted yet: there is nothing to report. `headrace count` counts now."]
    if report.began_on > report.until:
        remarks.append(f"The fleet began on {spell_day(report.began_on)}, after these weeks.")
    elif not report.is_over:
        remarks.append(f"The fleet began on {spell_day(report.began_on)}: this is its first week so far.")
    elif not report.is_compared:
        remarks.append(
            f"The fleet began on {spell_day(report.began_on)}, so what happened has no weeks to compare with."
        )
    if report.uncounted:
        days = spell_count(len(report.uncounted), "day")
        remarks.append(f"{days} of these weeks not counted yet: run `headrace count`.")
    return remarks


def spell_period(report: Report) -> str:
    """Return `2 Nov 2026 to 8 Nov 2026, 1 week`."""
    weeks = spell_count(report.weeks, "week") if report.is_over else "so far"
    return f"{spell_day(report.since)} to {spell_day(report.until)}, {weeks}"


def spell_day(day: date) -> str:
    """Return `8 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"


def spell_value(value: float | None, unit: str) -> str:
    """Return `1,918`, `82.7 %`, `3 days`, or a dash."""
    if value is None:
        return UNTOLD
    if unit == "share":
        return spell_share(value)
    return spell_count(int(value), "day") if unit == "days" else f"{int(value):,}"


def spell_change(figure: ReportFigure) -> str:
    """Return `+38`, `+1.4 points`, or why there is none."""
    if figure.change is None:
        return "not compared"
    if figure.unit == "share":
        return f"{figure.change * POINT:+.1f} points".replace("-", "\u2212")
    return spell_signed(int(figure.change)) + (" days" if figure.unit == "days" else "")


def spell_proportion(proportion: Proportion) -> str:
    """Return `31.0 % (25.5 to 36.6) of 263`."""
    if proportion.share is None or proportion.low is None or proportion.high is None:
        return "none old enough"
    bounds = f"{proportion.low * POINT:.1f} to {proportion.high * POINT:.1f}"
    return f"{spell_share(proportion.share)} ({bounds}) of {proportion.of:,}"


def list_told(curve: RetentionCurve) -> list[float | None]:
    """Return the shares of a curve in the weeks that have a column; None where nothing is as old."""
    shares = {point.week: point.kept.share for point in curve.points}
    return [shares.get(week) for week in TOLD_WEEKS]


def _list_blocks(report: Report) -> Iterator[list[str]]:
    if report.began_on is None:
        return
    yield _table(
        ["", "now", "before", "change"],
        [
            [
                REPORT_DEFINITIONS[each.id].name,
                *(spell_value(at, each.unit) for at in (each.value, each.before)),
                spell_change(each),
            ]
            for each in report.figures
        ],
    )
    yield _table(
        ["Resources by stage", "now", "before"],
        [[spell_name(row.stage), f"{row.resources:,}", spell_value(row.before, "")] for row in report.stage_mix],
    )
    yield _list_pipelines("grew", report.grown.most, report.grown.pipelines)
    yield _list_pipelines("shrank", report.shrunk.most, report.shrunk.pipelines)
    yield from _list_lists(report)
    yield from _list_experiments(report)
    yield ["What each figure is", *_list_definitions()]


def _list_pipelines(word: str, changes: Sequence[PipelineChange], count: int) -> list[str]:
    if not changes:
        return [f"No pipeline {word}."]
    rows = [[_name(each.name, each.id), f"{each.before:,}", f"{each.after:,}"] for each in changes]
    return _table([f"Pipelines that {word}, {len(changes)} of {count:,}", "before", "now"], rows)


def _list_lists(report: Report) -> Iterator[list[str]]:
    ways = [
        [_name(each.name, each.id), spell_day(each.produced_at.date()), f"{each.days:,}"]
        for each in report.to_production
    ]
    yield _table(["First in production", "on", "days"], ways) or ["No pipeline got its first production resource."]
    head = ["Production on a small plan", "plan", "pipeline", "owner", "since"]
    small = [_list_small(each) for each in report.production_on_small_plan]
    yield _table(head, small) or ["Nothing stands in production on a small plan."]
    churn = [
        [
            spell_name(row.stage),
            f"{row.churned:,}",
            f"{row.at_start:,}",
            spell_share(row.churn),
            spell_share(row.before),
        ]
        for row in report.churn_by_stage
    ]
    yield _table(["Weekly churn by stage", "churned", "of", "now", "before"], churn)
    head = ["Lost, without review and CI apps", "stage", "plan", "pipeline", "days"]
    yield _table(head, map(_list_lost, report.lost)) or ["Nothing that lasts was lost."]


def _list_small(each: SmallProduction) -> list[str]:
    return [
        _name(each.app_name, each.uuid),
        spell_name(each.plan),
        _name(each.pipeline_name, each.pipeline_id),
        _name(None, " ".join(part for part in (each.owner_type, each.owner_id) if part)),
        spell_day(each.in_production_since.date()),
    ]


def _list_lost(each: LostResource) -> list[str]:
    return [
        _name(each.app_name, each.uuid),
        spell_name(each.stage),
        spell_name(each.plan),
        _name(each.pipeline_name, each.pipeline_id),
        f"{(each.deprovisioned_at - each.provisioned_at).days:,}",
    ]


def _list_experiments(report: Report) -> Iterator[list[str]]:
    found = report.experiments
    rows = [
        [spell_name(each.first_stage), f"{each.began:,}", f"{each.so_far:,}", spell_proportion(each.reached)]
        for each in found.conversions
    ]
    head = ["Pipelines that began at", "began", "in production so far", f"within {found.horizon_weeks} weeks"]
    yield _table(head, rows) or ["No pipeline began within the year, but in production."]
    for name, curves in (("first stage", found.retention_by_first_stage), ("plan", found.retention_by_plan)):
        kept = [
            [spell_name(curve.group), f"{curve.resources:,}", *map(spell_share, list_told(curve))] for curve in curves
        ]
        weeks = [f"{week} wk" for week in TOLD_WEEKS]
        yield _table([f"Retention by {name}", "resources", *weeks], kept) or [f"Retention by {name}: nothing began."]


def _list_definitions() -> Iterator[str]:
    for each in REPORT_DEFINITIONS.values():
        yield f"  {each.name}. {each.text}"


def _name(name: str | None, id_: str | None) -> str:
    return spell_name(name or id_ or "") or UNTOLD


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines of columns, the first to the left; none without a row."""
    lines = [[*row] for row in rows]
    if not lines:
        return []
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (list(head), *lines)
    ]
