"""What an app has for itself, and no other record is told of: its telemetry drains, and its way to another owner."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


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
