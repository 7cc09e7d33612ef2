"""The wheel of the headrace that runs here. No package index has it, so that it lies beside what depends on it."""

import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from headrace.errors import ConfigurationError

# What an installer adds to what was in the wheel.
ADDED = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"}
# The earliest moment that a zip file can name: the same files make the same wheel.
EARLIEST = (1980, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16
NO_BUILDER = (
    "headrace runs from a checkout here, and nothing builds its wheel, which requirements.txt names: "
    "`pip install hatchling`, or install headrace from its wheel."
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel as it is to be named and written."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def make_wheel(name: str = "headrace") -> Wheel:
    """Return the wheel of what is installed: packed again of its files, or built where it is a checkout.

    Raises:
        ConfigurationError: it is a checkout, and there is no hatchling to build it.
    """
    found = distribution(name)
    checkout = _find_checkout(found)
    return _build(checkout) if checkout else _pack(found)


def _find_checkout(found: Distribution) -> Path | None:
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    is_editable = origin.get("dir_info", {}).get("editable", False)
    return Path(url2pathname(urlsplit(origin["url"]).path)) if is_editable else _find_sources(found)


def _find_sources(found: Distribution) -> Path | None:
    """Return the checkout of an installation that points to one and does not say so: it has none of the files."""
    here = Path(__file__).resolve()
    is_installed = any(Path(str(found.locate_file(each))).resolve() == here for each in found.files or ())
    return None if is_installed else here.parents[3]


def _build(checkout: Path) -> Wheel:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
        try:
            subprocess.run(command, cwd=checkout, check=True, capture_output=True)  # noqa: S603 - our own build
        except (OSError, subprocess.CalledProcessError):
            raise ConfigurationError([NO_BUILDER]) from None
        path = next(Path(folder).glob("*.whl"))
        return Wheel(path.name, path.read_bytes())


def _pack(found: Distribution) -> Wheel:
    files = sorted(_list_packed(found))
    record = next(each for each in found.files or () if each.name == "RECORD")
    lines = [f"{each.as_posix()},{each.hash.mode}={each.hash.value},{each.size}" for each in files if each.hash]
    contents = {each.as_posix(): each.read_binary() for each in files}
    contents[record.as_posix()] = "\n".join([*lines, f"{record.as_posix()},,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, EARLIEST)
            entry.external_attr, entry.compress_type = READABLE, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return Wheel(f"{found.name}-{found.version}-py3-none-any.whl", packed.getvalue())


def _list_packed(found: Distribution) -> Iterator[PackagePath]:
    """List what the wheel had: without commands, which an installer makes, and what Python has compiled."""
    for each in found.files or ():
        is_ours = each.parts[0] != ".." and "__pycache__" not in each.parts
        if is_ours and not (each.parts[0].endswith(".dist-info") and each.name in ADDED):
            yield each
