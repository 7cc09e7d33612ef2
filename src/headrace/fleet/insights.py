"""What the fleet tells: the counts of its days in, figures out. `definitions` has what each figure is."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from headrace.models import NO_PIPELINE, NOT_TOLD, PASSING, PLACELESS, Stage
from headrace.store.reports.figures.roll_up import ALL, LASTING, SEVERAL_STAGES, DayCount, FleetFigure

T = TypeVar("T")

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
# The largest pipelines are few; the classes below them get wider.
SIZES = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A count of everything beside the count of what lasts: without review apps and test runs."""

    all: int = 0
    lasting: int = 0

    def __sub__(self, other: "Split") -> "Split":
        return Split(all=self.all - other.all, lasting=self.lasting - other.lasting)

    def __truediv__(self, other: "Split") -> "Ratio":
        return Ratio(all=find_share(self.all, other.all), lasting=find_share(self.lasting, other.lasting))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio of everything beside that of what lasts; None of nothing."""

    all: float | None
    lasting: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the fleet Heroku tells the place of, on the latest day; `share`, 0 to 1, is in a pipeline."""

    resources: int
    in_pipeline: int
    uncoupled: int
    unknown: int
    share: float | None
    pipelines: int
    pipelines_at_several_stages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDay:
    """The fleet at the end of a day: resources by stage, and in how many pipelines those that are in one are."""

    day: date
    by_stage: Mapping[str, int]
    resources: Split
    placed: Split
    pipelines: Split
    per_pipeline: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """By how much the fleet changed since a day, by the means of the weeks at both ends where there are two.

    `share` is what the share of resources in a pipeline was at that end.
    """

    since: date
    is_of_means: bool
    resources: int
    pipelines: int
    production: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWeek:
    """What came and went in a week that begins on a Monday; `churned` is of those that were there at its start."""

    begins_on: date
    is_over: bool
    at_start: Split
    gained: Split
    lost: Split
    growth: Split
    churned: Split
    churn: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How many resources went from one stage to another; `none` is no pipeline, the same twice another pipeline."""

    from_stage: str
    to_stage: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WayToProduction:
    """Whole days from a pipeline's first resource to its first production resource, of those that got there."""

    pipelines: int
    median_days: int | None
    p90_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeClass:
    """How many pipelines have from `smallest` to `largest` resources; None is no bound."""

    smallest: int
    largest: int | None
    pipelines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LargePipeline:
    """One of the pipelines with most resources; `name` is None when Heroku would not tell it."""

    id: str
    name: str | None
    resources: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunities:
    """Resources in production on a plan that is small for it, and pipelines that have only one end of the flow."""

    production_on_small_plan: int
    staging_without_production: int
    production_without_staging: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """What the fleet tells from `since` to `until`, some of it of `until` alone; `counted_at` None: not counted yet."""

    since: date
    until: date
    counted_at: datetime | None
    coverage: Coverage
    changes: Changes | None
    days: tuple[FleetDay, ...]
    weeks: tuple[FleetWeek, ...]
    by_stage_and_plan: Mapping[str, Mapping[str, int]]
    by_stage_and_region: Mapping[str, Mapping[str, int]]
    moves: tuple[Move, ...]
    way_to_production: WayToProduction
    pipelines_by_size: tuple[SizeClass, ...]
    largest_pipelines: tuple[LargePipeline, ...]
    opportunities: Opportunities


def find_eve(since: date) -> date:
    """Return the Sunday before a day's week: with it, the churn of that week is known."""
    return since - timedelta(days=since.weekday()) - DAY


