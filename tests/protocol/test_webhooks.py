import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import DeliveryRejected, Malformed
from headrace.models import Secret
from headrace.protocol.webhooks import parse_event, sign_delivery, verify_delivery

SECRET = Secret("whsec-test")
BODY = b'{"action":"update","resource":"app"}'
SIGNATURE = "lIuPkUn7DzP7wH0tChVR8i+LniNRque+x06Sc5gn14k="

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


@settings(max_examples=60, deadline=None)
@given(body=st.binary(), secret=st.text())
def test_what_is_signed_is_accepted(body: bytes, secret: str) -> None:
    """verify(sign(x)) holds for every body."""
    verify_delivery(body, signature=sign_delivery(body, secret=Secret(secret)), secret=Secret(secret))


@settings(max_examples=60, deadline=None)
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


@pytest.mark.parametrize("changes", [{"actor": None}, {"previous_data": {}}, {"sequence": 7}, {"new_member": [1]}])
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
        encode(data=[]),
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


@settings(max_examples=100, deadline=None)
@given(body=st.binary())
def test_no_bytes_break_the_parser(body: bytes) -> None:
    """A parser returns a value or raises Malformed, nothing else."""
    with pytest.raises(Malformed):
        parse_event(body)
