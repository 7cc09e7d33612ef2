"""Webhooks: subscribing to them (contract §8.2), and deliveries, signed over the raw bytes of the body (§8.4)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from headrace.errors import DeliveryRejected, Malformed
from headrace.models import Actor, Secret
from headrace.protocol.answers import decode_answer
from headrace.protocol.platform import HEADERS, raise_for_status, read_pages
from headrace.protocol.wire import Request, Response, Unreadable, build_path, is_storable

SIGNATURE_HEADER = "Heroku-Webhook-Hmac-SHA256"
# Heroku tries a delivery again for this long after its event (contract §8.4).
RETRIED_FOR = timedelta(hours=72)

# What a subscription can include (contract §8.3).
ENTITIES = frozenset(
    {
        "api:addon",
        "api:addon-attachment",
        "api:app",
        "api:build",
        "api:collaborator",
        "api:domain",
        "api:dyno",
        "api:formation",
        "api:release",
        "api:sni-endpoint",
        "api:ssl-endpoint",
        "dyno",
    }
)
# What a partner may subscribe to only with an extra permission; of `dyno` it is not documented (contract §8.3).
EXTRA_ENTITIES = frozenset({"api:build", "api:dyno", "api:formation", "api:release", "dyno"})

# An id or a name of Heroku's: it can be stored as it is.
# Python's `$` matches before a last line break as well; that of a schema, which is told this pattern too, does not.
Word = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+(?!\n)$", max_length=60)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the deliveries of one subscription have to prove: ours alone, and Heroku's since we told it."""

    secret: Secret
    authorization: Secret


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook subscription as the Platform API lists it; its credentials are never shown."""

    id: str
    url: str


class EventName(msgspec.Struct, frozen=True, kw_only=True):
    """An event's id, and the entity under which a subscription includes it."""

    id: Word
    include: Word


class DeliveryMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What Heroku says of the delivery itself."""

    event: EventName


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, as one delivery tells it. `data` is the whole thing as the Platform API shows it.

    Do not order events by `sequence`, which is always null; use `changed_at`, and drop an `id` seen before.
    """

    id: Word
    action: Word
    resource: Word
    created_at: Moment
    updated_at: Moment | None = None
    data: dict[str, Any] = {}
    previous_data: dict[str, Any] = {}
    actor: Actor | None = None
    webhook_metadata: DeliveryMetadata | None = None

    @property
    def changed_at(self) -> datetime:
        """When it was last changed: since it came to be it was not, where Heroku does not say so."""
        return self.created_at if self.updated_at is None else self.updated_at

    @property
    def entity(self) -> str:
        """The entity as a subscription names it, such as `api:app`; `dyno` stands without the prefix."""
        return self.webhook_metadata.event.include if self.webhook_metadata else f"api:{self.resource}"


def subscribe(
    uuid: str, *, url: str, include: Collection[str], credentials: Credentials
) -> Generator[Request, Response, None]:
    """Have events about an add-on delivered to a URL; a subscription with the same path is brought to it.

    However often it runs there is one, whose credentials are these.
    """
    known = yield from read_pages(_build_list(uuid), Subscription)
    path = urlsplit(url).path
    ours = next((one.id for one in known if one.url.endswith(path)), None)
    request = _build_subscription(uuid, ours, url=url, include=include, credentials=credentials)
    raise_for_status((yield request), request)


def sign_delivery(body: bytes, *, secret: Secret) -> str:
    """Base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(_digest(body, secret)).decode()


def verify_authorization(header: str | None, *, authorization: Secret) -> None:
    """Raise DeliveryRejected unless the header is the one we subscribed with: known before the body is read."""
    if not hmac.compare_digest((header or "").encode(), authorization.reveal().encode()):
        raise DeliveryRejected(reason="bad_authorization")


def digest_authorization(authorization: Secret) -> str:
    """What is kept of an authorization when its subscription is over: enough to know it by, and no secret."""
    return hashlib.sha256(authorization.reveal().encode()).hexdigest()


def is_digested(header: str | None, *, digest: str) -> bool:
    """Whether the header is the authorization of which this is the digest."""
    return hmac.compare_digest(digest_authorization(Secret(header or "")), digest)


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
    """Return the event of a verified delivery; what decorates it and cannot be read is left out.

    Raises:
        Malformed: the body is not an event.

    """
    try:
        event = decode_answer(body, Event)
    except Unreadable as error:
        raise Malformed(f"This is not an event: {error}") from None
    if not (is_storable(event.created_at) and is_storable(event.changed_at)):
        raise Malformed("This is not an event: its times are none.")
    return event


def verify_age(event: Event, *, now: datetime) -> None:
    """Raise DeliveryRejected when Heroku would not try this event any more: it is a replay, or of no use."""
    if event.created_at < now - RETRIED_FOR:
        raise DeliveryRejected(reason="too_old")


def _build_list(uuid: str) -> Request:
    return Request(
        method="GET", path=build_path("/addons/{}/webhooks", uuid), endpoint="/addons/{addon}/webhooks", headers=HEADERS
    )


def _build_subscription(
    uuid: str, known_id: str | None, *, url: str, include: Collection[str], credentials: Credentials
) -> Request:
    """Ask for a new subscription, or change the one that is known."""
    members = {
        "include": sorted(include),
        "level": "sync",
        "url": url,
        "secret": credentials.secret.reveal(),
        "authorization": credentials.authorization.reveal(),
    }
    listing = _build_list(uuid).with_header("Content-Type", "application/json")
    request = msgspec.structs.replace(listing, method="POST", body=msgspec.json.encode(members))
    if known_id is None:
        return request
    path = build_path("/addons/{}/webhooks/{}", uuid, known_id)
    return msgspec.structs.replace(request, method="PATCH", path=path, endpoint="/addons/{addon}/webhooks/{webhook}")


def _digest(body: bytes, secret: Secret) -> bytes:
    return hmac.digest(secret.reveal().encode(), body, hashlib.sha256)
