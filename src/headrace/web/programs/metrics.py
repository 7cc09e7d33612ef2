"""What `/metrics` tells: what the store holds, counted at each scrape, and what this process did, as it happens."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import inf
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from headrace.clock import Clock
from headrace.fleet.counting import load_insights
from headrace.fleet.insights import Insights
from headrace.models import PLACELESS
from headrace.protocol import wire
from headrace.store.reports.figures.insights import count_moves
from headrace.store.reports.figures.metrics import CheckCounts, FleetCounts, load_check_counts, load_fleet_counts
from headrace.store.reports.vitals import Vitals, find_troubles, load_vitals
from headrace.store.sql.database import Database
from headrace.web.programs.placed import render_placed

T = TypeVar("T")

# A store that takes longer than this to count is not counted at each scrape, but a twentieth of the time at the most.
QUICK_SECONDS = 0.05
REST = 19.0
# Whoever scrapes gives up after ten seconds, as Prometheus has it of itself, and would hear nothing at all.
ANSWERS_WITHIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What one scrape reads from the store."""

    counts: FleetCounts
    insights: Insights
    moves: Mapping[tuple[str, str], int]


class Metrics:
    """Counts this process's requests to Heroku and what it delivers, and renders everything for Prometheus."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        small_plans: Collection[str],
        placed_series: int = 0,
        recheck_every: timedelta = timedelta(minutes=5),
        is_working: Callable[[], bool | None] = lambda: None,
        stopwatch: Callable[[], float] = monotonic,
        answers_within: float = ANSWERS_WITHIN_SECONDS,
    ) -> None:
        """`is_working` says whether the worker of this process works, or None in a process without one.

        `placed_series` is of how many resources it is told where each of them is.
        `answers_within` is for how many seconds a database that hangs is waited for.
        """
        self._database = database
        self._stopwatch = stopwatch
        self._answers_within = answers_within
        self._is_working = is_working
        self._clock = clock
        self._small_plans = small_plans
        self._placed_series = placed_series
        self._recheck_every = recheck_every
        self._stored = Rested(self._read_stored, stopwatch)
        self._checks = Rested(self._read_checks, stopwatch)
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "headrace_platform_requests_total",
            "Requests to Heroku, by endpoint and status; status none means that no answer came.",
            ["method", "endpoint", "status"],
            registry=self._registry,
        )
        self._seconds = Counter(
            "headrace_platform_request_seconds_total",
            "Seconds spent waiting for Heroku's answers.",
            ["method", "endpoint"],
            registry=self._registry,
        )
        # By method, endpoint and status, how many requests there were since the last rendering, and their seconds.
        self._counted: dict[tuple[str, str, int | None], tuple[int, float]] = {}
        self._counting = Lock()
        self._deliveries = Counter(
            "headrace_webhook_deliveries_total",
            "Webhook deliveries, by what became of them.",
            ["outcome"],
            registry=self._registry,
        )

    def observe(self, request: wire.Request, response: wire.Response | None, seconds: float) -> None:
        """Count one request to Heroku: the client's observer."""
        kind = (request.method, request.endpoint, response.status if response is not None else None)
        # A counter of the registry's takes many times as long, and is asked for once in a while.
        with self._counting:
            count, in_seconds = self._counted.get(kind, (0, 0.0))
            self._counted[kind] = (count + 1, in_seconds + seconds)

    def count_delivery(self, outcome: str) -> None:
        self._deliveries.labels(outcome).inc()

    async def render(self) -> bytes:
        """Return everything; of a database that hangs, what this process knows by itself."""
        registry = CollectorRegistry()
        now = self._clock()
        placed = b""
        try:
            async with asyncio.timeout(self._answers_within):
                vitals = await self._database.read(load_vitals, now=now)
        except TimeoutError:
            pass
        else:
            stored, checks = await self._stored.load(), await self._checks.load()
            registry.register(_Collector(stored, checks, vitals, now=now, recheck_every=self._recheck_every))
            if self._placed_series:
                placed = await self._database.read(render_placed, limit=self._placed_series)
        self._tell_of_requests()
        self._tell_of_process(registry)
        registry.register(_Counted(self._registry))
        return generate_latest(registry) + placed

    def _tell_of_requests(self) -> None:
        with self._counting:
            counted, self._counted = self._counted, {}
        for (method, endpoint, status), (count, seconds) in counted.items():
            self._requests.labels(method, endpoint, str(status or "none")).inc(count)
            self._seconds.labels(method, endpoint).inc(seconds)

    def _tell_of_process(self, registry: CollectorRegistry) -> None:
        what = "For how long the read or write of this process that waits longest has waited for the database."
        Gauge("headrace_database_wait_seconds", what, registry=registry).set(self._database.measure_wait())
        is_working = self._is_working()
        if is_working is not None:
            what = "Whether the worker of this process works: 1, or 0 when /ready says what keeps it."
            Gauge("headrace_worker_works", what, registry=registry).set(is_working)

    async def _read_stored(self) -> Stored:
        return await self._database.read(_load, small_plans=self._small_plans, now=self._clock())

    async def _read_checks(self) -> CheckCounts:
        return await self._database.read(load_check_counts)


