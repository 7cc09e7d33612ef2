"""Queries behind the list of deliveries: the webhook events that were taken, and who Heroku tells nothing of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.paging import PAGE, Place, Total, count_up_to, read_on
from headrace.store.sql.tables.schema import (
    notice,
    resource,
    webhook_event,
    webhook_subscription,
)
from headrace.store.state.notices import NoticeKind


class DeliveryKey(NamedTuple):
    """Where an event stands in the list, the latest first: when it was made at Heroku, then its resource and id."""

    created_at: datetime
    resource_uuid: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A webhook event that was taken; it stands here for as long as Heroku may deliver it again."""

    resource_uuid: str
    resource_name: str
    event_id: str
    entity: str
    action: str
    created_at: datetime
    received_at: datetime

    @property
    def key(self) -> DeliveryKey:
        return DeliveryKey(self.created_at, self.resource_uuid, self.event_id)


class SubscriptionKey(NamedTuple):
    """Where a subscription stands in the list, by when Heroku was asked for it."""

    asked_at: datetime
    resource_uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnansweredRow:
    """A subscription that Heroku was asked for and has not confirmed; `reason` is the kind of what went wrong."""

    resource_uuid: str
    resource_name: str
    state: State
    number: int
    asked_at: datetime
    reason: str | None

    @property
    def key(self) -> SubscriptionKey:
        return SubscriptionKey(self.asked_at, self.resource_uuid)


def list_deliveries(
    connection: sa.Connection, *, place: Place[DeliveryKey] | None = None, is_ascending: bool = False, limit: int = PAGE
) -> list[DeliveryRow]:
    """Return what was delivered about all resources, the latest event first; back from a place the next one first."""
    order = (webhook_event.c.created_at, webhook_event.c.resource_uuid, webhook_event.c.event_id)
    return _read(connection, read_on(_select(), order, place, is_ascending=is_ascending).limit(limit))


def count_deliveries(connection: sa.Connection) -> Total:
    return count_up_to(connection, sa.select(webhook_event.c.event_id))


def count_unanswered(connection: sa.Connection) -> Total:
    return count_up_to(connection, _select_unanswered())


def list_deliveries_of(
    connection: sa.Connection, uuid: str, *, since: datetime | None, is_newest_first: bool, limit: int
) -> list[DeliveryRow]:
    """Return what was delivered about one resource by when it came, from this moment on, or back."""
    came_at = webhook_event.c.received_at
    query = _select().where(webhook_event.c.resource_uuid == uuid).limit(limit)
    query = query.order_by(came_at.desc() if is_newest_first else came_at)
    if since is not None:
        query = query.where(came_at <= since if is_newest_first else came_at >= since)
    return _read(connection, query)


def list_unanswered(
    connection: sa.Connection, *, place: Place[SubscriptionKey] | None = None, limit: int = PAGE
) -> list[UnansweredRow]:
    """Return the subscriptions that Heroku has not confirmed, the one asked for longest ago first."""
    known = webhook_subscription
    order = (known.c.asked_at, known.c.resource_uuid)
    unanswered = read_on(_select_unanswered(), order, place, is_ascending=True).limit(limit)
    found = connection.execute(unanswered).all()
    uuids = [row.resource_uuid for row in found]
    resources = {row.uuid: row for row in connection.execute(sa.select(resource).where(resource.c.uuid.in_(uuids)))}
    reasons = _find_reasons(connection, uuids)
    return [
        UnansweredRow(
            resource_uuid=row.resource_uuid,
            resource_name=resources[row.resource_uuid].name,
            state=State(resources[row.resource_uuid].state),
            number=row.number,
            asked_at=row.asked_at,
            reason=reasons.get(row.resource_uuid),
        )
        for row in found
    ]


def _select_unanswered() -> sa.Select[Any]:
    known = webhook_subscription
    # Asked about each by itself: a join might begin at all the resources there are.
    state = sa.select(resource.c.state).where(resource.c.uuid == known.c.resource_uuid).scalar_subquery()
    query = sa.select(known.c.asked_at, known.c.resource_uuid, known.c.number)
    return query.where(known.c.subscribed_at.is_(None), state == State.PROVISIONED)


def _select() -> sa.Select[Any]:
    return sa.select(webhook_event, resource.c.name.label("resource_name")).join(
        resource, resource.c.uuid == webhook_event.c.resource_uuid
    )


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[DeliveryRow]:
    return [DeliveryRow(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def _find_reasons(connection: sa.Connection, uuids: Collection[str]) -> dict[str, str]:
    query = sa.select(notice.c.resource_uuid, notice.c.detail).where(
        notice.c.resource_uuid.in_(uuids),
        notice.c.kind == NoticeKind.SUBSCRIPTION_FAILED,
        notice.c.settled_at.is_(None),
    )
    return {row.resource_uuid: row.detail["reason"] for row in connection.execute(query) if "reason" in row.detail}
