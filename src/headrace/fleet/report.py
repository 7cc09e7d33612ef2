"""The report that a product manager sends round on Monday: whole weeks that are over, beside those before them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from headrace.errors import MisuseError
from headrace.fleet.counting import load_window
from headrace.fleet.experiments import COHORT_WEEKS, Experiments, build_experiments
from headrace.fleet.insights import DAY, WEEK, FleetWeek, Insights, find_share
from headrace.models import Stage
from headrace.store.reports.figures.counted_days import SETTLED_AFTER
from headrace.store.reports.figures.insights import (
    find_first_day,
    find_latest_day,
    list_counted_days,
    load_figure,
)
from headrace.store.reports.figures.roll_up import DayCount, FleetFigure
from headrace.store.reports.weekly.kept_cohorts import load_cohorts
from headrace.store.reports.weekly.leavers import LostResource, SmallProduction, list_lost, list_small_production
from headrace.store.reports.weekly.pipelines import Both, PipelineChanges, Way, list_ways, load_pipeline_changes

MOST_WEEKS = 52
WRONG_WEEKS = f"A report is of 1 to {MOST_WEEKS} weeks."
# How many rows of a list a report shows; an export has all.
MOST_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigure:
    """A figure with the one before and the change from that to this; None where there is nothing to tell.

    `id` is that of its definition. `unit` is `resources`, `pipelines`, `days`, or `share`, which is 0 to 1.
    `export` names the export that has its list, `page` the operators' page, "" where the report itself does.
    """

    id: str
    unit: str
    value: float | None
    before: float | None
    change: float | None
    export: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """Live resources at a stage at the end, and before; `before` is None of a fleet that was not there."""

    stage: str
    resources: int
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnRow:
    """Of resources that were at a stage when their week began, how many were deprovisioned within it, all weeks added.

    `churn` is None where none was there; `before` is the churn of the weeks before.
    """

    stage: str
    at_start: int
    churned: int
    churn: float | None
    before: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The fleet from `since` to `until`, `weeks` whole weeks, or what there is of the first one.

    `began_on` is the first day with a live resource: None of an empty fleet. `is_compared` says whether it is old
    enough for the same weeks before to be told. `uncounted` are days of it that are over and were not counted since.
    """

    weeks: int
    since: date
    until: date
    is_over: bool
    began_on: date | None
    is_compared: bool
    uncounted: tuple[date, ...]
    figures: tuple[ReportFigure, ...]
    stage_mix: tuple[StageRow, ...]
    week_by_week: tuple[FleetWeek, ...]
    grown: PipelineChanges
    shrunk: PipelineChanges
    to_production: tuple[Way, ...]
    production_on_small_plan: tuple[SmallProduction, ...]
    churn_by_stage: tuple[ChurnRow, ...]
    lost: tuple[LostResource, ...]
    experiments: Experiments


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days that a report is of, and the Monday from which on they are compared with those before."""

    since: date
    until: date
    is_over: bool

    @property
    def before(self) -> date:
        return self.since - (self.until - self.since + DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What a report shows beside its counts; `changes_before` are those of as many weeks before, without a list."""

    changes: Both
    changes_before: Both
    to_production: Sequence[Way]
    production_on_small_plan: Sequence[SmallProduction]
    lost: Sequence[LostResource]


def find_period(*, weeks: int, latest: date, began_on: date | None, today: date) -> Period:
    """Return the whole weeks up to the last Sunday; where the fleet is younger than that, its first week so far."""
    monday = today - timedelta(days=today.weekday())
    if began_on is not None and began_on >= monday:
        return Period(since=monday, until=max(latest, began_on), is_over=False)
    return Period(since=monday - weeks * WEEK, until=monday - DAY, is_over=True)


