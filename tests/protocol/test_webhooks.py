import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import DeliveryRejected, Forbidden, Malformed
from headrace.models import Secret
from headrace.protocol.webhooks import (
    RETRIED_FOR,
    Credentials,
    parse_event,
    sign_delivery,
    subscribe,
    verify_age,
    verify_authorization,
    verify_delivery,
)
from headrace.protocol.wire import Request, Response

SECRET = Secret("whsec-test")
BODY = b'{"action":"update","resource":"app"}'
SIGNATURE = "lIuPkUn7DzP7wH0tChVR8i+LniNRque+x06Sc5gn14k="

CREATED = datetime(2026, 11, 23, 19, tzinfo=UTC)
URL = "https://acme.example/hooks/u1"
CREDENTIALS = Credentials(secret=SECRET, authorization=Secret("Bearer hook-auth-1"))

DELIVERY: dict[str, Any] = {
    "action": "update",
    "actor": {"email": "dev@example.test", "id": "7b1f0c9e-3a44-4c0b-8d5e-19c2f7a6b350"},
    "created_at": "2026-11-23T19:00:00Z",
    "id": "a90e7d2c-1111-4222-8333-444455556666",
    "data": {"id": "4c0c1f4e-2f5b-4b0a-8d2e-9a1b2c3d4e5f", "name": "shop-staging-2"},
    "previous_data": {"name": "shop-staging"},
    "published_at": None,
    "resource": "app",
    "sequence": None,
    "updated_at": "2026-11-23T19:00:00Z",
    "version": "application/vnd.heroku+json; version=3",
    "webhook_metadata": {
        "attempt": {"id": "a1"},
        "delivery": {"id": "d1"},
        "event": {"id": "a90e7d2c-1111-4222-8333-444455556666", "include": "api:app"},
        "webhook": {"id": "w1"},
    },
}


def encode(**changes: Any) -> bytes:
    return json.dumps({**DELIVERY, **changes}).encode()


def find_reason(body: bytes, signature: str | None, *, secret: Secret = SECRET) -> str:
    with pytest.raises(DeliveryRejected) as caught:
        verify_delivery(body, signature=signature, secret=secret)
    return caught.value.reason


def test_a_delivery_is_signed_with_hmac_sha256() -> None:
    """Base64 of HMAC-SHA256 over the raw body."""
    assert SIGNATURE == sign_delivery(BODY, secret=SECRET)


def test_a_signed_delivery_is_accepted() -> None:
    """The vector verifies."""
    verify_delivery(BODY, signature=SIGNATURE, secret=SECRET)


@pytest.mark.parametrize(
    "body",
    [
        b'{"action": "update","resource":"app"}',
        b'{"resource":"app","action":"update"}',
        BODY + b"\n",
        b"",
        BODY.replace(b"app", b"\\u0061pp"),
    ],
)
def test_the_signature_is_over_the_raw_bytes(body: bytes) -> None:
    """The same JSON in other bytes is another body."""
    assert "bad_signature" == find_reason(body, SIGNATURE)


@pytest.mark.parametrize("signature", [None, ""])
def test_an_unsigned_delivery_is_rejected(signature: str | None) -> None:
    """A delivery without a signature has no sender."""
    assert "missing_signature" == find_reason(BODY, signature)


@pytest.mark.parametrize(
    "signature",
    ["x", "=", "é" * 44, SIGNATURE[:-1], SIGNATURE + "A", " ", "AAAA", SIGNATURE.lower(), "sha256=" + "0" * 64],
)
def test_a_wrong_signature_is_rejected(signature: str) -> None:
    """Garbage and near misses alike."""
    assert "bad_signature" == find_reason(BODY, signature)


def test_another_subscriptions_secret_does_not_open() -> None:
    """Each subscription has its own secret."""
    assert "bad_signature" == find_reason(BODY, SIGNATURE, secret=Secret("whsec-other"))


@settings(max_examples=60)
@given(body=st.binary(), secret=st.text())
def test_what_is_signed_is_accepted(body: bytes, secret: str) -> None:
    """verify(sign(x)) holds for every body."""
    verify_delivery(body, signature=sign_delivery(body, secret=Secret(secret)), secret=Secret(secret))


@settings(max_examples=60)
@given(signature=st.text())
def test_no_signature_breaks_the_check(signature: str) -> None:
    """Whatever the header holds, the delivery is rejected."""
    assert find_reason(BODY, signature) in {"missing_signature", "bad_signature"}


def test_an_event_is_read() -> None:
    """An event says what happened to what, when, and by whom."""
    event = parse_event(encode())

    assert ("a90e7d2c-1111-4222-8333-444455556666", "update", "api:app") == (event.id, event.action, event.entity)
    assert {"id": "4c0c1f4e-2f5b-4b0a-8d2e-9a1b2c3d4e5f", "name": "shop-staging-2"} == event.data
    assert {"name": "shop-staging"} == event.previous_data
    assert event.actor is not None
    assert "dev@example.test" == event.actor.email


