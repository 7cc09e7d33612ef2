"""What a saved file means while an add-on is written."""

from collections.abc import Iterable
from enum import Enum, auto
from pathlib import Path

from watchfiles import Change, DefaultFilter

MANIFEST = "addon-manifest.json"
SETTINGS = ".env"
# What the service reads when it is imported, and templates that it may have read then.
READ_AT_START = {".py", ".html", ".json", ".toml", ".yaml", ".yml"}


class Meaning(Enum):
    """What has to be done about files that changed: of several, the first that applies."""

    NEW_MANIFEST = auto()
    START_AGAIN = auto()
    OTHER_WORLD = auto()


class Watched(DefaultFilter):
    """Lets through what makes a difference to the service, out of what a project has: no tests, no environments."""

    def __init__(self, world: Path) -> None:
        super().__init__(ignore_dirs=[*self.ignore_dirs, "venv", "site-packages"])
        self._world = world

    def __call__(self, change: Change, path: str) -> bool:
        return super().__call__(change, path) and self.find_meaning([path]) is not None

    def find_meaning(self, paths: Iterable[str]) -> Meaning | None:
        """Return what is to be done about these files, or None if nothing is."""
        found = {self._judge(Path(path)) for path in paths}
        return next((meaning for meaning in Meaning if meaning in found), None)

    def _judge(self, path: Path) -> Meaning | None:
        if path.name == MANIFEST:
            return Meaning.NEW_MANIFEST
        if path == self._world:
            return Meaning.OTHER_WORLD
        is_test = path.name.startswith("test_") or path.name == "conftest.py"
        is_read = path.name == SETTINGS or path.suffix in READ_AT_START
        return Meaning.START_AGAIN if is_read and not is_test else None
