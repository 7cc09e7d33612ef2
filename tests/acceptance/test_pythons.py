"""Every other Python from 3.11 on that this machine has: installed from the wheel, demo, provision, crash and restart.

`./dev pythons` does the same with Debian's later ones.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.kit.processes import module
from lab.kit.pythons import LOCKED, MINORS, PLATFORM, find_interpreters, install
from lab.kit.smoke import smoke

pytestmark = pytest.mark.acceptance

RESOLVED_SECONDS = 300.0
OTHERS = [minor for minor in MINORS if minor != sys.version_info[1]]


@pytest.mark.long
@pytest.mark.parametrize("minor", OTHERS, ids=lambda minor: f"3.{minor}")
def test_headrace_runs_on_every_python_of_this_machine(wheel: Path, tmp_path: Path, minor: int) -> None:
    """With whatever SQLite it carries; one that is not there is named among what was left out."""
    found = [each for each in find_interpreters() if each.minor == minor]
    if not found:
        pytest.skip(f"left out: no Python 3.{minor} on this machine")
    smoke(install(found[-1], wheel, tmp_path))


@pytest.mark.parametrize("minor", MINORS, ids=lambda minor: f"3.{minor}")
def test_what_is_locked_resolves_on_every_python(tmp_path: Path, minor: int) -> None:
    """Each package has a wheel or a source by its hash, and none that another needs is left out."""
    target = ("--target", tmp_path, "--python-version", f"3.{minor}", "--python-platform", PLATFORM)
    resolve = module("uv", "pip", "install", "--dry-run", "--system-certs", "--no-python-downloads", "--require-hashes")
    done = subprocess.run(
        [*resolve, *target, "-r", LOCKED], capture_output=True, text=True, check=False, timeout=RESOLVED_SECONDS
    )

    assert 0 == done.returncode, done.stderr
    pins = re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==", LOCKED.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"Would install {len(pins)} packages" in done.stderr
