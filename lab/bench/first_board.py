"""From nothing to a first board: the three commands of docs/quickstart.md, each in seconds and in CPU seconds.

A virtual environment is made first, which is not counted; pip finds what is needed in its cache, or gets it. What the
first of them brought is weighed.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.kit.pythons import build_wheel
from lab.kit.smoke import build_environment
from lab.kit.weighing import weigh

BOARD = re.compile(r"Its board: (\S+)")


def run_first_board() -> dict[str, dict[str, float]]:
    """Print what each command took, and return it in seconds."""
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        programs = folder / "venv" / "bin"
        with _timed("pip install", figures):
            _run([programs / "pip", "install", "--quiet", wheel], folder)
        weight = weigh(folder / "venv")
        with _timed("headrace init", figures):
            _run([programs / "headrace", "init", "demo-addon"], folder)
        with _timed("headrace dev, until the board", figures):
            dev: list[str | Path] = [programs / "headrace", "dev", "--provision", "--port", "0", "--heroku-port", "0"]
            _wait_for_board(dev, folder / "demo-addon")
    figures["all"] = {kind: sum(each[kind] for each in figures.values()) for kind in ("clock", "cpu")}
    print(f"{f'load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores':<32} {'s':>7} {'CPU s':>7}")
    for what, took in figures.items():
        print(f"  {what:<30} {took['clock']:>7.1f} {took['cpu']:>7.1f}")
    print(f"  {len(weight.packages)} packages, {weight.megabytes:.1f} MB; the heaviest: {weight.list_heaviest(5)}")
    return {**figures, "weight": weight.packages}


@contextmanager
def _timed(what: str, figures: dict[str, dict[str, float]]) -> Iterator[None]:
    """Time a block by the clock, and by the CPU seconds of the processes that end in it."""
    started, before = time.perf_counter(), os.times()
    yield
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    figures[what] = {"clock": time.perf_counter() - started, "cpu": cpu}


def _run(command: Sequence[str | Path], folder: Path) -> None:
    subprocess.run(command, cwd=folder, env=build_environment(), check=True, capture_output=True)


def _wait_for_board(command: Sequence[str | Path], folder: Path) -> None:
    """Run it until the board's address is there and answers, and stop it."""
    environment = build_environment()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = next(found for line in process.stdout if (found := BOARD.search(line)))
        urllib.request.urlopen(found[1], timeout=30).close()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
