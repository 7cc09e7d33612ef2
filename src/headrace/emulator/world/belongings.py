"""What an app has for itself, and no other record is told of: telemetry drains, log lines on their way, a transfer."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from headrace.protocol.logplex import LogLine


@dataclass(slots=True, kw_only=True, eq=False)
class TelemetryDrain:
    """Where a Fir app's traces, metrics and logs go; `kind` is the exporter's type. `headers` may hold a key."""

    id: str
    signals: tuple[str, ...]
    kind: str
    endpoint: str
    headers: dict[str, str] = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class AppTransfer:
    """An app that one user offers to another."""

    id: str
    owner_id: str
    recipient_id: str
    created_at: datetime
    updated_at: datetime
    state: Literal["pending", "accepted", "declined"] = "pending"


@dataclass(slots=True)
class DrainBuffer:
    """What waits for a drain, and how many lines it never got since when."""

    waiting: list[LogLine] = field(default_factory=list)
    is_sending: bool = False
    lost: int = 0
    lost_since: datetime | None = None
