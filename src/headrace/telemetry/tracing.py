"""Spans of OpenTelemetry in a process that uses it; in any other none are made, and nothing of it is imported.

What a process uses it with, its SDK, exporters and samplers, is the partner's to set up before the service starts.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

Kind = Literal["SERVER", "CLIENT", "CONSUMER", "INTERNAL"]

SDK = "opentelemetry.sdk.trace"
# What goes from a request to the workflow that it asks for, as W3C writes it.
PARENT = "traceparent"

_tracer: "Tracer | None" = None


class Traced:
    """What is going on, as far as it is traced: what is told of it becomes attributes of its span."""

    def __init__(self, span: "Span | None") -> None:
        self._span = span

    def tell(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes; those that are None are left out, and enumerations are told by their text."""
        if self._span is not None:
            self._span.set_attributes(_clean(attributes))


_UNTRACED = nullcontext(Traced(None))


def begin() -> None:
    """Make spans from now on, if this process has OpenTelemetry's SDK."""
    global _tracer  # noqa: PLW0603 - a process is traced or is not
    if _tracer is None and SDK in sys.modules:
        from importlib.metadata import version

        from opentelemetry import trace

        _tracer = trace.get_tracer("headrace", version("headrace"))


def is_traced() -> bool:
    """Whether this process makes spans."""
    return _tracer is not None


def span(
    name: str, *, kind: Kind = "INTERNAL", headers: Mapping[str, str] | None = None, **attributes: Any
) -> AbstractContextManager[Traced]:
    """Have what is done until the block ends be a span; `attributes` have `_` for the dots of their names.

    Where nothing around it is traced, `headers` may name what it is a part of. Of an error it has the kind alone:
    the text may hold a secret.
    """
    return _UNTRACED if _tracer is None else _span(_tracer, name, kind, headers, attributes)


@contextmanager
def _span(
    tracer: "Tracer", name: str, kind: Kind, headers: Mapping[str, str] | None, attributes: Mapping[str, Any]
) -> Iterator[Traced]:
    from opentelemetry.trace import SpanKind, StatusCode

    with tracer.start_as_current_span(
        name,
        context=_find_parent(headers),
        kind=SpanKind[kind],
        attributes=_clean({each.replace("_", "."): value for each, value in attributes.items()}),
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield Traced(made)
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(StatusCode.ERROR)
            raise


def carry_trace() -> dict[str, str]:
    """Return what a workflow needs to be a part of the trace of here."""
    if _tracer is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return {name: value for name, value in carrier.items() if name == PARENT}


def _find_parent(headers: Mapping[str, str] | None) -> "Context | None":
    """Return what a span is a part of that nothing around it is; None where something is, or nothing is named."""
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if headers is None or trace.get_current_span().get_span_context().is_valid:
        return None
    return TraceContextTextMapPropagator().extract(headers)


def _clean(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, str) else value for name, value in attributes.items() if value is not None
    }
