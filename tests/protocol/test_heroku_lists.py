"""Heroku's own lists: two shapes, one value, and a clear word about what is wrong."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.errors import Malformed
from headrace.models import State
from headrace.protocol.heroku_lists import Listed, OtherService, parse_heroku_list, parse_list
from headrace.protocol.import_lines import Imported

SLUG = "acme-search"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADDON: dict[str, Any] = {
    "id": UUID,
    "name": "acme-search-1",
    "app": {"id": UUID, "name": "shop"},
    "plan": {"id": UUID, "name": "acme-search:basic"},
    "addon_service": {"id": UUID, "name": "acme-search"},
    "state": "provisioned",
    "created_at": "2026-11-24T12:00:00Z",
}
INSTALL: dict[str, Any] = {
    "callback_url": f"https://api.heroku.com/addons/{UUID}",
    "plan": "basic",
    "provider_id": UUID,
    "resource": {"name": "acme-search-1", "uuid": UUID},
}


def read(*items: dict[str, Any]) -> list[Listed | OtherService | Malformed]:
    return list(parse_heroku_list(json.dumps(items).encode(), service=SLUG))


def test_an_import_takes_what_is_provisioned_one_by_one() -> None:
    """The plan without its service; what is not provisioned, or cannot be read, is told and costs the rest nothing."""
    good, early, odd = parse_list(
        json.dumps([ADDON, ADDON | {"state": "provisioning"}, {"id": UUID}]).encode(), service=SLUG
    )

    assert isinstance(good, Imported)
    assert ("basic", "shop", NOON) == (good.plan, good.app and good.app.name, good.created_at)
    assert isinstance(early, Malformed)
    assert "provisioning" in early.message
    assert isinstance(odd, Malformed)


def test_what_is_being_provisioned_is_in_the_list_too() -> None:
    """With its state: Heroku waits for it."""
    (found,) = read(ADDON | {"state": "provisioning"})

    assert isinstance(found, Listed)
    assert (UUID, "basic", State.PROVISIONING) == (found.resource.uuid, found.resource.plan, found.state)


def test_the_list_of_installs_says_no_state() -> None:
    """Its plan has no service in front, and its app may be missing."""
    (found,) = read(INSTALL)

    assert isinstance(found, Listed)
    assert (UUID, "acme-search-1", "basic", None, None) == (
        found.resource.uuid,
        found.resource.name,
        found.resource.plan,
        found.resource.app,
        found.state,
    )


def test_another_service_s_add_ons_are_told_apart() -> None:
    """`heroku addons --all` lists whatever a person may see."""
    assert [OtherService(name="other")] == read(ADDON | {"addon_service": {"id": UUID, "name": "other"}})


@pytest.mark.parametrize("item", [ADDON | {"state": "asleep"}, ADDON | {"id": "1"}, INSTALL | {"plan": 1}, {}])
def test_what_cannot_be_read_is_told(item: dict[str, Any]) -> None:
    """And costs the rest nothing."""
    odd, good = read(item, ADDON)

    assert (True, True) == (isinstance(odd, Malformed), isinstance(good, Listed))


@pytest.mark.parametrize("text", [b'{"id": "unauthorized"}', b"", b"[" * 100_000])
def test_what_is_no_list_is_malformed(text: bytes) -> None:
    """An error's body, for example."""
    with pytest.raises(Malformed):
        parse_list(text, service=SLUG)
    with pytest.raises(Malformed):
        parse_heroku_list(text, service=SLUG)
