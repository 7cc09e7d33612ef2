"""The operators' overview: what the fleet tells, and what each figure is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request

from headrace.clock import Clock
from headrace.fleet.definitions import DEFINITIONS, RULES, Definition, Rule
from headrace.fleet.insights import Insights
from headrace.fleet.overview import Overview, has_reached_production, load_overview
from headrace.fleet.report_definitions import OWN_DEFINITIONS
from headrace.models import Stage
from headrace.protocol.wire import read_number
from headrace.store.reports.figures.counted_days import LONGEST
from headrace.store.sql.database import Database
from headrace.store.state.notices import MEANINGS
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.drawing.charts import BandChart, LineChart
from headrace.web.operators.drawing.hours import Tracks, count_failed_answers, draw_day
from headrace.web.operators.drawing.overview_charts import (
    CrossTable,
    cross,
    describe_stage_mix,
    draw_churn,
    draw_per_pipeline,
    draw_stage_mix,
)
from headrace.web.operators.drawing.own_metrics import OwnTable, draw_own_metrics
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import Problem, View

DEFAULT_DAYS = 30
MOST_DAYS = LONGEST // timedelta(days=1)
WRONG_DAYS = f"days is a number from 1 to {MOST_DAYS}."
# How many days the overview may be asked for by a click.
WINDOWS = (7, 30, 90)
# How many of the moves and of the largest pipelines are shown.
MOST_ROWS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMeaning:
    """What a kind of notice says happened, and what there is to do."""

    kind: str
    means: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What each figure is, and those that the report alone has; the rules for all of them, and what notices mean."""

    rules: tuple[Rule, ...]
    figures: tuple[Definition, ...]
    report: tuple[Definition, ...]
    notices: tuple[NoticeMeaning, ...]


OVERVIEW = View(
    path=HOME,
    id="show_overview",
    summary="Show what the fleet tells.",
    json_summary="Return the same for programs; /operators/definitions.json has what each figure is.",
    tells="The figures, up to the latest day that was counted.",
    shape=Overview,
    query={"days": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS}},
    problem="There is no such number of days.",
)
DEFINED = View(
    path=f"{HOME}/definitions",
    id="show_definitions",
    summary="Show what each figure is, and what each notice means.",
    tells="The definitions.",
    shape=Definitions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewContext(OperatorContext):
    """What operators see first, of so many `days`; a chart is None where there is nothing to draw."""

    template: ClassVar[str] = "operator_overview.html"
    here: ClassVar[str] = OVERVIEW.path

    overview: Overview
    figures: Insights
    production: int
    reached: int
    stage_mix: BandChart | None
    stage_mix_in_words: str
    churn: LineChart | None
    per_pipeline: LineChart | None
    by_plan: CrossTable
    by_region: CrossTable
    small_plans: Sequence[str]
    slug: str
    days: int
    tracks: Tracks
    failed_answers: int
    own_metrics: OwnTable | None
    windows: Sequence[int] = WINDOWS
    most_rows: int = MOST_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionsContext(OperatorContext):
    """What each figure is, and what each notice means."""

    template: ClassVar[str] = "operator_definitions.html"

    defined: Definitions


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOverview:
    """The routes of the overview and of the definitions."""

    guard: Guard
    database: Database
    slug: str
    small_plans: Collection[str]
    recheck_every: timedelta
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        return [
            *self.guard.view(OVERVIEW, self.load, self.show),
            *self.guard.view(DEFINED, self.define, self.show_definitions),
        ]

    async def load(self, request: Request) -> Overview | Problem:
        days = _read_days(request)
        if not 1 <= days <= MOST_DAYS:
            return Problem(title="There is no such window", text=WRONG_DAYS, status=400)
        return await self.database.read(
            load_overview,
            days=days,
            small_plans=self.small_plans,
            now=self.clock(),
            recheck_every=self.recheck_every,
        )

    async def show(self, request: Request, overview: Overview) -> OperatorContext:
        figures = overview.figures
        return OverviewContext(
            overview=overview,
            figures=figures,
            production=figures.days[-1].by_stage.get(Stage.PRODUCTION, 0) if figures.days else 0,
            reached=sum(move.count for move in figures.moves if has_reached_production(move)),
            stage_mix=draw_stage_mix(figures) if figures.days else None,
            stage_mix_in_words=describe_stage_mix(figures) if figures.days else "",
            churn=draw_churn(figures),
            per_pipeline=draw_per_pipeline(figures) if figures.days else None,
            by_plan=cross(figures.by_stage_and_plan, marked=self.small_plans),
            by_region=cross(figures.by_stage_and_region),
            small_plans=sorted(self.small_plans),
            slug=self.slug,
            tracks=draw_day(overview.health.day),
            own_metrics=draw_own_metrics(overview.own_metrics),
            failed_answers=count_failed_answers(overview.health.day.answers),
            days=_read_days(request),
        )

    async def define(self, _request: Request) -> Definitions:
        notices = (NoticeMeaning(kind=kind, **meaning._asdict()) for kind, meaning in MEANINGS.items())
        return Definitions(
            rules=RULES,
            figures=tuple(DEFINITIONS.values()),
            report=tuple(OWN_DEFINITIONS.values()),
            notices=tuple(notices),
        )

    async def show_definitions(self, _request: Request, defined: Definitions) -> OperatorContext:
        return DefinitionsContext(defined=defined)


def _read_days(request: Request) -> int:
    """Return the days that are asked for; 0, of which there is no window, for what is no number of four digits."""
    return read_number(request.query_params.get("days", str(DEFAULT_DAYS)), most_digits=4) or 0
