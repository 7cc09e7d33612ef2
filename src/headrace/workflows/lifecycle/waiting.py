"""Which workflow of a resource waits for another attempt, because one has failed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.store.state.resources import ResourceRow
from headrace.workflows.engine.attempts import list_attempts
from headrace.workflows.engine.ids import read_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingStep:
    """A step whose next attempt is due at `next_at`: so many `attempts` have failed, the last one for this `reason`.

    `kind` is that of its workflow. Past its moment the next attempt may be under way.
    """

    workflow: str
    kind: str
    step: str
    attempts: int
    reason: str | None
    next_at: datetime | None


def find_waiting(connection: sa.Connection, row: ResourceRow) -> WaitingStep | None:
    """Return what of a resource waits for another attempt; of what goes on beside its own workflow nothing is told."""
    if row.running is None:
        return None
    attempts = list_attempts(connection, [row.running]).get(row.running, ())
    last = attempts[-1] if attempts else None
    if last is None or last.wait is None:
        return None
    return WaitingStep(
        workflow=row.running,
        kind=read_kind(row.running),
        step=last.step,
        attempts=sum(1 for each in attempts if each.step == last.step),
        reason=last.reason,
        next_at=last.ended_at + timedelta(seconds=last.wait) if last.ended_at else None,
    )