def build_insights(
    counts: Iterable[DayCount],
    *,
    since: date,
    until: date,
    counted_at: datetime | None,
    small_plans: Collection[str],
    names: Mapping[str, str | None],
) -> Insights:
    """Return the figures from one day to another, both in it; the counts have to begin on the eve of that week.

    `names` has the name of each of the largest pipelines, by id.
    """
    by_figure: dict[FleetFigure, list[DayCount]] = defaultdict(list)
    for each in counts:
        by_figure[each.figure].append(each)
    fleet_days = {each.day: each for each in _build_days(by_figure)}
    latest = fleet_days.get(until, _build_day(until, {}, {}))
    days = tuple(day for day in fleet_days.values() if day.day >= since)
    plans = _cross(by_figure[FleetFigure.BY_PLAN])
    return Insights(
        since=since,
        until=until,
        counted_at=counted_at,
        coverage=_build_coverage(latest, by_figure[FleetFigure.PIPELINES]),
        changes=find_changes(days if latest.day in fleet_days else (*days, latest)),
        days=days,
        weeks=tuple(_build_weeks(by_figure, fleet_days, since=since, until=until)),
        by_stage_and_plan=plans,
        by_stage_and_region=_cross(by_figure[FleetFigure.BY_REGION]),
        moves=tuple(_build_moves(by_figure[FleetFigure.MOVES])),
        way_to_production=_build_way(by_figure[FleetFigure.TO_PRODUCTION]),
        pipelines_by_size=tuple(_build_sizes(by_figure[FleetFigure.PIPELINES_BY_SIZE])),
        largest_pipelines=tuple(_build_largest(by_figure[FleetFigure.LARGEST_PIPELINES], names)),
        opportunities=_build_opportunities(plans, by_figure[FleetFigure.PIPELINES_BY_SHAPE], small_plans=small_plans),
    )


def find_share(part: int, whole: int) -> float | None:
    """The part of a whole; None of nothing."""
    return part / whole if whole else None


def find_changes(days: Sequence[FleetDay]) -> Changes | None:
    """Return the changes from the first of these days to the last; None where there is one at the most.

    Review apps dip each weekend: from two weeks on, the first seven days are compared with the last seven.
    """
    if len(days) < 2:
        return None
    span = 7 if len(days) >= 14 else 1
    before, after = days[:span], days[-span:]
    return Changes(
        since=days[0].day,
        is_of_means=span > 1,
        resources=_find_change(before, after, lambda day: day.resources.all),
        pipelines=_find_change(before, after, lambda day: day.pipelines.all),
        production=_find_change(before, after, lambda day: day.by_stage.get(Stage.PRODUCTION, 0)),
        share=find_share(sum(day.placed.all for day in before), sum(day.resources.all for day in before)),
    )


def _find_change(before: Sequence[FleetDay], after: Sequence[FleetDay], count: Callable[[FleetDay], int]) -> int:
    return round((sum(map(count, after)) - sum(map(count, before))) / len(before))


def _build_days(by_figure: Mapping[FleetFigure, list[DayCount]]) -> Iterator[FleetDay]:
    stages: dict[date, dict[str, int]] = defaultdict(dict)
    kinds: dict[date, dict[str, int]] = defaultdict(dict)
    for each in by_figure[FleetFigure.BY_STAGE]:
        stages[each.day][each.stage] = each.value
    for each in by_figure[FleetFigure.PIPELINES]:
        kinds[each.day][each.label] = each.value
    for day in sorted(stages):
        yield _build_day(day, stages[day], kinds[day])


def _build_day(day: date, stages: Mapping[str, int], kinds: Mapping[str, int]) -> FleetDay:
    placed = _split((stage, count) for stage, count in stages.items() if stage not in PLACELESS)
    pipelines = Split(all=kinds.get(ALL, 0), lasting=kinds.get(LASTING, 0))
    return FleetDay(
        day=day,
        by_stage=stages,
        resources=_split(stages.items()),
        placed=placed,
        pipelines=pipelines,
        per_pipeline=placed / pipelines,
    )


def _build_coverage(latest: FleetDay, pipelines: Iterable[DayCount]) -> Coverage:
    kinds = {each.label: each.value for each in pipelines if each.day == latest.day}
    return Coverage(
        resources=latest.resources.all,
        in_pipeline=latest.placed.all,
        uncoupled=latest.by_stage.get(NO_PIPELINE, 0),
        unknown=latest.by_stage.get(NOT_TOLD, 0),
        share=find_share(latest.placed.all, latest.resources.all),
        pipelines=latest.pipelines.all,
        pipelines_at_several_stages=kinds.get(SEVERAL_STAGES, 0),
    )