@pytest.mark.parametrize(
    ("resource", "include"),
    [
        ("addon", "api:addon"),
        ("addon-attachment", "api:addon-attachment"),
        ("collaborator", "api:collaborator"),
        ("dyno", "dyno"),
        ("dyno", "api:dyno"),
    ],
)
def test_an_entity_is_what_the_subscription_names(resource: str, include: str) -> None:
    """The delivery says under which include it was sent; `dyno` and `api:dyno` are two of them."""
    metadata = {**DELIVERY["webhook_metadata"], "event": {"id": "e1", "include": include}}

    assert include == parse_event(encode(resource=resource, webhook_metadata=metadata)).entity


@pytest.mark.parametrize("action", ["create", "update", "destroy", "archived"])
def test_an_unknown_action_survives(action: str) -> None:
    """Heroku may add actions at any time."""
    assert action == parse_event(encode(action=action)).action


@pytest.mark.parametrize(
    "changes", [{"actor": None}, {"previous_data": {}}, {"sequence": 7}, {"data": []}, {"new_member": [1]}]
)
def test_members_may_be_empty_or_new(changes: dict[str, object]) -> None:
    """Data may gain members without notice."""
    assert "update" == parse_event(encode(**changes)).action


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        encode(id=None),
        encode(action=1),
        b'{"id":"\xff"}',
        b"[" * 100_000,
        b'{"data":' * 100_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    """A body that cannot be read is the sender's fault, at any depth."""
    with pytest.raises(Malformed):
        parse_event(body)


@settings(max_examples=100)
@given(body=st.binary())
def test_no_bytes_break_the_parser(body: bytes) -> None:
    """A parser returns a value or raises Malformed, nothing else."""
    with pytest.raises(Malformed):
        parse_event(body)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer hook-auth-2", "bearer hook-auth-1", "Bearer \u00e9"])
def test_a_delivery_without_our_header_is_rejected(header: str | None) -> None:
    """The header is sent as we set it (contract §8.2); known before the body is read."""
    with pytest.raises(DeliveryRejected) as caught:
        verify_authorization(header, authorization=CREDENTIALS.authorization)

    assert "bad_authorization" == caught.value.reason


def test_a_delivery_with_our_header_is_accepted() -> None:
    verify_authorization("Bearer hook-auth-1", authorization=CREDENTIALS.authorization)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=-1), RETRIED_FOR])
def test_an_event_is_good_for_as_long_as_heroku_tries(age: timedelta) -> None:
    """72 hours (contract §8.4); a clock of ours that is behind makes none too new."""
    verify_age(parse_event(encode()), now=CREATED + age)


def test_an_event_that_heroku_would_not_try_any_more_is_rejected() -> None:
    with pytest.raises(DeliveryRejected) as caught:
        verify_age(parse_event(encode()), now=CREATED + RETRIED_FOR + timedelta(seconds=1))

    assert "too_old" == caught.value.reason


def test_where_there_is_no_subscription_one_is_made() -> None:
    """With retries, our own secret and our own header (contract §8.2)."""
    listing, creation = play([[], {}])

    assert ("GET", "/addons/u1/webhooks") == (listing.method, listing.path)
    assert ("POST", "/addons/u1/webhooks") == (creation.method, creation.path)
    assert {
        "include": ["api:app", "dyno"],
        "level": "sync",
        "url": URL,
        "secret": "whsec-test",
        "authorization": "Bearer hook-auth-1",
    } == json.loads(creation.body)


def test_the_subscription_that_is_there_is_changed() -> None:
    """The one with our path, whatever its host; the rest are not ours to touch."""
    others = [{"id": "w1", "url": "https://acme.example/other"}, {"id": "w3", "url": "https://acme.example/hooks/u2"}]
    _, change = play([[others[0], {"id": "w2", "url": "https://old.example/hooks/u1"}, others[1]], {}])

    assert ("PATCH", "/addons/u1/webhooks/w2") == (change.method, change.path)
    assert (URL, "whsec-test") == ((sent := json.loads(change.body))["url"], sent["secret"])


def test_what_heroku_declines_is_raised() -> None:
    """403 is what an entity without permission is taken to get (contract §8.3)."""
    with pytest.raises(Forbidden):
        play([[]], status=403)


def test_no_request_shows_a_credential() -> None:
    """Neither of the two is for logs."""
    _, creation = play([[], {}])

    assert "whsec-test" not in repr(creation)
    assert "hook-auth-1" not in repr(creation)


def play(answers: Iterable[Any], *, status: int = 201) -> list[Request]:
    """Answer a subscribing chain, the last time with a status, and return what it asked."""
    chain = subscribe("u1", url=URL, include={"dyno", "api:app"}, credentials=CREDENTIALS)
    asked = [next(chain)]
    statuses = [200, status]
    bodies = [json.dumps(answer).encode() for answer in answers] + [b"{}"]
    try:
        for code, body in zip(statuses, bodies, strict=False):
            asked.append(chain.send(Response(status=code, body=body)))
    except StopIteration:
        return asked
    raise AssertionError("The chain asks for more.")
