"""A password that is rotated."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.manifests.files import BadManifest, mask, render
from headrace.manifests.rotation import begin_rotation, find_end, keep_before, strip_before
from headrace.protocol.manifest import parse_manifest

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=24)
CONTENTS: dict[str, Any] = {
    "id": "acme",
    "$base": 3,
    "api": {"password": "the old one", "sso_salt": "", "production": {"base_url": "https://acme.example"}},
    "name": "Acme",
}


def rotate() -> dict[str, Any]:
    return begin_rotation(CONTENTS, password="the new one", until=LATER, now=NOON)


@pytest.mark.parametrize(
    ("at", "good"),
    [
        (NOON, ["the new one", "the old one"]),
        (LATER - timedelta(seconds=1), ["the new one", "the old one"]),
        (LATER, ["the new one"]),
    ],
)
def test_both_passwords_are_good_until_a_moment(at: datetime, good: list[str]) -> None:
    """As a service reads them out of the one manifest."""
    manifest = parse_manifest(render(rotate()))

    assert good == [password.reveal() for password in manifest.list_passwords(at)]
    assert {"the new one", "the old one"} <= {secret.reveal() for secret in manifest.secrets}


def test_heroku_is_told_the_new_one_alone() -> None:
    """The rest of the manifest is as it was; what is shown has neither."""
    changed = {**CONTENTS, "api": {**CONTENTS["api"], "password": "the new one"}}

    assert changed == strip_before(rotate())
    assert "one" not in render(mask(rotate())).replace("None", "")


def test_what_heroku_answers_keeps_the_old_one_while_it_is_good() -> None:
    answered = strip_before(rotate()) | {"$base": 4}

    assert LATER == find_end(keep_before(answered, rotate(), now=NOON), NOON)
    assert answered == keep_before(answered, rotate(), now=LATER)


def test_a_third_password_has_to_wait() -> None:
    """Of three one would be refused, and which Heroku calls with nobody knows."""
    with pytest.raises(BadManifest, match="A rotation lasts until 2026-11-30 12:00 UTC"):
        begin_rotation(rotate(), password="a third", until=LATER, now=NOON)

    assert "a third" == begin_rotation(rotate(), password="a third", until=LATER, now=LATER)["api"]["password"]


@pytest.mark.parametrize("api", [None, {}, {"password": ""}, {"password": 3}, []])
def test_a_manifest_without_a_password_has_nothing_to_rotate(api: object) -> None:
    with pytest.raises(BadManifest, match=r"api\.password: missing"):
        begin_rotation({"id": "acme", "api": api}, password="new", until=LATER, now=NOON)
