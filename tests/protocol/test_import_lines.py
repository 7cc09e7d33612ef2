"""What other providers bring: three forms, one value, and a clear word about what is wrong."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.errors import Malformed
from headrace.models import Ref, Secret, State
from headrace.protocol import import_lines
from headrace.protocol.import_lines import LONG_AGO, Imported

UUID = "01234567-89ab-cdef-0123-456789abcdef"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WHOLE = {
    "uuid": UUID.upper(),
    "plan": "basic",
    "name": "acme-search-1",
    "region": "us",
    "created_at": "2026-11-24T13:00:00+01:00",
    "refresh_token": "refresh-1",
    "access_token": "access-1",
    "expires_at": "2026-11-24T12:00:00Z",
    "app_id": UUID,
    "app_name": "shop",
}


def parse_line(body: bytes) -> Imported:
    return import_lines.parse_line(body, service="acme-search")


def parse_row(row: Mapping[str, str | None]) -> Imported:
    return import_lines.parse_row(row, service="acme-search")


def test_a_line_of_json_and_a_row_of_csv_say_the_same() -> None:
    """Everything that may be known of a resource; a uuid in Heroku's own form."""
    from_json, from_csv = parse_line(json.dumps(WHOLE).encode()), parse_row(WHOLE)

    assert from_json == from_csv
    assert (UUID, "basic", NOON, Ref(id=UUID, name="shop")) == (
        from_json.uuid,
        from_json.plan,
        from_json.created_at,
        from_json.app,
    )
    assert from_json.token is not None
    assert (Secret("access-1"), Secret("refresh-1"), NOON) == (
        from_json.token.access,
        from_json.token.refresh,
        from_json.token.expires_at,
    )


def test_a_request_is_taken_as_it_is_described() -> None:
    """A program knows null: what databases and spreadsheets write for nothing, or for a time, is wrong there."""
    found = import_lines.parse_request(json.dumps({**WHOLE, "name": None}).encode(), service="acme-search")
    for name, value in (("app_id", ""), ("expires_at", ""), ("created_at", "2026-11-24 12:00:00 UTC")):
        assert parse_line(json.dumps({**WHOLE, name: value}).encode())
        with pytest.raises(Malformed) as caught:
            import_lines.parse_request(json.dumps({**WHOLE, name: value}).encode(), service="acme-search")
        assert name == caught.value.field

    assert parse_line(json.dumps({**WHOLE, "name": ""}).encode()) == found


def test_uuid_and_plan_are_enough() -> None:
    """Empty cells are as good as none; without a token nothing can be asked of Heroku yet."""
    found = parse_row({"uuid": UUID, "plan": "basic", "name": " ", "refresh_token": "", "unknown": "column"})

    assert (UUID, UUID, State.PROVISIONED, None, None) == (
        found.uuid,
        found.name,
        found.state,
        found.token,
        found.created_at,
    )


def test_a_refresh_token_alone_is_refreshed_at_once() -> None:
    """An access token of which nobody says when it ends counts as ended."""
    found = parse_row({"uuid": UUID, "plan": "basic", "refresh_token": "r", "access_token": "a"})

    assert found.token is not None
    assert LONG_AGO == found.token.expires_at


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"uuid": "shop"}, "uuid"),
        ({"uuid": None}, "uuid"),
        ({"plan": None}, "plan"),
        ({"plan": ""}, "plan"),
        ({"state": "provisioning"}, "state"),
        ({"created_at": "2026-11-24T12:00:00"}, "created_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"app_id": "shop"}, "app_id"),
        ({"name": "a\0b"}, "name"),
        ({"refresh_token": None}, "refresh_token"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str) -> None:
    """By its field, and never with a token in the text."""
    members = {name: value for name, value in (WHOLE | changes).items() if value is not None}
    with pytest.raises(Malformed) as caught:
        parse_line(json.dumps(members).encode())

    assert field == caught.value.field
    assert field in caught.value.message
    assert "refresh-1" not in caught.value.message


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_malformed(body: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(Malformed):
        parse_line(body)


def test_nothing_imported_shows_its_tokens() -> None:
    """Neither the value nor what it was read from."""
    assert "refresh-1" not in repr(parse_row(WHOLE))
