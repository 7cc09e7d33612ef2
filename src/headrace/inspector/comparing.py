"""A pipeline's stages beside each other at a moment, what differs, and how it came to that. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headrace.hooks.panel import Figure, format_change, format_number, spell_metric
from headrace.inspector.board import FLOW, PlacedResource
from headrace.models import PASSING, Stage
from headrace.store.reports.pipeline_history import Past, Stretch
from headrace.wording import spell_age, spell_day

MOST_CHANGES = 60
# Figures that are as near as this to each other are the same; from twice on it is said how many times.
# The numbers of resources on one day, by their names.
KeptMetrics = Mapping[str, Mapping[str, float]]
SAME_SHARE, TIMES_FROM = 0.001, 2.0
TIMES = "\u00d7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An app at a stage at a moment; `since` is when it came there, `came` when it first came to each stage.

    `figures` are the partner's: as the panel has them, or as they were kept of that day.
    """

    resource: PlacedResource
    figures: Sequence[Figure]
    stage: str
    since: datetime
    plan: str
    came: Mapping[str, datetime]

    @property
    def app(self) -> str:
        return self.resource.app.name or self.resource.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value of an app: `share` is of the highest in the row, of a hundred; `change` is from the stage before."""

    app: str
    text: str
    share: float | None = None
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the values at each stage, and what is different between staging and production."""

    label: str
    cells: Mapping[str, Sequence[Value]]
    difference: str
    differs: bool

    def list_shown(self, stage: str) -> Sequence[Value]:
        """Return the values at a stage: one, without a name, where all are the same or there is no other."""
        cell = self.cells.get(stage, ())
        is_one = len({value.text for value in cell}) == 1 and (len(cell) == 1 or cell[0].share is None)
        return [replace(cell[0], app="")] if is_one else cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changed in the pipeline's past; `before` and `after` are stages, or plans where `is_plan`."""

    at: datetime
    app: str
    before: str | None
    after: str | None
    is_plan: bool

    @property
    def kind(self) -> str:
        """Return `plan`, `added`, `left` or `moved`."""
        if self.is_plan:
            return "plan"
        return "added" if self.before is None else "left" if self.after is None else "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A pipeline as of a moment. `stages` are those that anybody stands at, in order of flow, with who does."""

    as_of: datetime
    stages: Mapping[str, Sequence[Standing]]
    rows: Sequence[Row]
    lasting: Sequence[tuple[PlacedResource, Past]]
    changes: Sequence[Change]
    has_kept: bool

    @property
    def differing(self) -> int:
        return sum(row.differs for row in self.rows)

    @property
    def can_differ(self) -> bool:
        """Whether there is staging and production to compare."""
        return bool(self.stages.get(Stage.STAGING) and self.stages.get(Stage.PRODUCTION))


def compare(
    pipeline_id: str,
    resources: Sequence[PlacedResource],
    pasts: Mapping[str, Past],
    *,
    as_of: datetime,
    kept: KeptMetrics | None = None,
) -> Comparison:
    """Return a pipeline as it stood, of the resources that have ever stood there.

    `kept` has the numbers of that day by resource and name; where it has none at all, the panels' of today stand.
    """
    kept = kept or {}
    own = [each for each in resources if any(s.pipeline_id == pipeline_id for s in pasts[each.uuid].stretches)]
    standing: dict[str, list[Standing]] = {}
    for each in sorted(own, key=lambda resource: (resource.app.name or "", resource.uuid)):
        figures = _list_kept(kept.get(each.uuid, {})) if kept else _list_figures(each)
        if found := _find_standing(pipeline_id, each, pasts[each.uuid], as_of, figures):
            standing.setdefault(found.stage, []).append(found)
    stages = {stage: standing[stage] for stage in (*FLOW, *sorted(standing.keys() - {*FLOW})) if stage in standing}
    lasting = [(each, pasts[each.uuid]) for each in own if _is_lasting(pipeline_id, pasts[each.uuid])]
    return Comparison(
        as_of=as_of,
        stages=stages,
        rows=_build_rows(stages, as_of),
        lasting=lasting,
        has_kept=bool(kept),
        changes=sorted(_list_changes(pipeline_id, lasting), key=lambda change: change.at, reverse=True)[:MOST_CHANGES],
    )


def find_plan(resource: PlacedResource, past: Past, as_of: datetime) -> str:
    """Return the plan that a resource had."""
    return next((step.old for step in past.plans if step.at > as_of), resource.plan)


def _find_standing(
    pipeline_id: str, resource: PlacedResource, past: Past, as_of: datetime, figures: Sequence[Figure]
) -> Standing | None:
    there = [each for each in past.stretches if each.began_at <= as_of]
    last = there[-1] if there else None
    if last is None or last.pipeline_id != pipeline_id or last.stage is None:
        return None
    if last.ended_at is not None and last.ended_at <= as_of:
        return None
    return Standing(
        resource=resource,
        figures=figures,
        stage=last.stage,
        since=last.began_at,
        plan=find_plan(resource, past, as_of),
        came=find_arrivals(pipeline_id, there),
    )


