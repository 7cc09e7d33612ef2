"""What is released: an sdist and a wheel, built in a copy of the sources that this clone has committed."""

import os
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path

from lab.kit.processes import module
from lab.kit.pythons import ROOT

# Sources that are older or newer, or belong to somebody else, make the same files.
MOMENTS = (1_000_000_000, 1_700_000_000)
MASKS = (0o022, 0o077)


def build_twice(folder: Path) -> list[dict[str, Path]]:
    """Build sdist and wheel in two folders, of other times and modes; return the files of each by their names."""
    return [_build(folder / f"build-{moment}", moment, mask) for moment, mask in zip(MOMENTS, MASKS, strict=True)]


def _build(folder: Path, moment: int, mask: int) -> dict[str, Path]:
    sources, made = folder / "sources", folder / "dist"
    sources.mkdir(parents=True)
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(sources)], input=packed, check=True)
    for path in sources.rglob("*"):
        if not path.is_symlink():
            path.chmod((0o777 if path.is_dir() else path.stat().st_mode) & ~mask)
            os.utime(path, (moment, moment))
    build = module("hatchling", "build", "--directory", str(made))
    subprocess.run(build, cwd=sources, check=True, capture_output=True, umask=mask)
    return {path.name: path for path in made.iterdir()}


def find_differing(builds: list[dict[str, Path]]) -> list[str]:
    """Return the files that are not the same in every build, or not there."""
    digests = [{name: sha256(path.read_bytes()).hexdigest() for name, path in build.items()} for build in builds]
    names = sorted({name for each in digests for name in each})
    return [name for name in names if len({each.get(name) for each in digests}) > 1]


def list_missing(wheel: Path) -> set[str]:
    """Return what is committed of the package and is not in a wheel, or is there and was not committed."""
    committed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-tree", "-r", "--name-only", "HEAD", "src/headrace"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    return packed ^ {name.removeprefix("src/") for name in committed}
