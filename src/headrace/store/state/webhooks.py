"""Queries about webhooks: which subscriptions Heroku has been asked for, and which events have been taken."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.errors import SealBroken
from headrace.models import Secret, State
from headrace.protocol.webhooks import Credentials, Event, digest_authorization
from headrace.store.sql.rows import MOMENT, pass_rows, pass_uuids, rows_as_table, select_uuids
from headrace.store.sql.tables.schema import (
    resource,
    secret,
    webhook_event,
    webhook_subscription,
)
from headrace.store.sql.upsert import insert_new, upsert_as_table
from headrace.store.state.secrets import TOKEN, Sealing, SecretStore

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
    same = {"url": url, "include": joined, "asked_at": now, "subscribed_at": None}
    rows = [{"resource_uuid": uuid, "number": number, **same} for uuid, number in claimed]
    if rows:
        upsert_as_table(connection, webhook_subscription, rows, changes=("number", *same))
    return claimed


def find_subscription(connection: sa.Connection, uuid: str) -> SubscriptionRow | None:
    return find_subscriptions(connection, [uuid]).get(uuid)


def find_subscriptions(connection: sa.Connection, uuids: Collection[str]) -> dict[str, SubscriptionRow]:
    """Return what Heroku was last asked to tell of these resources, as far as it was."""
    found = connection.execute(_build_find(connection.dialect.name), pass_uuids(uuids))
    return {row.resource_uuid: _read(row) for row in found}


def _read(row: sa.Row[Any]) -> SubscriptionRow:
    include = tuple(row.include.split(","))
    return SubscriptionRow(number=row.number, url=row.url, include=include, subscribed_at=row.subscribed_at)


def save_subscribed(connection: sa.Connection, numbers: Mapping[str, int], *, now: datetime) -> None:
    """Record that Heroku has taken what it was asked of resources, unless it has been asked for something else since.

    `numbers` has how often it had been asked, by uuid.
    """
    rows = ({"uuid": uuid, "number": number} for uuid, number in numbers.items())
    connection.execute(_build_save_subscribed(connection.dialect.name), pass_rows(connection, rows) | {"b_now": now})


@cache
def _build_find(dialect: str) -> sa.Select[Any]:
    return sa.select(webhook_subscription).where(webhook_subscription.c.resource_uuid.in_(select_uuids(dialect)))


@cache
def _build_save_subscribed(dialect: str) -> sa.Update:
    known, rows = webhook_subscription, rows_as_table(dialect, uuid=sa.Text(), number=sa.Integer())
    is_it = (known.c.resource_uuid == rows.c.uuid, known.c.number == rows.c.number)
    return sa.update(known).where(*is_it).values(subscribed_at=sa.bindparam("b_now", type_=MOMENT))


def save_credentials(connection: sa.Connection, secrets: SecretStore, proofs: Mapping[str, Credentials]) -> None:
    """Keep, by uuid, what the deliveries about resources will have to prove."""
    secrets.save_all(connection, [Sealing(uuid, CREDENTIALS, _write(proof)) for uuid, proof in proofs.items()])


def find_credentials(connection: sa.Connection, secrets: SecretStore, uuid: str) -> Credentials | None:
    return read_credentials(secrets.find(connection, uuid, CREDENTIALS))


def read_credentials(text: str | None) -> Credentials | None:
    """Return credentials out of the text that they are kept as."""
    if text is None:
        return None
    secret, authorization = msgspec.json.decode(text, type=tuple[str, str])
    return Credentials(secret=Secret(secret), authorization=Secret(authorization))


def _write(credentials: Credentials) -> str:
    return msgspec.json.encode([credentials.secret.reveal(), credentials.authorization.reveal()]).decode()


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
