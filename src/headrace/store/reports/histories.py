"""Queries behind the page of one resource: where its app has been, how it is inspected, and what happened to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import Outcome
from headrace.store.sql.tables.schema import (
    lifecycle_event,
    pipeline,
    placement,
    placement_check,
    secret,
)
from headrace.store.state.placements import PlacementRow
from headrace.store.state.secrets import GRANT, TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHealth:
    """What may be told of a resource's token: that there is one, and until when. The token itself stays sealed."""

    has_token: bool
    has_grant: bool
    expires_at: datetime | None
    is_being_refreshed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRow:
    """The last look at a placement and the next one; `error` is the kind of what went wrong since Heroku answered."""

    outcome: Outcome | None
    error: str | None
    checked_at: datetime | None
    tried_at: datetime | None
    next_check_at: datetime
    is_in_batch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleRow:
    """One line of a resource's timeline, with its number."""

    id: int
    at: datetime
    name: str
    detail: Mapping[str, Any]


def list_latest_placements(connection: sa.Connection, uuid: str, *, limit: int) -> list[PlacementRow]:
    """Return where a resource's app has been, the latest place first."""
    query = (
        sa.select(placement, pipeline.c.name.label("pipeline_name"))
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .where(placement.c.resource_uuid == uuid)
        .order_by(placement.c.valid_from.desc(), placement.c.id.desc())
        .limit(limit)
    )
    return [
        PlacementRow(**{name: row._mapping[name] for name in PlacementRow.__slots__})  # noqa: SLF001
        for row in connection.execute(query)
    ]


def find_latest_inspection(connection: sa.Connection, uuid: str) -> LookRow | None:
    query = sa.select(placement_check).where(placement_check.c.resource_uuid == uuid)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return LookRow(
        outcome=Outcome(row.outcome) if row.outcome else None,
        error=row.error,
        checked_at=row.checked_at,
        tried_at=row.tried_at,
        next_check_at=row.next_check_at,
        is_in_batch=row.batch is not None,
    )


def find_token_health(connection: sa.Connection, uuid: str, *, now: datetime) -> TokenHealth:
    """Tell of a token what may be told, without opening it."""
    query = sa.select(secret.c.kind, secret.c.expires_at, secret.c.claimed_until).where(
        secret.c.resource_uuid == uuid, secret.c.kind.in_((GRANT, TOKEN))
    )
    rows = {row.kind: row for row in connection.execute(query)}
    token = rows.get(TOKEN)
    claimed_until = token.claimed_until if token else None
    return TokenHealth(
        has_token=token is not None,
        has_grant=GRANT in rows,
        expires_at=token.expires_at if token else None,
        is_being_refreshed=claimed_until is not None and claimed_until > now,
    )


def list_lifecycle(
    connection: sa.Connection, uuid: str, *, since: tuple[datetime, int] | None, is_newest_first: bool, limit: int
) -> list[LifecycleRow]:
    """Return what happened to a resource in this order, from behind the event that stands at `since`."""
    order = (lifecycle_event.c.at, lifecycle_event.c.id)
    query = sa.select(lifecycle_event).where(lifecycle_event.c.resource_uuid == uuid).limit(limit)
    query = query.order_by(*(column.desc() if is_newest_first else column for column in order))
    if since is not None:
        query = query.where(sa.tuple_(*order) < since if is_newest_first else sa.tuple_(*order) > since)
    return [LifecycleRow(id=row.id, at=row.at, name=row.name, detail=row.detail) for row in connection.execute(query)]


def count_lifecycle(connection: sa.Connection, uuid: str) -> dict[str, int]:
    """Return how often each thing happened to a resource, by its name in the timeline."""
    name = lifecycle_event.c.name
    query = sa.select(name, sa.func.count()).where(lifecycle_event.c.resource_uuid == uuid).group_by(name)
    return {row[0]: row[1] for row in connection.execute(query.order_by(name))}
