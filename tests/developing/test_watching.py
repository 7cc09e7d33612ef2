"""What a saved file means."""

from pathlib import Path

import pytest
from watchfiles import Change

from headrace.developing.watching import Meaning, Watched

FOLDER = Path("/acme")


@pytest.mark.parametrize(
    ("paths", "meaning"),
    [
        (["addon.py"], Meaning.START_AGAIN),
        (["acme/cloud.py"], Meaning.START_AGAIN),
        ([".env"], Meaning.START_AGAIN),
        (["plans.json", "world.toml"], Meaning.START_AGAIN),
        (["world.toml"], Meaning.OTHER_WORLD),
        (["addon.py", "addon-manifest.json"], Meaning.NEW_MANIFEST),
        (["test_addon.py", "conftest.py", "README.md", "headrace.db"], None),
    ],
)
def test_what_is_saved_has_one_meaning(paths: list[str], meaning: Meaning | None) -> None:
    """A manifest comes before code, for both the add-on and Heroku read it."""
    watched = Watched(FOLDER / "world.toml")

    assert meaning is watched.find_meaning(str(FOLDER / path) for path in paths)


@pytest.mark.parametrize("folder", [".venv", "venv", "__pycache__", ".git", "node_modules"])
def test_what_others_write_is_not_looked_at(folder: str) -> None:
    watched = Watched(FOLDER / "world.toml")

    assert watched(Change.modified, str(FOLDER / "addon.py"))
    assert not watched(Change.modified, str(FOLDER / folder / "addon.py"))
