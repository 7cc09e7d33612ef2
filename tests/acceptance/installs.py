"""The outside world's own programs: what npm, PyPI and Debian have for Heroku, and a browser, installed once.

What cannot be had fails in CI and is left out elsewhere, each with a plain reason.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from lab.kit.processes import find_cache

HEROKU_CLI = ("heroku", "11.10.0")
# What the CLI and its plugins ask Heroku with.
HEROKU_COMMAND = ("@heroku-cli/command", "13.2.0")
HEROKU_CLIENT = ("heroku-client", "3.1.4")
MCP_SERVER = ("@heroku/mcp-server", "1.2.8")
# With what it imports and the tests' environment lacks.
PYRAMID_HEROKU = ("pyramid-heroku==0.12", "expandvars==1.1.2")
# Where Debian has the sources of Go packages.
GO_CODE = Path("/usr/share/gocode")
HEROKU_GO = GO_CODE / "src" / "github.com" / "cyberdelia" / "heroku-go" / "v5"
OLDEST_NODE = 20
# What most hosts make their databases with.
EN_US = "en_US.UTF-8"
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
INSTALL_SECONDS = 900.0


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
            # npm takes what it finds for whole, though who put it there was interrupted.
            shutil.rmtree(folder, ignore_errors=True)
            options = ("--no-audit", "--no-fund", "--no-save", "--loglevel=error")
            run("npm", "install", "--prefix", str(folder), *options, f"{name}@{version}", wanted=name)
            marker.touch()
    return folder / "node_modules"


def install_from_pypi(*packages: str) -> Path:
    """Return a folder that has these packages of PyPI's and nothing else, installed by the first who asks."""
    folder = find_cache() / "-".join(package.replace("==", "-") for package in packages)
    marker = folder / "installed"
    with lock("pypi"):
        if not marker.exists():
            options = ("--quiet", "--system-certs", "--no-deps", "--target", str(folder))
            run(sys.executable, "-m", "uv", "pip", "install", *options, *packages, wanted=packages[0])
            marker.touch()
    return folder


def build_with_heroku_go(program: Path) -> Path:
    """Return a Go program that uses heroku-go as a file to run, built by the first who asks."""
    built = find_cache() / f"{program.stem}-{hashlib.sha256(program.read_bytes()).hexdigest()[:16]}"
    with lock("go"):
        if not (shutil.which("go") and HEROKU_GO.exists()):
            install_packages("golang-go", "golang-github-cyberdelia-heroku-go-dev")
        if not (shutil.which("go") and HEROKU_GO.exists()):
            leave_out("no Go with heroku-go on this machine")
        if not built.exists():
            go = ("GO111MODULE=off", f"GOPATH={GO_CODE}", f"GOCACHE={find_cache() / 'go'}")
            run("env", *go, "go", "build", "-o", str(built), str(program), wanted=program.name)
    return built


def find_prometheus(name: str) -> str:
    """Return Prometheus or its tool: the machine's own, or of the system's package, installed by the first who asks."""
    with lock("prometheus"):
        # Debian 13 has the tool in a package of its own.
        for package in ("prometheus", "promtool"):
            if not shutil.which(name):
                install_packages(package)
    return shutil.which(name) or leave_out(f"no {name} on this machine")


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


def need_locale(name: str) -> None:
    """Have a locale such as en_US.UTF-8 of the system's, made by the first who asks."""
    with lock("locales"):
        if not _has_locale(name):
            install_packages("locales")
            if shutil.which("localedef") and os.geteuid() == 0:
                language, _, letters = name.partition(".")
                # A server that runs already looks no more into the archive of them.
                run("localedef", "--no-archive", "-i", language, "-f", letters, name, wanted=name)
    if not _has_locale(name):
        leave_out(f"no locale {name} on this machine")


def _has_locale(name: str) -> bool:
    answer = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False)
    return name.lower().replace("-", "") in {each.lower().replace("-", "") for each in answer.stdout.split()}


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
