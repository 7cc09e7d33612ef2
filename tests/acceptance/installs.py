"""The outside world's own programs: what npm has for Heroku, and a browser, installed once into a cache folder.

What cannot be had fails in CI and is left out elsewhere, each with a plain reason.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

HEROKU_CLI = ("heroku", "11.10.0")
HEROKU_CLIENT = ("heroku-client", "3.1.4")
OLDEST_NODE = 20
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
INSTALL_SECONDS = 900.0


def find_cache() -> Path:
    folder = Path(os.environ.get("HEADRACE_CACHE") or Path.home() / ".cache" / "headrace")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def install_from_npm(name: str, version: str) -> Path:
    """Return the folder of modules that has a package of npm's, installed by the first who asks."""
    folder = find_cache() / f"{name}-{version}"
    marker = folder / "installed"
    with lock("npm"):
        if not has_node():
            install_packages("nodejs", "npm")
        if not has_node():
            leave_out(f"no Node.js {OLDEST_NODE} or newer with npm, which {name} needs")
        if not marker.exists():
            options = ("--no-audit", "--no-fund", "--no-save", "--loglevel=error")
            run("npm", "install", "--prefix", str(folder), *options, f"{name}@{version}", wanted=name)
            marker.touch()
    return folder / "node_modules"


def find_chromium() -> Path:
    """Return a Chromium: the machine's own, or the system's package, installed by the first who asks."""
    with lock("chromium"):
        found = look_for_browser()
        if found is None:
            install_packages("chromium")
            found = look_for_browser()
    return found or leave_out("no Chromium on this machine")


def look_for_browser() -> Path | None:
    return next((Path(found) for name in BROWSERS if (found := shutil.which(name))), None)


def has_node() -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)", answer.stdout)
    return version is not None and int(version[1]) >= OLDEST_NODE


def install_packages(*packages: str) -> None:
    """Install the system's packages, where there is a package manager and a right to use it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    with lock("apt"):
        run("apt-get", "update", wanted=packages[0])
        run("apt-get", "install", "-y", "--no-install-recommends", *packages, wanted=packages[0])


def run(*command: str, wanted: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        leave_out(
            f"{wanted} could not be installed: {command[0]} ended with {error.returncode}\n{error.stderr[-2000:]}"
        )
    except subprocess.TimeoutExpired:
        leave_out(f"{wanted} could not be installed within {INSTALL_SECONDS:.0f} s")


def leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(f"left out: {reason}")


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock that all processes of a test run share."""
    with (find_cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
