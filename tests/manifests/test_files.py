"""The file of a manifest."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.manifests.files import (
    FILE,
    OLDER_FILE,
    BadManifest,
    find_file,
    list_differences,
    mask,
    read_file,
    render,
    write_file,
)

# As Heroku's plugin writes it, with members that nobody here knows.
PLUGIN_S = """{
  "id": "acme-search",
  "$base": 7,
  "api": {
    "password": "pässword-of-acme",
    "sso_salt": "salt-of-acme",
    "requires": [],
    "new_member": {
      "a": null,
      "b": {}
    }
  },
  "name": "Acme <Search> ☃"
}"""


def test_a_file_of_the_plugin_s_goes_through_unchanged(tmp_path: Path) -> None:
    """Byte for byte: the order of its members, those that we do not know, and no line's end at the end."""
    (tmp_path / FILE).write_text(PLUGIN_S, encoding="utf-8")
    write_file(tmp_path / FILE, read_file(tmp_path / FILE))

    assert PLUGIN_S == (tmp_path / FILE).read_text(encoding="utf-8")


def test_the_older_name_wins_as_with_the_plugin(tmp_path: Path) -> None:
    first = find_file(tmp_path)
    (tmp_path / FILE).touch()
    second = find_file(tmp_path)
    (tmp_path / OLDER_FILE).touch()

    assert [FILE, FILE, OLDER_FILE] == [first.name, second.name, find_file(tmp_path).name]


def test_what_is_shown_has_no_secret() -> None:
    shown = render(mask(json.loads(PLUGIN_S)))

    assert ("password-of" in shown, "pässword" in shown, "salt-of" in shown) == (False, False, False)
    assert '"password": "…"' in shown
    assert '"requires": []' in shown


def test_differences_are_told_by_value_and_without_secrets() -> None:
    """Neither the order of members nor the number of a revision is one."""
    ours = json.loads(PLUGIN_S)
    theirs: dict[str, Any] = {
        "$base": 9,
        "name": "Acme",
        "api": {**ours["api"], "password": "another", "regions": ["us"]},
        "id": "acme-search",
    }
    del theirs["api"]["requires"]

    assert [] == list(list_differences(ours, {"name": ours["name"], **ours, "$base": 9}))
    assert [
        "api.password: another one",
        'api.regions: ["us"] → nothing',
        "api.requires: nothing → []",
        'name: "Acme" → "Acme <Search> ☃"',
    ] == list(list_differences(ours, theirs))


def test_a_new_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    """One that is there keeps what it has."""
    write_file(tmp_path / FILE, {"id": "acme"})
    private = (tmp_path / FILE).stat().st_mode & 0o777
    (tmp_path / FILE).chmod(0o640)
    write_file(tmp_path / FILE, {"id": "acme"})

    assert (0o600, 0o640) == (private, (tmp_path / FILE).stat().st_mode & 0o777)
    assert [FILE] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("text", ["", "[]", "{", '"acme"', "\ufeff", "\x00"])
def test_what_is_no_manifest_is_said_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(BadManifest) as error:
        read_file(tmp_path / FILE)

    assert 1 == len(error.value.problems)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="`headrace manifest new` makes one"):
        read_file(tmp_path / FILE)
