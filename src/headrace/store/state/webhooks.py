"""Queries about webhooks: which subscriptions Heroku has been asked for, and which events have been taken."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from headrace.errors import SealBroken
from headrace.models import Secret, State
from headrace.protocol.webhooks import Credentials, Event, digest_authorization
from headrace.store.sql.tables.schema import (
    resource,
    secret,
    webhook_event,
    webhook_subscription,
)
from headrace.store.sql.upsert import insert_new, upsert
from headrace.store.state.secrets import TOKEN, SecretStore

CREDENTIALS = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRow:
    """What Heroku was last asked to tell of a resource; it does not yet while `subscribed_at` is None."""

    number: int
    url: str
    include: tuple[str, ...]
    subscribed_at: datetime | None


def claim_unsubscribed(
    connection: sa.Connection, *, url: str, include: Sequence[str], now: datetime, retry_after: timedelta, limit: int
) -> list[tuple[str, int]]:
    """Return resources of which Heroku does not tell us this yet, each with how often it has now been asked.

    One that could not be subscribed comes again after a while; one without a token never comes.
    """
    known = webhook_subscription
    joined = ",".join(include)
    query = (
        sa.select(resource.c.uuid, sa.func.coalesce(known.c.number, 0))
        .outerjoin(known, known.c.resource_uuid == resource.c.uuid)
        .where(
            resource.c.state == State.PROVISIONED,
            sa.exists().where(secret.c.resource_uuid == resource.c.uuid, secret.c.kind == TOKEN),
            sa.or_(
                known.c.number.is_(None),
                known.c.url != url,
                known.c.include != joined,
                sa.and_(known.c.subscribed_at.is_(None), known.c.asked_at < now - retry_after),
            ),
        )
        .limit(limit)
    )
    # What names a resource locks it, on PostgreSQL: in the one order, as `lock_resources` does.
    claimed = sorted((uuid, count + 1) for uuid, count in connection.execute(query))
    for uuid, number in claimed:
        row = {"resource_uuid": uuid, "number": number, "url": url, "include": joined, "asked_at": now}
        changes = ("number", "url", "include", "asked_at", "subscribed_at")
        upsert(connection, webhook_subscription, {**row, "subscribed_at": None}, changes=changes)
    return claimed


def find_subscription(connection: sa.Connection, uuid: str) -> SubscriptionRow | None:
    query = sa.select(webhook_subscription).where(webhook_subscription.c.resource_uuid == uuid)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    include = tuple(row.include.split(","))
    return SubscriptionRow(number=row.number, url=row.url, include=include, subscribed_at=row.subscribed_at)


def save_subscribed(connection: sa.Connection, uuid: str, *, number: int, now: datetime) -> None:
    """Record that Heroku has taken what it was asked, unless it has been asked for something else since."""
    known = webhook_subscription
    connection.execute(
        sa.update(known).where(known.c.resource_uuid == uuid, known.c.number == number).values(subscribed_at=now)
    )


def save_credentials(connection: sa.Connection, secrets: SecretStore, uuid: str, credentials: Credentials) -> None:
    text = msgspec.json.encode([credentials.secret.reveal(), credentials.authorization.reveal()]).decode()
    secrets.save(connection, uuid, CREDENTIALS, text)


def find_credentials(connection: sa.Connection, secrets: SecretStore, uuid: str) -> Credentials | None:
    text = secrets.find(connection, uuid, CREDENTIALS)
    if text is None:
        return None
    secret, authorization = msgspec.json.decode(text, type=tuple[str, str])
    return Credentials(secret=Secret(secret), authorization=Secret(authorization))


def retire_credentials(connection: sa.Connection, secrets: SecretStore, uuid: str) -> None:
    """Keep, of what deliveries prove, a digest of the authorization: the last ones come when the secrets are gone."""
    with suppress(SealBroken):
        credentials = find_credentials(connection, secrets, uuid)
        if credentials is not None:
            digest = digest_authorization(credentials.authorization)
            known = webhook_subscription.c.resource_uuid == uuid
            connection.execute(sa.update(webhook_subscription).where(known).values(authorization_digest=digest))


def find_authorization_digest(connection: sa.Connection, uuid: str) -> str | None:
    """Return what is kept of a subscription's authorization, None while it is not over."""
    known = webhook_subscription
    query = sa.select(known.c.authorization_digest).where(known.c.resource_uuid == uuid)
    return connection.execute(query).scalar_one_or_none()


def add_webhook_event(connection: sa.Connection, uuid: str, event: Event, *, now: datetime) -> bool:
    """Record that an event is taken; return False when it was before."""
    row = {
        "resource_uuid": uuid,
        "event_id": event.id,
        "entity": event.entity,
        "action": event.action,
        "created_at": event.created_at,
        "received_at": now,
    }
    return insert_new(connection, webhook_event, row) is not None


def forget_webhook_events(connection: sa.Connection, *, created_before: datetime) -> None:
    """Forget events that would be refused for their age, should they come again."""
    connection.execute(sa.delete(webhook_event).where(webhook_event.c.created_at < created_before))