def _build_weeks(
    by_figure: Mapping[FleetFigure, list[DayCount]], fleet_days: Mapping[date, FleetDay], *, since: date, until: date
) -> Iterator[FleetWeek]:
    """The weeks that have a day since `since` in them."""
    monday = since - timedelta(days=since.weekday())
    while monday <= until:
        eve = fleet_days.get(monday - DAY)
        at_start = eve.resources if eve else Split()
        gained, lost, churned = (
            _sum_week(by_figure[figure], monday)
            for figure in (FleetFigure.GAINED, FleetFigure.LOST, FleetFigure.CHURNED)
        )
        yield FleetWeek(
            begins_on=monday,
            is_over=monday + WEEK <= until,
            at_start=at_start,
            gained=gained,
            lost=lost,
            growth=gained - lost,
            churned=churned,
            churn=churned / at_start,
        )
        monday += WEEK


def _sum_week(counts: Iterable[DayCount], monday: date) -> Split:
    return _split((each.stage, each.value) for each in counts if monday <= each.day < monday + WEEK)


def _split(counts: Iterable[tuple[str, int]]) -> Split:
    every = list(counts)
    lasting = sum(count for stage, count in every if stage not in PASSING)
    return Split(all=sum(count for _, count in every), lasting=lasting)


def _cross(counts: Iterable[DayCount]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = defaultdict(dict)
    for each in counts:
        table[each.stage][each.label] = each.value
    return dict(table)


def _build_moves(counts: Iterable[DayCount]) -> Iterator[Move]:
    """The most frequent first."""
    for each in sorted(counts, key=lambda each: (-each.value, each.stage, each.label)):
        yield Move(from_stage=each.stage, to_stage=each.label, count=each.value)


def _build_way(counts: Iterable[DayCount]) -> WayToProduction:
    durations = sorted(int(each.label) for each in counts for _ in range(each.value))
    return WayToProduction(
        pipelines=len(durations),
        median_days=find_percentile(durations, 50),
        p90_days=find_percentile(durations, 90),
    )


def find_percentile(ordered: Sequence[T], percent: int) -> T | None:
    """The smallest value that at least so many percent of all do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def _build_sizes(counts: Iterable[DayCount]) -> Iterator[SizeClass]:
    by_size = {int(each.label): each.value for each in counts}
    for smallest, largest in SIZES:
        fitting = (
            count for size, count in by_size.items() if smallest <= size and (largest is None or size <= largest)
        )
        yield SizeClass(smallest=smallest, largest=largest, pipelines=sum(fitting))


def _build_largest(counts: Iterable[DayCount], names: Mapping[str, str | None]) -> list[LargePipeline]:
    both: dict[str, dict[str, int]] = defaultdict(dict)
    for each in counts:
        both[each.label][each.stage] = each.value
    found = [
        LargePipeline(
            id=pipeline_id, name=names.get(pipeline_id), resources=Split(all=kinds[ALL], lasting=kinds[LASTING])
        )
        for pipeline_id, kinds in both.items()
    ]
    return sorted(found, key=lambda each: (-each.resources.all, each.id))


def _build_opportunities(
    plans: Mapping[str, Mapping[str, int]], shapes: Iterable[DayCount], *, small_plans: Collection[str]
) -> Opportunities:
    ends = [(Stage.STAGING in stages, Stage.PRODUCTION in stages, count) for stages, count in _read_shapes(shapes)]
    in_production = plans.get(Stage.PRODUCTION, {})
    return Opportunities(
        production_on_small_plan=sum(count for plan, count in in_production.items() if plan in small_plans),
        staging_without_production=sum(count for staging, production, count in ends if staging and not production),
        production_without_staging=sum(count for staging, production, count in ends if production and not staging),
    )


def _read_shapes(shapes: Iterable[DayCount]) -> Iterator[tuple[list[str], int]]:
    for each in shapes:
        yield each.label.split(","), each.value
