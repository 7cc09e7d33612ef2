"""Pythons beside this one, each with a SQLite of its own, and headrace installed for them from its wheel."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.kit.processes import module

ROOT = Path(__file__).resolve().parents[2]
LOCKED = ROOT / "requirements" / "run.txt"
MINORS = (11, 12, 13, 14)
ASK = (
    "import ensurepip, json, platform, sqlite3, sys;"
    "print(json.dumps([sys.version_info[1], platform.python_version(), sqlite3.sqlite_version]))"
)
# Debian's releases that carry later Pythons; of one that debootstrap does not know yet, sid's script will do.
RELEASES = {13: "trixie", 14: "forky"}
SCRIPTS = Path("/usr/share/debootstrap/scripts")
PLATFORM = "x86_64-manylinux_2_28"


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python: the command that runs it; `root` is its machine's, where that is not this one."""

    command: tuple[str | Path, ...]
    minor: int
    version: str
    sqlite: str
    root: Path = Path("/")

    def __str__(self) -> str:
        return f"Python {self.version}, SQLite {self.sqlite}"


@dataclass(frozen=True, kw_only=True)
class Installed:
    """headrace, installed: what runs it, and a folder to run it in, as it sees it and as this machine does."""

    interpreter: Interpreter
    folder: Path
    environment: tuple[str, ...] = ()

    def command(self, *arguments: str | Path) -> list[str | Path]:
        inside = "/" / self.folder.relative_to(self.interpreter.root)
        *way, python = self.interpreter.command
        return [*way, "env", "-C", inside, *self.environment, python, "-m", "headrace", *arguments]


def find_interpreters() -> list[Interpreter]:
    """Return one of each version, in order: a shim that leads nowhere and a Python without SQLite are none."""
    found = {each.version: each for path in _list_candidates() if (each := ask((path,))) is not None}
    return sorted(found.values(), key=lambda each: (each.minor, each.version))


def find_missing(found: Sequence[Interpreter]) -> list[str]:
    return [f"3.{minor}" for minor in MINORS if minor not in {each.minor for each in found}]


def _list_candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders = [Path(each) for each in os.get_exec_path()] + sorted(pyenv.glob("3.*/bin"))
    for folder in folders:
        for minor in MINORS:
            if (path := folder / f"python3.{minor}").exists():
                yield path


def ask(command: tuple[str | Path, ...], *, root: Path = Path("/")) -> Interpreter | None:
    answer = subprocess.run([*command, "-c", ASK], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return None
    minor, version, sqlite = json.loads(answer.stdout)
    return Interpreter(command=command, minor=minor, version=version, sqlite=sqlite, root=root)


def build_wheel(folder: Path) -> Path:
    build = module("hatchling", "build", "--target", "wheel", "--directory", str(folder))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def install(interpreter: Interpreter, wheel: Path, folder: Path) -> Installed:
    """Install the wheel and what it needs, in the locked versions, for a Python; return how it runs."""
    site = folder / "site"
    target = ("--target", site, "--python-version", f"3.{interpreter.minor}", "--python-platform", PLATFORM)
    uv: list[str | Path] = [*module("uv", "--quiet", "--no-python-downloads"), "pip", "install", "--system-certs"]
    uv += ["--no-deps", *target]
    for what in (["--require-hashes", "-r", LOCKED], [wheel]):
        subprocess.run([*uv, *what], check=True, capture_output=True, text=True)
    inside = "/" / folder.relative_to(interpreter.root)
    return Installed(interpreter=interpreter, folder=folder, environment=(f"PYTHONPATH={inside / 'site'}",))


def make_venv(folder: Path, wheel: Path, *more: str) -> None:
    """Make a virtual environment of this Python that has the wheel with what it needs, in the locked versions."""
    uv = module("uv", "--quiet", "--no-python-downloads")
    install = [*uv, "pip", "install", "--system-certs", "--compile-bytecode", "--python", str(folder)]
    for command in (
        [*uv, "venv", "--python", sys.executable, str(folder)],
        [*install, "--no-deps", "--require-hashes", "-r", str(LOCKED)],
        [*install, str(wheel), *more],
    ):
        subprocess.run(command, check=True, capture_output=True, text=True)


def why_no_machines() -> str | None:
    """Say what keeps Debian's later Pythons from being had here."""
    if os.geteuid() != 0:
        return "that wants root"
    return None if shutil.which("debootstrap") else "that wants `apt-get install debootstrap`"


def find_mirror() -> str:
    """Return where this machine's own apt has its packages from; what is for security alone is no whole release."""
    fields = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(SUITE)", "Created-By: Packages"]
    told = subprocess.run(fields, check=True, capture_output=True, text=True).stdout
    mirrors = [line.split()[0] for line in told.splitlines() if "security" not in line]
    assert mirrors, "apt has no packages of Debian's from anywhere"
    return mirrors[0]


@contextmanager
def debian(minor: int, folder: Path) -> Iterator[Interpreter]:
    """Make the smallest machine of Debian's that carries a Python, in a folder, and let it run until the block ends."""
    release = RELEASES[minor]
    script = [] if (SCRIPTS / release).exists() else [str(SCRIPTS / "sid")]
    packages = "--include=python3,python3-venv,ca-certificates"
    made = ["debootstrap", "--variant=minbase", packages, release, str(folder), find_mirror(), *script]
    subprocess.run(made, check=True, capture_output=True, text=True)
    subprocess.run(["mount", "-t", "proc", "proc", folder / "proc"], check=True)
    try:
        found = ask(("chroot", folder, "python3"), root=folder)
        assert found is not None, f"{release} carries no Python that works"
        yield found
    finally:
        subprocess.run(["umount", folder / "proc"], check=True)