def find_arrivals(pipeline_id: str, stretches: Iterable[Stretch]) -> dict[str, datetime]:
    """Return when a resource first came to each stage of the pipeline."""
    came: dict[str, datetime] = {}
    for each in stretches:
        if each.pipeline_id == pipeline_id and each.stage is not None:
            came.setdefault(each.stage, each.began_at)
    return came


def _is_lasting(pipeline_id: str, past: Past) -> bool:
    return any(each.pipeline_id == pipeline_id and each.stage not in PASSING for each in past.stretches)


def _list_changes(pipeline_id: str, lasting: Iterable[tuple[PlacedResource, Past]]) -> Iterable[Change]:
    for resource, past in lasting:
        app = resource.app.name or resource.name
        before: str | None = None
        for each in past.stretches:
            stage = each.stage if each.pipeline_id == pipeline_id else None
            if stage != before:
                yield Change(at=each.began_at, app=app, before=before, after=stage, is_plan=False)
            before = stage
        for step in past.plans:
            yield Change(at=step.at, app=app, before=step.old, after=step.new, is_plan=True)


def _build_rows(stages: Mapping[str, Sequence[Standing]], as_of: datetime) -> list[Row]:
    def row(label: str, spell: dict[str, list[Value]], *, compares: bool = True) -> Row:
        before, after = (_list_texts(spell.get(stage, ())) for stage in (Stage.STAGING, Stage.PRODUCTION))
        differs = compares and bool(before) and bool(after) and before != after
        return Row(label=label, cells=spell, difference=f"{before} → {after}" if differs else "", differs=differs)

    rows = [
        row("Plan", {stage: [Value(app=a.app, text=a.plan) for a in apps] for stage, apps in stages.items()}),
        row("Region", {s: [Value(app=a.app, text=a.resource.region) for a in apps] for s, apps in stages.items()}),
        row(
            "Here since",
            {s: [Value(app=a.app, text=spell_day(a.since)) for a in apps] for s, apps in stages.items()},
            compares=False,
        ),
        row(
            "Age",
            {
                s: [Value(app=a.app, text=spell_age(max(timedelta(0), as_of - a.resource.since))) for a in apps]
                for s, apps in stages.items()
            },
            compares=False,
        ),
    ]
    labels = dict.fromkeys(figure.label for apps in stages.values() for a in apps for figure in a.figures)
    return [*rows, *(_build_figures(label, stages) for label in labels)]


def _build_figures(label: str, stages: Mapping[str, Sequence[Standing]]) -> Row:
    """A figure of the partner's at each stage, on one scale, with its change from the stage before."""
    known = {
        stage: [(a.app, figure) for a in apps for figure in a.figures if figure.label == label]
        for stage, apps in stages.items()
    }
    numbers = [abs(f.value) for found in known.values() for _, f in found if not isinstance(f.value, str)]
    highest = max(numbers, default=0)
    cells: dict[str, list[Value]] = {}
    before: Figure | None = None

    def change(stage: str, figure: Figure) -> str:
        return "" if stage in PASSING else spell_change(before, figure)

    for stage, found in known.items():
        cells[stage] = [
            Value(app=app, text=figure.text, share=_find_share(figure, highest), change=change(stage, figure))
            for app, figure in found
        ]
        if stage not in PASSING:
            before = found[0][1] if len(found) == 1 else None
    staging, production = (known.get(stage, []) for stage in (Stage.STAGING, Stage.PRODUCTION))
    difference = spell_change(staging[0][1], production[0][1]) if len(staging) == len(production) == 1 else ""
    return Row(label=label, cells=cells, difference=difference, differs=difference not in ("", "same"))


def spell_change(before: Figure | None, after: Figure) -> str:
    """Return `same`, `+219` or 9.9 times: from one stage to the next; nothing where the two are no numbers."""
    if before is None or isinstance(before.value, str) or isinstance(after.value, str):
        return ""
    change = after.value - before.value
    if abs(change) <= SAME_SHARE * max(abs(before.value), abs(after.value)):
        return "same"
    if before.value > 0 and after.value / before.value >= TIMES_FROM:
        return f"{TIMES}{format_number(round(after.value / before.value, 1))}"
    return format_change(change)


def _list_figures(resource: PlacedResource) -> list[Figure]:
    """Return what a card shows, and the panel's other numbers."""
    if resource.panel is None:
        return []
    shown = {figure.label for figure in resource.panel.figures}
    return [*resource.panel.figures, *(each for each in _list_kept(resource.panel.metrics) if each.label not in shown)]


def _list_kept(metrics: Mapping[str, float]) -> list[Figure]:
    return [Figure(label=spell_metric(name), value=value) for name, value in metrics.items()]


def _find_share(figure: Figure, highest: float) -> float | None:
    if isinstance(figure.value, str) or not highest:
        return None
    return round(100 * abs(figure.value) / highest, 1)


def _list_texts(values: Sequence[Value]) -> str:
    return ", ".join(sorted({value.text for value in values}))