def load_report(connection: sa.Connection, *, weeks: int, small_plans: Collection[str], now: datetime) -> Report:
    """Return the report of so many weeks.

    Figures are the roll-up's. The lists and cohorts read placements and resources once each; see docs/metrics.md.

    Raises:
        MisuseError: that many weeks have no report.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        raise MisuseError(WRONG_WEEKS)
    began_on, today = find_first_day(connection), now.date()
    latest, _ = find_latest_day(connection) or (today, now)
    period = find_period(weeks=weeks, latest=latest, began_on=began_on, today=today)
    windows = [
        load_window(connection, since=since, until=until, counted_at=None, small_plans=small_plans)
        for since, until in ((period.since, period.until), (period.before, period.since - DAY))
    ]
    return build_report(
        weeks=weeks,
        period=period,
        began_on=began_on,
        uncounted=_find_uncounted(connection, period, began_on=began_on, today=today),
        windows=(windows[0], windows[1]),
        churned=load_figure(connection, FleetFigure.CHURNED, since=period.before, until=period.until),
        by_stage=load_figure(connection, FleetFigure.BY_STAGE, since=period.before - DAY, until=period.until),
        lists=_load_lists(connection, period, small_plans),
        experiments=load_experiments(connection, until=period.until),
    )


def _load_lists(connection: sa.Connection, period: Period, small_plans: Collection[str]) -> Lists:
    earlier, start, end = _begin(period.before), _begin(period.since), _begin(period.until + DAY)
    changes_before, changes = load_pipeline_changes(connection, (earlier, start, end), limit=MOST_LISTED)
    return Lists(
        changes=changes,
        changes_before=changes_before,
        to_production=list_ways(connection, since=start, until=end, limit=MOST_LISTED),
        production_on_small_plan=list_small_production(connection, small_plans, limit=MOST_LISTED),
        lost=list_lost(connection, since=start, until=end, limit=MOST_LISTED),
    )


def load_experiments(connection: sa.Connection, *, until: date) -> Experiments:
    """Return the cohorts of the year up to a day."""
    end = _begin(until + DAY)
    start = end - COHORT_WEEKS * WEEK
    cohorts = load_cohorts(connection, since=start, until=end)
    return build_experiments(cohorts.beginnings, cohorts.stays, since=start.date(), until=until)


def build_report(
    *,
    weeks: int,
    period: Period,
    began_on: date | None,
    uncounted: Sequence[date],
    windows: tuple[Insights, Insights],
    churned: Sequence[DayCount],
    by_stage: Sequence[DayCount],
    lists: Lists,
    experiments: Experiments,
) -> Report:
    """Return the report of what was counted in its weeks and in those before, `windows`, and of its lists.

    A state is compared with the day before the first, a flow with as many weeks: those the fleet has been there for.
    """
    has_eve = _is_there(began_on, period.since - DAY)
    is_compared = _is_there(began_on, period.before)
    grown, shrunk = lists.changes
    return Report(
        weeks=weeks,
        **asdict(period),
        began_on=began_on,
        is_compared=is_compared,
        uncounted=tuple(uncounted),
        figures=(
            *_list_states(windows, has_eve=has_eve),
            *_list_flows(windows, is_compared=is_compared),
            *_list_pipelines(lists.changes, lists.changes_before if is_compared else None),
        ),
        stage_mix=tuple(_build_mix(windows, has_eve=has_eve)),
        week_by_week=windows[0].weeks,
        grown=grown,
        shrunk=shrunk,
        to_production=tuple(lists.to_production),
        production_on_small_plan=tuple(lists.production_on_small_plan),
        churn_by_stage=tuple(_build_churn(period, churned, by_stage, is_compared=is_compared)),
        lost=tuple(lists.lost),
        experiments=experiments,
    )


def _is_there(began_on: date | None, day: date) -> bool:
    return began_on is not None and began_on <= day


def _list_states(windows: tuple[Insights, Insights], *, has_eve: bool) -> Iterator[ReportFigure]:
    """What is so at the end of the last day, and was at the end of the day before the first."""
    now, then = windows
    for id_, unit, find, export, page in (
        ("lasting-resources", "resources", _count_lasting, "resources", "resources?state=provisioned"),
        ("lasting-pipelines", "pipelines", _count_lasting_pipelines, "placements", "pipelines"),
        ("in-pipelines", "share", lambda each: each.coverage.share, "resources", "resources?stage=none"),
        ("production-resources", "resources", _count_production, "resources", "resources?stage=production"),
        ("production-on-small-plan", "resources", _count_small, "production-on-small-plan", ""),
    ):
        before = find(then) if has_eve else None
        yield _tell(id_, unit, find(now), before, export=export, page=page)


def _list_flows(windows: tuple[Insights, Insights], *, is_compared: bool) -> Iterator[ReportFigure]:
    """What happened within the weeks, and within as many before."""
    now, then = windows
    for id_, unit, find, export in (
        ("gained", "resources", lambda each: sum(week.gained.lasting for week in each.weeks), "resources"),
        ("lost", "resources", lambda each: sum(week.lost.lasting for week in each.weeks), "resources"),
        ("growth", "resources", lambda each: sum(week.growth.lasting for week in each.weeks), "resources"),
        ("weekly-churn", "share", _find_churn, "resources"),
        ("first-in-production", "pipelines", lambda each: each.way_to_production.pipelines, "placements"),
        ("way-to-production", "days", lambda each: each.way_to_production.median_days, "placements"),
    ):
        yield _tell(id_, unit, find(now), find(then) if is_compared else None, export=export, page="")


def _list_pipelines(now: Both, then: Both | None) -> Iterator[ReportFigure]:
    for place, id_ in enumerate(("grown-pipelines", "shrunk-pipelines")):
        before = then[place].pipelines if then else None
        yield _tell(id_, "pipelines", now[place].pipelines, before, export="placements", page="")


def _tell(id_: str, unit: str, value: float | None, before: float | None, *, export: str, page: str) -> ReportFigure:
    change = None if value is None or before is None else value - before
    return ReportFigure(id=id_, unit=unit, value=value, before=before, change=change, export=export, page=page)


def _count_lasting(window: Insights) -> int:
    return window.days[-1].resources.lasting if _has_last_day(window) else 0


def _count_lasting_pipelines(window: Insights) -> int:
    return window.days[-1].pipelines.lasting if _has_last_day(window) else 0


def _count_production(window: Insights) -> int:
    return window.days[-1].by_stage.get(Stage.PRODUCTION, 0) if _has_last_day(window) else 0


def _count_small(window: Insights) -> int:
    return window.opportunities.production_on_small_plan


def _find_churn(window: Insights) -> float | None:
    """The weekly churn of what lasts, all weeks added."""
    at_start = sum(week.at_start.lasting for week in window.weeks)
    return find_share(sum(week.churned.lasting for week in window.weeks), at_start)


def _has_last_day(window: Insights) -> bool:
    """Whether the last day had a live resource: a day that had none is no day of a window."""
    return bool(window.days) and window.days[-1].day == window.until


def _build_mix(windows: tuple[Insights, Insights], *, has_eve: bool) -> Iterator[StageRow]:
    now, then = ((each.days[-1].by_stage if _has_last_day(each) else {}) for each in windows)
    for stage in _order({*now, *then}):
        yield StageRow(stage=stage, resources=now.get(stage, 0), before=then.get(stage, 0) if has_eve else None)


def _build_churn(
    period: Period, churned: Iterable[DayCount], by_stage: Iterable[DayCount], *, is_compared: bool
) -> Iterator[ChurnRow]:
    """The weekly churn of each stage, in the period and before it."""
    lost: dict[tuple[bool, str], int] = defaultdict(int)
    for each in churned:
        lost[each.day >= period.since, each.stage] += each.value
    there: dict[tuple[bool, str], int] = defaultdict(int)
    for each in by_stage:
        # A week begins with what there was on the Sunday before it.
        if each.day.weekday() == 6 and each.day < period.until:
            there[each.day + DAY >= period.since, each.stage] += each.value
    for stage in _order({stage for is_now, stage in (*lost, *there) if is_now}):
        mine, earlier = (True, stage), (False, stage)
        yield ChurnRow(
            stage=stage,
            at_start=there[mine],
            churned=lost[mine],
            churn=find_share(lost[mine], there[mine]),
            before=find_share(lost[earlier], there[earlier]) if is_compared else None,
        )


def _order(stages: Collection[str]) -> list[str]:
    """Stages in the order of flow, from production back; words that Heroku added and no stage come last."""
    flow = [*reversed(Stage)]
    return [*(stage for stage in flow if stage in stages), *sorted({*stages} - {*flow})]


def _find_uncounted(
    connection: sa.Connection, period: Period, *, began_on: date | None, today: date
) -> tuple[date, ...]:
    """Return the days of the period that are over and were not counted since, as while no worker ran."""
    counted = list_counted_days(connection, since=period.since, until=period.until)
    first = max(period.since, began_on or today)
    last = min(period.until, today - DAY)
    days = (first + number * DAY for number in range((last - first).days + 1))
    return tuple(day for day in days if not _is_settled(counted, day))


def _is_settled(counted: Mapping[date, datetime], day: date) -> bool:
    return day in counted and counted[day] >= _begin(day + DAY) + SETTLED_AFTER


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
