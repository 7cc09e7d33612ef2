"""What became of the provisions that Heroku asked for lately, and where their time went."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.tables.schema import lifecycle_event, resource
from headrace.store.state.timeline import TimelineName

# So many of each state at the most: more are not needed to see how it goes.
MOST = 5_000
_READ = ("uuid", "created_at", "provisioned_at", "message", "imported_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionRow:
    """A provision; `is_refused` tells that a hook refused it, with words for the customer."""

    uuid: str
    created_at: datetime
    provisioned_at: datetime | None
    is_waiting: bool
    is_refused: bool


def list_provisions_since(connection: sa.Connection, *, since: datetime) -> list[ProvisionRow]:
    """Return provisions that were asked for since a moment; what was imported was not asked for."""
    found = []
    for state in State:
        query = (
            sa.select(
                resource.c.uuid,
                resource.c.created_at,
                resource.c.provisioned_at,
                resource.c.message,
                resource.c.imported_at,
            )
            .where(resource.c.state == state, resource.c.created_at >= since)
            .order_by(resource.c.created_at.desc())
            .limit(MOST)
        )
        found += [
            ProvisionRow(
                uuid=row.uuid,
                created_at=row.created_at,
                provisioned_at=row.provisioned_at,
                is_waiting=state is State.PROVISIONING,
                is_refused=row.message is not None,
            )
            for row in connection.execute(query)
            if row.imported_at is None
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Where the seconds went of a provision that is done: waiting for a worker, at Heroku, and in the hook."""

    waiting: float
    heroku: float
    hook: float

    @property
    def seconds(self) -> float:
        return self.waiting + self.heroku + self.hook


def list_spent(connection: sa.Connection, uuids: Collection[str]) -> dict[str, Spent]:
    """Return where the time went, of those of these provisions whose timeline tells it, one try from end to end."""
    told: dict[str, dict[str, tuple[datetime, dict[str, Any]]]] = {}
    event = lifecycle_event.c
    query = sa.select(event.resource_uuid, event.at, event.name, event.detail).where(
        event.resource_uuid.in_(uuids), event.name.in_(_TOLD)
    )
    for row in connection.execute(query.order_by(event.id)):
        told.setdefault(row.resource_uuid, {})[row.name] = (row.at, row.detail)
    return {uuid: spent for uuid, rows in told.items() if (spent := _split(rows)) is not None}


_REQUESTED, _EXCHANGED, _FOUND, _RETURNED, _DONE = _TOLD = (
    TimelineName.PROVISION_REQUESTED,
    TimelineName.GRANT_EXCHANGED,
    TimelineName.PLACEMENT_FOUND,
    TimelineName.HOOK_RETURNED,
    TimelineName.PROVISION_DONE,
)


def _split(rows: Mapping[str, tuple[datetime, dict[str, Any]]]) -> Spent | None:
    if any(name not in rows for name in _TOLD) or "seconds" not in rows[_EXCHANGED][1]:
        return None
    exchange = rows[_EXCHANGED][1]["seconds"]
    gaps = [(after - before).total_seconds() for before, after in pairwise(rows[name][0] for name in _TOLD)]
    waiting = gaps[0] - exchange
    if waiting < 0 or min(gaps) < 0:
        # An operator had it tried again, or a clock was set.
        return None
    return Spent(waiting=waiting, heroku=exchange + gaps[1] + gaps[3], hook=gaps[2])
