"""`/metrics`: what the store holds, counted at each scrape, and what this process did, counted as it happens."""

import hmac
from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from headrace.client import Clock
from headrace.models import Secret
from headrace.protocol import wire
from headrace.store.database import Database
from headrace.store.figures import Figures, load_figures
from headrace.web.openapi import TEXT, DescribedRoute, Operation, Reply, Scheme

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds from the request to the mark: a hook that makes something small, to one that builds a cluster.
BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 43200.0)
PLACELESS = ("none", "unknown")

SCRAPE = Operation(
    id="scrape",
    summary="Return the service's metrics in Prometheus' text format.",
    scheme=Scheme.SCRAPER,
    replies={200: Reply("The metrics.", {TEXT: str}), 401: Reply("The token is missing or wrong.", {TEXT: str})},
)


class Metrics:
    """Counts this process's requests to Heroku and what it delivers, and renders everything for Prometheus."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
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
        self._deliveries = Counter(
            "headrace_webhook_deliveries_total",
            "Webhook deliveries, by what became of them.",
            ["outcome"],
            registry=self._registry,
        )

    def observe(self, request: wire.Request, status: int | None, seconds: float) -> None:
        """Count one request to Heroku: the client's observer."""
        self._requests.labels(request.method, request.endpoint, str(status or "none")).inc()
        self._seconds.labels(request.method, request.endpoint).inc(seconds)

    def count_delivery(self, outcome: str) -> None:
        self._deliveries.labels(outcome).inc()

    async def render(self) -> bytes:
        figures = await self._database.read(load_figures, buckets=BUCKETS)
        registry = CollectorRegistry()
        registry.register(_Stored(figures, now=self._clock()))
        return generate_latest(registry) + generate_latest(self._registry)


class _Stored:
    """A collector of figures that were read just now."""

    def __init__(self, figures: Figures, *, now: datetime) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        yield _gauge_by("state", figures.by_state, "headrace_resources_by_state", "Resources, by state.")
        yield _gauge_by(
            "stage",
            figures.by_stage,
            "headrace_resources_by_stage",
            "Provisioned resources, by the stage of their app; none: in no pipeline, unknown: Heroku did not tell.",
        )
        yield _gauge_by("plan", figures.by_plan, "headrace_resources_by_plan", "Provisioned resources, by plan.")
        yield GaugeMetricFamily(
            "headrace_pipelined_resources_ratio",
            "Share of provisioned resources whose app is in a pipeline, 0 to 1.",
            value=find_share(figures.by_stage),
        )
        yield GaugeMetricFamily(
            "headrace_pipelines", "Pipelines with at least one provisioned resource.", value=figures.pipelines
        )
        yield _gauge_by(
            "kind", figures.open_notices, "headrace_open_notices", "Notices that wait for an operator, by kind."
        )
        yield GaugeMetricFamily(
            "headrace_running_workflows",
            "Resources with a workflow that runs or waits to.",
            value=figures.running_workflows,
        )
        age = (self._now - figures.oldest_check).total_seconds() if figures.oldest_check else 0.0
        yield GaugeMetricFamily(
            "headrace_oldest_placement_check_age_seconds",
            "Age of the placement that was looked up longest ago.",
            value=max(age, 0.0),
        )
        yield GaugeMetricFamily(
            "headrace_unchecked_resources",
            "Resources whose placement was never looked up successfully.",
            value=figures.unchecked,
        )
        histogram = HistogramMetricFamily(
            "headrace_provisioning_seconds", "Seconds from the provision request to the provisioned mark."
        )
        buckets = [(str(bound), float(count)) for bound, count in figures.provisioning_buckets.items()]
        histogram.add_metric([], [*buckets, ("+Inf", float(figures.provisioning_count))], figures.provisioning_sum)
        yield histogram


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


def _gauge_by(label: str, counts: dict[str, int], name: str, documentation: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, documentation, labels=[label])
    for key, count in sorted(counts.items()):
        gauge.add_metric([key], count)
    return gauge
