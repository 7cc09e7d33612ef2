"""The file of a manifest, as Heroku's plugin for add-on partners reads and writes it, and what may be shown of it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from headrace.errors import ConfigurationError
from headrace.protocol.manifest import strip_mark

FILE = "addon-manifest.json"
# An older release of the plugin wrote this one, and where both are there it still takes it.
OLDER_FILE = "addon_manifest.json"
BASE = "$base"
SECRET = {"password", "sso_salt"}
MASK = "…"


class BadManifest(ConfigurationError):
    """A manifest cannot be read, pushed or pulled."""

    headline: ClassVar[str] = "Nothing was changed"


def find_file(folder: Path) -> Path:
    """Return the manifest of a folder: where both names are there, the one that Heroku's plugin takes."""
    older = folder / OLDER_FILE
    return older if older.exists() else folder / FILE


def read_file(path: Path) -> dict[str, Any]:
    """Return what a file says, every member of it.

    Raises:
        BadManifest: it is not there, or no JSON object.
    """
    try:
        contents = json.loads(strip_mark(path.read_bytes()))
    except OSError as error:
        raise BadManifest([f"{path} cannot be read: {error.strerror}. `headrace manifest new` makes one."]) from None
    except (ValueError, RecursionError) as error:
        raise BadManifest([f"{path} is no JSON: {error}"]) from None
    if not isinstance(contents, dict):
        raise BadManifest([f"{path} is no JSON object."])
    return contents


def write_file(path: Path, contents: Mapping[str, Any]) -> None:
    """Write a manifest whole or not at all; a new file is its owner's alone.

    Raises:
        BadManifest: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.new")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    try:
        beside.unlink(missing_ok=True)
        with open(beside, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(render(contents))
        beside.replace(path)
    except OSError as error:
        raise BadManifest([f"{path} cannot be written: {error.strerror}."]) from None


def render(contents: Mapping[str, Any]) -> str:
    """Return the text as Heroku's plugin writes it: two spaces, and no line's end at the end."""
    return json.dumps(contents, indent=2, ensure_ascii=False)


def mask(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be shown: who calls as Heroku has to know the password, and who signs logins the salt."""
    return {name: _mask(name, value) for name, value in contents.items()}


def _mask(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return mask(value)
    return MASK if name in SECRET and value else value


def list_differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """List what differs, by value: the order of members tells nothing, and `$base` is a number of Heroku's own."""
    here, there = _flatten(ours), _flatten(theirs)
    for path in sorted(here.keys() | there.keys()):
        if path != BASE and here.get(path) != there.get(path):
            is_secret = path.rpartition(".")[2] in SECRET
            shown = [_show(side.get(path), is_secret=is_secret) for side in (there, here)]
            yield (
                f"{path}: {' → '.join(shown)}"
                if not is_secret or None in (here.get(path), there.get(path))
                else (f"{path}: another one")
            )


def _flatten(contents: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in contents.items():
        found |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def _show(value: Any, *, is_secret: bool) -> str:
    if value is None:
        return "nothing"
    return MASK if is_secret else json.dumps(value, ensure_ascii=False)
