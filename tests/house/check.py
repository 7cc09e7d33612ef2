"""`./dev check FILE…`: what can be said of a few files in seconds: format, lint, types, and the tests about them."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from house.mirror import find_tests
from house.rooms import ROOT

BIN = Path(sys.executable).parent


def main(names: Sequence[str]) -> int:
    paths = [Path(name).resolve() for name in names]
    if unknown := [str(path) for path in paths if not (path.is_file() and path.is_relative_to(ROOT))]:
        _say(f"Not a file of this repository: {', '.join(unknown)}.")
    if unknown or not paths:
        _say("./dev check FILE…: name the files that you are working on.")
        return 2
    checks = list_checks([path.relative_to(ROOT) for path in paths])
    return max(subprocess.run(check, cwd=ROOT, check=False).returncode != 0 for check in checks)


def list_checks(paths: Sequence[Path]) -> list[list[str]]:
    """Return the commands that check these files; files without a test are named."""
    found = {path: find_tests(path) for path in paths}
    for path in (path for path in paths if not found[path]):
        _say(f"No tests of {path} found.")
    python = [str(path) for path in paths if path.suffix == ".py"]
    checks = [[_find("ruff"), "format", *python], [_find("ruff"), "check", *python]] if python else []
    checks.append([_find("mypy")])
    if tests := _sort_out(found.values()):
        # Processes of their own take longer to start than one file's tests take to run.
        checks.append([_find("pytest"), *tests, *(["-n", "0"] if len(tests) == 1 else [])])
    return checks


def _sort_out(groups: Iterable[Iterable[Path]]) -> list[str]:
    return sorted({str(test) for tests in groups for test in tests})


def _find(tool: str) -> str:
    return str(BIN / tool)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
