"""A partner that hears of events, and deliveries as Heroku signs them."""

import io
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from headrace.hooks.arguments import Event
from headrace.protocol.webhooks import SIGNATURE_HEADER, Credentials, sign_delivery
from headrace.service import AddonService
from headrace.store.sql.tables.schema import webhook_event
from headrace.store.state.webhooks import find_credentials, find_subscription
from headrace.testing import eventually
from pair import HELD_SECONDS, Acme, Pair


@dataclass
class HearingAcme(Acme):
    """A partner with a hook for events, which may be held up and may fail."""

    entities: tuple[str, ...] = ("api:app",)
    heard: list[Event] = field(default_factory=list)
    service: AddonService | None = None
    # Cleared, it holds the hook for events, and no other, until it is set.
    may_hear: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.may_hear.set()

    def register(self, service: AddonService) -> None:
        super().register(service)
        self.service = service
        service.on_event(*self.entities)(self.hear)

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        assert self.may_hear.wait(timeout=HELD_SECONDS)
        self._behave()


async def provision(pair: Pair, app: str = "shop") -> str:
    """Provision a resource and subscribe it, without waiting for the worker to find it."""
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await pair.settle()
    await subscribe(pair, addon.id)
    return addon.id


async def subscribe(pair: Pair, uuid: str) -> None:
    await pair.parts.subscriptions.run_once()

    async def is_subscribed() -> bool:
        row = await pair.parts.database.read(find_subscription, uuid)
        return row is not None and row.subscribed_at is not None

    await eventually(is_subscribed)


async def load_credentials(pair: Pair, uuid: str) -> Credentials:
    credentials = await pair.parts.database.read(find_credentials, pair.parts.secrets, uuid)
    assert credentials is not None
    return credentials


def make_event(**changes: Any) -> dict[str, Any]:
    """What Heroku says when an app is renamed, in the shape of contract §8.4."""
    now = datetime.now(UTC).isoformat()
    event_id = changes.pop("id", str(uuid4()))
    include = changes.pop("include", "api:app")
    return {
        "action": "update",
        "actor": {"email": "dev@example.test", "id": str(uuid4())},
        "created_at": now,
        "id": event_id,
        "data": {"id": str(uuid4()), "name": "store"},
        "previous_data": {"name": "shop"},
        "published_at": None,
        "resource": include.removeprefix("api:"),
        "sequence": None,
        "updated_at": now,
        "version": "application/vnd.heroku+json; version=3",
        "webhook_metadata": {"event": {"id": event_id, "include": include}},
        **changes,
    }


async def deliver(
    pair: Pair,
    uuid: str,
    event: dict[str, Any] | bytes,
    *,
    credentials: Credentials | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Deliver as Heroku does, with the resource's own credentials or others; a header of "" is left out."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    proof = credentials or await load_credentials(pair, uuid)
    sent = {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: sign_delivery(body, secret=proof.secret),
        "Authorization": proof.authorization.reveal(),
        **(headers or {}),
    }
    url = f"{pair.url}/heroku/webhooks/{uuid}"
    present = {name: text for name, text in sent.items() if text}
    async with pair.http.post(url, data=io.BytesIO(body), headers=present) as answer:
        return answer.status, await answer.read()


async def list_taken(pair: Pair) -> list[tuple[str, str, str]]:
    """The events that were taken: whose, about what, and what was done."""
    query = sa.select(webhook_event.c.resource_uuid, webhook_event.c.entity, webhook_event.c.action)

    def read(connection: sa.Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(query.order_by(webhook_event.c.received_at))
        return [(uuid, entity, action) for uuid, entity, action in rows]

    return await pair.parts.database.read(read)
