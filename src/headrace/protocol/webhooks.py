"""Webhook deliveries: signed over the raw bytes of the body (contract §8.4)."""

import base64
import binascii
import hashlib
import hmac

import msgspec

from headrace.errors import DeliveryRejected, Malformed
from headrace.models import Secret
from headrace.protocol.wire import Unreadable, decode_json

SIGNATURE_HEADER = "Heroku-Webhook-Hmac-SHA256"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused an event; for what a partner caused it is `<slug>@addons.heroku.com`."""

    id: str
    email: str


class EventName(msgspec.Struct, frozen=True, kw_only=True):
    """An event's id, and the entity under which a subscription includes it."""

    id: str
    include: str


class DeliveryMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What Heroku says of the delivery itself."""

    event: EventName


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, as one delivery tells it. `data` is the whole thing as the Platform API shows it.

    Do not order events by `sequence`, which is always null; use `updated_at`, and drop an `id` seen before.
    """

    id: str
    action: str
    resource: str
    created_at: str
    updated_at: str
    data: dict[str, object]
    previous_data: dict[str, object] = {}
    actor: Actor | None = None
    webhook_metadata: DeliveryMetadata | None = None

    @property
    def entity(self) -> str:
        """The entity as a subscription names it, such as `api:app`; `dyno` stands without the prefix."""
        return self.webhook_metadata.event.include if self.webhook_metadata else f"api:{self.resource}"


def sign_delivery(body: bytes, *, secret: Secret) -> str:
    """Base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(_digest(body, secret)).decode()


def verify_delivery(body: bytes, *, signature: str | None, secret: Secret) -> None:
    """Raise DeliveryRejected unless the signature is that of these very bytes."""
    if not signature:
        raise DeliveryRejected(reason="missing_signature")
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise DeliveryRejected(reason="bad_signature") from None
    if not hmac.compare_digest(given, _digest(body, secret)):
        raise DeliveryRejected(reason="bad_signature")


def parse_event(body: bytes) -> Event:
    """Return the event of a verified delivery.

    Raises:
        Malformed: the body is not an event.

    """
    try:
        return decode_json(body, Event)
    except Unreadable as error:
        raise Malformed(f"This is not an event: {error}") from None


def _digest(body: bytes, secret: Secret) -> bytes:
    return hmac.digest(secret.reveal().encode(), body, hashlib.sha256)
