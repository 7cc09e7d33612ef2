"""Telemetry drains, through which traces, metrics and logs leave a Fir app. Nothing is sent here."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import invalid
from headrace.emulator.world.belongings import TelemetryDrain
from headrace.emulator.world.records import App

# The schema's words.
SIGNALS = ("traces", "metrics", "logs")
OTLP, OTLP_HTTP = "otlp", "otlphttp"


def add_telemetry_drain(clock: Clock, app: App, *, signals: Any, exporter: Any) -> TelemetryDrain:
    """Drain a Fir app's telemetry.

    Raises:
        Declined: the app is a Cedar app, or the signals or the exporter are none.

    """
    if app.generation != "fir":
        raise invalid(f"{app.name} is a Cedar app: it has log drains, and telemetry drains are for Fir apps.")
    if not isinstance(exporter, dict):
        raise invalid("exporter is required, with a type and an endpoint.")
    at = clock.now()
    drain = TelemetryDrain(
        id=str(uuid4()),
        signals=_read_signals(signals),
        kind=_read_kind(exporter.get("type")),
        endpoint="",
        headers=_read_headers(exporter.get("headers", {})),
        created_at=at,
        updated_at=at,
    )
    drain.endpoint = _read_endpoint(exporter.get("endpoint"), drain.kind)
    app.telemetry_drains[drain.id] = drain
    return drain


def change_telemetry_drain(clock: Clock, drain: TelemetryDrain, changes: dict[str, Any]) -> None:
    """Change what is named, and leave the rest; all or none.

    Raises:
        Declined: what a drain is to have, it cannot have.

    """
    exporter = changes.get("exporter", {})
    if not isinstance(exporter, dict):
        raise invalid("exporter has to be an object.")
    signals = _read_signals(changes["signals"]) if "signals" in changes else drain.signals
    kind = _read_kind(exporter["type"]) if "type" in exporter else drain.kind
    endpoint = _read_endpoint(exporter.get("endpoint", drain.endpoint), kind)
    headers = _read_headers(exporter["headers"]) if "headers" in exporter else drain.headers
    drain.signals, drain.kind, drain.endpoint, drain.headers = signals, kind, endpoint, headers
    drain.updated_at = clock.now()


def _read_signals(value: Any) -> tuple[str, ...]:
    is_list = isinstance(value, list) and value and all(isinstance(name, str) for name in value)
    if not is_list or not set(value) <= set(SIGNALS) or len(set(value)) != len(value):
        raise invalid(f"signals has to be a list of {', '.join(SIGNALS)}, each once.")
    return tuple(value)


def _read_kind(value: Any) -> str:
    if value not in {OTLP, OTLP_HTTP}:
        raise invalid(f"exporter.type has to be {OTLP} or {OTLP_HTTP}.")
    return str(value)


def _read_endpoint(value: Any, kind: str) -> str:
    """Over HTTP it is a URL, over gRPC the host and port alone."""
    text = value if isinstance(value, str) else ""
    is_url = urlsplit(text).scheme in {"http", "https"} and bool(urlsplit(text).netloc)
    is_host = kind == OTLP and ":" in text and "/" not in text
    if not is_url and not is_host:
        raise invalid("exporter.endpoint has to be a URL, or for gRPC a host and its port.")
    return text


def _read_headers(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise invalid("exporter.headers has to be an object of text.")
    return value
