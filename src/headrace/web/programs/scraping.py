"""`/metrics`, for whoever has its token. A process that counts and shows nothing imports nothing of this."""

import asyncio
import gzip
import hmac

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from headrace.models import Secret
from headrace.web.ground.openapi import TEXT_TYPE, DescribedRoute, Operation, Reply, Scheme
from headrace.web.programs.metrics import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# What is longer is compressed on a thread, and least: pages, which all are smaller, are compressed where they pass.
LARGE = 256 * 1024

SCRAPE = Operation(
    id="scrape",
    summary="Return the service's metrics in Prometheus' text format.",
    scheme=Scheme.SCRAPER,
    replies={
        200: Reply("The metrics.", {TEXT_TYPE: str}),
        401: Reply("The token is missing or wrong.", {TEXT_TYPE: str}),
    },
)


def metrics_route(metrics: Metrics, *, token: Secret | None, is_local: bool) -> DescribedRoute:
    """Return the route; without a token it is open on a laptop and closed elsewhere."""

    async def show(request: Request) -> Response:
        if not _may_read(request, token=token, is_local=is_local):
            headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
            return PlainTextResponse(
                "Send HEADRACE_METRICS_TOKEN as a bearer token.\n", status_code=401, headers=headers
            )
        text = await metrics.render()
        headers = {}
        if len(text) > LARGE and "gzip" in request.headers.get("accept-encoding", ""):
            text = await asyncio.to_thread(gzip.compress, text, compresslevel=1)
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(text, headers=headers, media_type=CONTENT_TYPE)

    return DescribedRoute("/metrics", show, "GET", SCRAPE)


def _may_read(request: Request, *, token: Secret | None, is_local: bool) -> bool:
    if token is None:
        return is_local
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token.reveal()}".encode())