class Rested(Generic[T]):
    """What is read anew each time it is asked for, or a twentieth of the time at the most where that takes long."""

    def __init__(self, read: Callable[[], Awaitable[T]], stopwatch: Callable[[], float]) -> None:
        self._read = read
        self._stopwatch = stopwatch
        self._found: T | None = None
        self._good_until = 0.0

    async def load(self) -> T:
        began = self._stopwatch()
        if self._found is None or began >= self._good_until:
            self._found = await self._read()
            ended = self._stopwatch()
            took = ended - began
            self._good_until = ended + (REST * took if took > QUICK_SECONDS else 0.0)
        return self._found


class _Counted:
    """A collector of what this process counted, without a series of when it began to count each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Collector:
    """A collector of what was read from the store."""

    def __init__(
        self, stored: Stored, checks: CheckCounts, vitals: Vitals, *, now: datetime, recheck_every: timedelta
    ) -> None:
        self._recheck_every = recheck_every
        self._stored = stored
        self._checks = checks
        self._vitals = vitals
        self._now = now

    def collect(self) -> Iterator[Metric]:
        counts = self._stored.counts
        yield from self._collect_resources()
        yield from self._collect_days()
        yield from self._collect_inspections()
        yield from self._collect_vitals()
        yield _gauge_by(
            "kind", self._count_notices(), "headrace_open_notices", "Notices that wait for an operator, by kind."
        )
        yield GaugeMetricFamily(
            "headrace_running_workflows",
            "Resources with a workflow that runs or waits to.",
            value=counts.running_workflows,
        )
        histogram = HistogramMetricFamily(
            "headrace_provisioning_seconds", "Seconds from the provision request to the provisioned mark."
        )
        took = counts.provisioned.provision_times
        buckets = [(str(bound), float(count)) for bound, count in took.buckets.items()]
        histogram.add_metric([], [*buckets, ("+Inf", float(took.count))], took.sum_seconds)
        yield histogram

    def _count_notices(self) -> Mapping[str, int]:
        """What failed of resources, and what is wrong with the service as a whole."""
        troubles = find_troubles(self._vitals, recheck_every=self._recheck_every)
        return {**self._stored.counts.open_notices, **_total((str(each.kind), 1) for each in troubles)}

    def _collect_resources(self) -> Iterator[Metric]:
        """What is there now."""
        counts = self._stored.counts
        by_stage = _total((stage, count) for (stage, _), count in counts.provisioned.by_stage_and_plan.items())
        by_plan = _total((plan, count) for (_, plan), count in counts.provisioned.by_stage_and_plan.items())
        yield _gauge_by("state", counts.by_state, "headrace_resources_by_state", "Resources, by state.")
        yield _gauge_by(
            "stage",
            by_stage,
            "headrace_resources_by_stage",
            "Provisioned resources, by the stage of their app; none: in no pipeline, unknown: Heroku did not tell.",
        )
        yield _gauge_by("plan", by_plan, "headrace_resources_by_plan", "Provisioned resources, by plan.")
        resources = GaugeMetricFamily(
            "headrace_resources", "Provisioned resources, by stage and plan.", labels=["stage", "plan"]
        )
        for labels, count in sorted(counts.provisioned.by_stage_and_plan.items()):
            resources.add_metric(labels, count)
        yield resources
        yield GaugeMetricFamily(
            "headrace_pipelined_resources_ratio",
            "Share of provisioned resources whose app is in a pipeline, 0 to 1.",
            value=find_share(by_stage),
        )
        yield GaugeMetricFamily(
            "headrace_pipelines",
            "Pipelines with at least one provisioned resource.",
            value=counts.provisioned.pipelines,
        )

    def _collect_days(self) -> Iterator[Metric]:
        """What is counted day by day."""
        insights = self._stored.insights
        yield _gauge_by(
            "kind",
            asdict(insights.opportunities),
            "headrace_opportunities",
            "Opportunities, by kind, as they were counted last.",
        )
        moves = CounterMetricFamily(
            "headrace_moves_total", "Changes of place, by stage before and after.", labels=["from_stage", "to_stage"]
        )
        for labels, count in sorted(self._stored.moves.items()):
            moves.add_metric(labels, count)
        yield moves
        yield GaugeMetricFamily(
            "headrace_figures_age_seconds",
            "Age of the figures that are counted day by day, opportunities and moves among them.",
            value=self._find_age(insights.counted_at),
        )

    def _collect_inspections(self) -> Iterator[Metric]:
        checks = self._checks
        yield GaugeMetricFamily(
            "headrace_oldest_placement_check_age_seconds",
            "Age of the placement that was looked up longest ago.",
            value=self._find_age(checks.oldest),
        )
        yield GaugeMetricFamily(
            "headrace_sync_lag_seconds",
            "How long the look at a placement that waits longest has been due; 0 when none is due.",
            value=self._find_age(self._stored.counts.due_since),
        )
        yield GaugeMetricFamily(
            "headrace_unchecked_resources",
            "Resources whose placement was never looked up successfully.",
            value=checks.unchecked,
        )
        yield _gauge_by(
            "outcome",
            checks.by_outcome,
            "headrace_placement_checks",
            "Resources by what the last look at their placement found out; failed: Heroku did not answer.",
        )

    def _collect_vitals(self) -> Iterator[Metric]:
        """Whether anybody works; asked for at each scrape, however long the counting of the store takes."""
        vitals = self._vitals
        yield GaugeMetricFamily("headrace_workers", "Workers that are alive.", value=len(vitals.workers))
        stuck = [each for each in vitals.workers if each.problem is not None]
        yield GaugeMetricFamily("headrace_stuck_workers", "Workers that are alive and do not work.", value=len(stuck))
        yield GaugeMetricFamily(
            "headrace_oldest_waiting_provision_age_seconds",
            "Age of the provision that waits longest; 0 when none does.",
            value=self._find_age(vitals.waiting_since),
        )
        silent_for = vitals.silent_for.total_seconds() if vitals.silent_for is not None else inf
        yield GaugeMetricFamily(
            "headrace_last_write_age_seconds",
            "How long ago any process was last seen to have a write committed; +Inf when none ever was.",
            value=silent_for,
        )
        yield _gauge_by(
            "than",
            vitals.find_widest_skews(),
            "headrace_clock_ahead_seconds",
            "By how much the clock that differs most is ahead of the database's or of Heroku's; below 0 it is behind.",
        )

    def _find_age(self, moment: datetime | None) -> float:
        return max((self._now - moment).total_seconds(), 0.0) if moment else 0.0


def _load(connection: sa.Connection, *, small_plans: Collection[str], now: datetime) -> Stored:
    return Stored(
        counts=load_fleet_counts(connection, now=now),
        insights=load_insights(connection, days=1, small_plans=small_plans, now=now),
        moves=count_moves(connection),
    )


def find_share(by_stage: dict[str, int]) -> float:
    """The share of resources in a pipeline; 0 when there are none."""
    total = sum(by_stage.values())
    placed = sum(count for stage, count in by_stage.items() if stage not in PLACELESS)
    return placed / total if total else 0.0


def _total(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for key, count in counts:
        totals[key] = totals.get(key, 0) + count
    return totals


def _gauge_by(label: str, counts: Mapping[str, float], name: str, documentation: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, documentation, labels=[label])
    for key, count in sorted(counts.items()):
        gauge.add_metric([key], count)
    return gauge
