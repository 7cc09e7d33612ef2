"""headrace as it was at some commit, checked out beside the one at hand, and run as its users run it.

The commands of a build find its code first; what it needs of others is what is installed here.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import headrace
from lab.kit.processes import PATIENCE_SECONDS, wait_until_answered

ROOT = Path(headrace.__file__).parents[2]
# A start takes a second, or many on a machine that is busy with other things.
START_SECONDS = 180.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Build:
    """Code that is checked out in a folder."""

    label: str
    folder: Path

    def run(self, *arguments: str, environment: dict[str, str]) -> None:
        subprocess.run(self._command(arguments), env=self._environment(environment), check=True, capture_output=True)

    @contextmanager
    def start(self, *arguments: str, environment: dict[str, str], ready_on: int) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a command while the block lasts, which begins once it is ready on a port."""
        null = subprocess.DEVNULL
        command, there = self._command(arguments), self._environment(environment)
        with subprocess.Popen(command, env=there, stdout=null, stderr=null) as process:
            try:
                wait_until_answered(f"http://127.0.0.1:{ready_on}/ready", within=START_SECONDS)
                yield process
            finally:
                process.terminate()
                process.wait(PATIENCE_SECONDS)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        project = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))
        module, _, name = project["project"]["scripts"]["headrace"].partition(":")
        return [sys.executable, "-c", f"from {module} import {name}; {name}()", *arguments]

    def _environment(self, environment: dict[str, str]) -> dict[str, str]:
        path = f"{self.folder / 'src'}{os.pathsep}{environment.get('PYTHONPATH', '')}"
        return {**os.environ, **environment, "PYTHONPATH": path}


@contextmanager
def check_out(*commits: str) -> Iterator[list[Build]]:
    """Yield the build at hand, and those at these commits, as far as this clone has them."""
    with tempfile.TemporaryDirectory(prefix="headrace-builds-") as folder:
        builds = [Build(label="now", folder=ROOT)]
        for commit in commits:
            place = Path(folder, commit)
            place.mkdir()
            packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False)
            if packed.returncode:
                print(f"This clone has no commit {commit}: nothing is measured beside it.")
                continue
            subprocess.run(["tar", "-x", "-C", str(place)], input=packed.stdout, check=True)
            builds.append(Build(label=commit, folder=place))
        yield builds


def read_cpu(pid: int) -> float:
    """Return the processor seconds of a process and of the processes that it started, as far as they live."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    # The name of a process, which comes first, may have spaces.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND + sum(read_cpu(int(child)) for child in children)
