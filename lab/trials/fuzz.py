"""Hostile input, found by coverage: `./dev fuzz` runs each parser on it, and then many random histories.

Atheris is installed from a lock of its own when first asked for. What makes a parser fail is printed as bytes, to
become a test.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from lab.kit.processes import find_cache, module

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "fuzz.txt"
INPUT_LIMIT_SECONDS = 5
HISTORIES_PER_MINUTE = 30


def main() -> int:
    # The targets stand with the tests, which are no part of the lab.
    sys.path.insert(0, str(ROOT / "tests"))
    from fuzz.targets import TARGETS

    arguments = _read_arguments(list(TARGETS))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_install()), str(ROOT / "tests")])}
    failed = []
    chosen = arguments.parser or TARGETS
    for name in chosen:
        print(f"{name}: {arguments.seconds / len(chosen):.0f} s", flush=True)
        if not _fuzz(name, seconds=-(-arguments.seconds // len(chosen)), environment=environment):
            failed.append(name)
    by_time = max(1, arguments.seconds * HISTORIES_PER_MINUTE // 60)
    if not _play_histories(count=by_time if arguments.histories is None else arguments.histories):
        failed.append("histories")
    print(
        f"failed: {', '.join(failed)}" if failed else "No parser let out what it should not; every promise came true."
    )
    return 1 if failed else 0


def _read_arguments(parsers: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for all parsers together; the histories come on top")
    parser.add_argument("--parser", action="append", choices=parsers, help="only this one; may be given again")
    parser.add_argument("--histories", type=int, help="of each kind (default: one for two of these seconds)")
    return parser.parse_args()


def _fuzz(name: str, *, seconds: int, environment: dict[str, str]) -> bool:
    """Run one target on a corpus that grows from nothing; a failing input is printed."""
    with tempfile.TemporaryDirectory() as folder:
        limits = [f"-max_total_time={seconds}", f"-timeout={INPUT_LIMIT_SECONDS}", "-max_len=4096", "-verbosity=0"]
        command = module("lab.trials.fuzzed", name, *limits, f"-artifact_prefix={folder}/", folder)
        ended = subprocess.run(command, check=False, cwd=ROOT, env=environment)
        for path in Path(folder).glob("*-*"):
            print(f"{name} fails on {path.read_bytes()!r}")
    return ended.returncode == 0


def _play_histories(*, count: int) -> bool:
    environment = {**os.environ, "HEADRACE_TEST_HISTORIES": str(count)}
    command = module("pytest", "tests/stateful", "-n", "0")
    return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode == 0


def _install() -> Path:
    """Install what the lock names into a folder of its own, unless that is done already."""
    folder = find_cache() / f"atheris-{sys.version_info.minor}-{sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    marker = folder / "installed"
    if not marker.exists():
        print("Installing atheris, once …", file=sys.stderr)
        uv = [*module("uv"), "--quiet", "pip", "install", "--python", sys.executable, "--target", str(folder)]
        subprocess.run([*uv, "--require-hashes", "-r", str(LOCK)], check=True)
        marker.touch()
    return folder


if __name__ == "__main__":
    sys.exit(main())
