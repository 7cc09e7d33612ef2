"""`./dev pythons`: the wheel and what it needs, installed for each Python that can be had, and a smoke with each.

Looked for are `python3.11` and later on the PATH, and what pyenv has. Debian's releases are made in temporary folders
for what those carry of later ones. Each brings a SQLite of its own.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from lab.kit.pythons import (
    RELEASES,
    Interpreter,
    build_wheel,
    debian,
    find_interpreters,
    find_missing,
    install,
    why_no_machines,
)
from lab.kit.smoke import SmokeError, smoke


def main() -> int:
    found = find_interpreters()
    with tempfile.TemporaryDirectory(prefix="headrace-pythons-") as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        passed = [passes(each, wheel, folder / each.version) for each in found]
        if (problem := why_no_machines()) is not None:
            print(f"Not tried with Debian's {' and '.join(RELEASES.values())}: {problem}.")
        else:
            for minor in RELEASES:
                with debian(minor, folder / RELEASES[minor]) as interpreter:
                    passed.append(passes(interpreter, wheel, interpreter.root / "smoke"))
                    found.append(interpreter)
    if missing := find_missing(found):
        print(f"Not on this machine: Python {', '.join(missing)}")
    return 0 if passed and all(passed) else 1


def passes(interpreter: Interpreter, wheel: Path, folder: Path) -> bool:
    """Say whether all goes well with a Python; print what was said when it does not."""
    where = "" if interpreter.root == Path("/") else f", Debian {interpreter.root.name}"
    folder.mkdir()
    try:
        smoke(install(interpreter, wheel, folder))
    except (SmokeError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or error
        print(f"{interpreter}{where}: FAILED\n{told}", flush=True)
        return False
    print(f"{interpreter}{where}: installed, demo, provision, crash and restart", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
