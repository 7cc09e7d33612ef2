"""`/metrics`: what the store holds, counted at each scrape, and what this process did, counted as it happens."""

import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from time import monotonic

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from headrace.client import Clock
from headrace.inspector.insights import Insights
from headrace.inspector.roll_up import load_insights
from headrace.models import Secret
from headrace.protocol import wire
from headrace.store.database import Database
from headrace.store.figures import Figures, load_figures
from headrace.store.insights import count_moves
from headrace.web.openapi import TEXT, DescribedRoute, Operation, Reply, Scheme

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds from the request to the mark: a hook that makes something small, to one that builds a cluster.
BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 43200.0)
PLACELESS = ("none", "unknown")
# A store that takes longer than this to count is not counted at each scrape, but a twentieth of the time at the most.
QUICK_SECONDS = 0.05
REST = 19.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What one scrape reads from the store."""

    figures: Figures
    insights: Insights
    moves: Mapping[tuple[str, str], int]


SCRAPE = Operation(
    id="scrape",
    summary="Return the service's metrics in Prometheus' text format.",
    scheme=Scheme.SCRAPER,
    replies={200: Reply("The metrics.", {TEXT: str}), 401: Reply("The token is missing or wrong.", {TEXT: str})},
)


class Metrics:
    """Counts this process's requests to Heroku and what it delivers, and renders everything for Prometheus."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        small_plans: Collection[str],
        stopwatch: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._stopwatch = stopwatch
        self._clock = clock
        self._small_plans = small_plans
        self._stored: Stored | None = None
        self._good_until = 0.0
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
        self._counted: dict[tuple[str, str, int | None], tuple[Counter, Counter]] = {}
        self._deliveries = Counter(
            "headrace_webhook_deliveries_total",
            "Webhook deliveries, by what became of them.",
            ["outcome"],
            registry=self._registry,
        )

    def observe(self, request: wire.Request, status: int | None, seconds: float) -> None:
        """Count one request to Heroku: the client's observer."""
        kind = (request.method, request.endpoint, status)
        if kind not in self._counted:
            # Found once: to find them takes longer than to count.
            requests = self._requests.labels(request.method, request.endpoint, str(status or "none"))
            self._counted[kind] = (requests, self._seconds.labels(request.method, request.endpoint))
        requests, in_seconds = self._counted[kind]
        requests.inc()
        in_seconds.inc(seconds)

    def count_delivery(self, outcome: str) -> None:
        self._deliveries.labels(outcome).inc()

    async def render(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Collector(await self._load(), now=self._clock()))
        return generate_latest(registry) + generate_latest(self._registry)

    async def _load(self) -> Stored:
        began = self._stopwatch()
        if self._stored is None or began >= self._good_until:
            self._stored = await self._database.read(_load, small_plans=self._small_plans, now=self._clock())
            ended = self._stopwatch()
            took = ended - began
            self._good_until = ended + (REST * took if took > QUICK_SECONDS else 0.0)
        return self._stored


class _Collector:
    """A collector of what was read from the store."""

    def __init__(self, stored: Stored, *, now: datetime) -> None:
        self._stored = stored
        self._now = now

    def collect(self) -> Iterator[Metric]:
        figures = self._stored.figures
        yield from self._collect_fleet()
        yield from self._collect_looks()
        yield _gauge_by(
            "kind", figures.open_notices, "headrace_open_notices", "Notices that wait for an operator, by kind."
        )
        yield GaugeMetricFamily(
            "headrace_running_workflows",
            "Resources with a workflow that runs or waits to.",
            value=figures.running_workflows,
        )
        histogram = HistogramMetricFamily(
            "headrace_provisioning_seconds", "Seconds from the provision request to the provisioned mark."
        )
        buckets = [(str(bound), float(count)) for bound, count in figures.provisioning_buckets.items()]
        histogram.add_metric([], [*buckets, ("+Inf", float(figures.provisioning_count))], figures.provisioning_sum)
        yield histogram

    def _collect_fleet(self) -> Iterator[Metric]:
        figures, insights = self._stored.figures, self._stored.insights
        by_stage = _total((stage, count) for (stage, _), count in figures.by_stage_and_plan.items())
        by_plan = _total((plan, count) for (_, plan), count in figures.by_stage_and_plan.items())
        yield _gauge_by("state", figures.by_state, "headrace_resources_by_state", "Resources, by state.")
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
        for labels, count in sorted(figures.by_stage_and_plan.items()):
            resources.add_metric(labels, count)
        yield resources
        yield GaugeMetricFamily(
            "headrace_pipelined_resources_ratio",
            "Share of provisioned resources whose app is in a pipeline, 0 to 1.",
            value=find_share(by_stage),
        )
        yield GaugeMetricFamily(
            "headrace_pipelines", "Pipelines with at least one provisioned resource.", value=figures.pipelines
        )
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

    def _collect_looks(self) -> Iterator[Metric]:
        figures = self._stored.figures
        yield GaugeMetricFamily(
            "headrace_oldest_placement_check_age_seconds",
            "Age of the placement that was looked up longest ago.",
            value=self._find_age(figures.oldest_check),
        )
        yield GaugeMetricFamily(
            "headrace_sync_lag_seconds",
            "How long the look at a placement that waits longest has been due; 0 when none is due.",
            value=self._find_age(figures.due_since),
        )
        yield GaugeMetricFamily(
            "headrace_unchecked_resources",
            "Resources whose placement was never looked up successfully.",
            value=figures.unchecked,
        )
        yield _gauge_by(
            "outcome",
            figures.by_outcome,
            "headrace_placement_checks",
            "Resources by what the last look at their placement found out; failed: Heroku did not answer.",
        )

    def _find_age(self, moment: datetime | None) -> float:
        return max((self._now - moment).total_seconds(), 0.0) if moment else 0.0


def metrics_route(metrics: Metrics, *, token: Secret | None, is_local: bool) -> DescribedRoute:
    """Return the route; without a token it is open on a laptop and closed elsewhere."""

    async def show(request: Request) -> Response:
        if not _may_read(request, token=token, is_local=is_local):
            headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
            return PlainTextResponse(
                "Send HEADRACE_METRICS_TOKEN as a bearer token.\n", status_code=401, headers=headers
            )
        return Response(await metrics.render(), media_type=CONTENT_TYPE)

    return DescribedRoute("/metrics", show, "GET", SCRAPE)


def _load(connection: sa.Connection, *, small_plans: Collection[str], now: datetime) -> Stored:
    return Stored(
        figures=load_figures(connection, buckets=BUCKETS),
        insights=load_insights(connection, days=1, small_plans=small_plans, now=now),
        moves=count_moves(connection),
    )


def find_share(by_stage: dict[str, int]) -> float:
    """The share of resources in a pipeline; 0 when there are none."""
    total = sum(by_stage.values())
    placed = sum(count for stage, count in by_stage.items() if stage not in PLACELESS)
    return placed / total if total else 0.0


def _may_read(request: Request, *, token: Secret | None, is_local: bool) -> bool:
    if token is None:
        return is_local
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token.reveal()}".encode())


def _total(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for key, count in counts:
        totals[key] = totals.get(key, 0) + count
    return totals


def _gauge_by(label: str, counts: Mapping[str, int], name: str, documentation: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, documentation, labels=[label])
    for key, count in sorted(counts.items()):
        gauge.add_metric([key], count)
    return gauge
