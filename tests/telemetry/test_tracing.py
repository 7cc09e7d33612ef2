"""Spans, in a process that uses OpenTelemetry: one trace from Heroku's request to the hook. In any other, nothing."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from headrace import Stage
from pair import Acme, play_pair
from spans import exporter

__all__ = ["exporter"]

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def read(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def name(context: SpanContext | None) -> int:
    assert context is not None
    return context.span_id


def find(exporter: InMemorySpanExporter, called: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == called]


async def test_one_trace_leads_from_herokus_request_to_the_hook(
    database_url: str, exporter: InMemorySpanExporter
) -> None:
    """By way of the queue: the call, its workflow, the steps, what Heroku is asked, and the hook with its stage."""
    async with play_pair(database_url) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        app = pair.heroku.state.apps["shop-staging"]

    (call,) = find(exporter, "POST /heroku/resources")
    (workflow,), (step,), (hook,) = (
        find(exporter, each) for each in ("workflow provision", "step run_hook", "hook on_provision")
    )
    told = find(exporter, "POST /addons/{addon}/actions/provision")
    everything = [call, workflow, step, hook, *told]
    assert 1 == len({span.context.trace_id for span in everything if span.context})
    assert [name(each.context) for each in (call, workflow, step)] == [
        name(each.parent) for each in (workflow, step, hook)
    ]
    assert [SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.INTERNAL, SpanKind.INTERNAL, SpanKind.CLIENT] == [
        span.kind for span in everything
    ]
    assert (202, addon.id) == (read(call)["http.response.status_code"], read(call)["headrace.resource"])
    stands = {name: read(hook)[name] for name in ("headrace.resource", "headrace.stage", "heroku.app.id")}
    assert {"headrace.resource": addon.id, "headrace.stage": Stage.STAGING, "heroku.app.id": app.id} == stands
    assert "headrace.pipeline" in read(hook)


async def test_a_span_has_of_an_error_its_kind_alone(sqlite_url: str, exporter: InMemorySpanExporter) -> None:
    """Its text may hold a secret. The attempt that follows has a span of its own."""
    acme = Acme(error=LookupError("hush"), failures_left=1)
    async with play_pair(sqlite_url, acme=acme) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
    failed, done = find(exporter, "hook on_provision")

    assert ("LookupError", StatusCode.ERROR, None) == (
        read(failed)["error.type"],
        failed.status.status_code,
        failed.status.description,
    )
    assert StatusCode.UNSET == done.status.status_code
    assert [1, 2] == [read(span)["headrace.attempt"] for span in find(exporter, "step run_hook")]
    assert "hush" not in "".join(span.to_json() for span in exporter.get_finished_spans())


async def test_a_call_is_a_part_of_the_trace_that_it_names(sqlite_url: str, exporter: InMemorySpanExporter) -> None:
    """As W3C's traceparent has it; a route is called by its address, below a prefix too."""
    async with play_pair(sqlite_url, prefix="/addon") as pair:
        uuid = "01234567-89ab-cdef-0123-456789abcdef"
        url = f"{pair.url}/addon/heroku/resources/{uuid}"
        async with pair.http.get(f"{pair.url}/addon/health", headers={"traceparent": CALLER}) as answer:
            assert 200 == answer.status
        async with pair.http.put(url, data=b"{}") as answer:
            assert 401 == answer.status
    (health,), (refused,) = find(exporter, "GET /addon/health"), find(exporter, "PUT /addon/heroku/resources/{uuid}")

    assert health.context is not None
    assert CALLER.split("-")[1] == format(health.context.trace_id, "032x")
    assert (401, "/addon/heroku/resources/{uuid}") == (
        read(refused)["http.response.status_code"],
        read(refused)["http.route"],
    )


def test_nothing_of_it_is_imported_where_it_is_not_used() -> None:
    """A process without OpenTelemetry's SDK pays nothing, whether the extra is installed or not."""
    script = (
        "import sys\nfrom headrace.telemetry import tracing\ntracing.begin()\n"
        "with tracing.span('x', kind='SERVER', headers={}, a=1) as traced:\n    traced.tell({'b': 2})\n"
        "print(tracing.carry_trace(), [each for each in sys.modules if each.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240)

    assert "{} []\n" == done.stdout
