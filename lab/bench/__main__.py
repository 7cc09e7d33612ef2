"""`./dev bench NAME`: each figure beside the floor that was measured in the same run."""

import argparse
import json
import os
from pathlib import Path

from lab.bench.ack import run_ack
from lab.bench.boards import run_boards
from lab.bench.burst import run_burst
from lab.bench.configuring import run_config
from lab.bench.drain import run_drain
from lab.bench.emulator import run_emulator
from lab.bench.enriching import run_enrich
from lab.bench.first_board import run_first_board
from lab.bench.idle import run_idle
from lab.bench.inspection import run_inspection, run_million
from lab.bench.pages import run_pages
from lab.bench.starting import run_start

BENCHES = {
    "inspection": run_inspection,
    "million": run_million,
    "ack": run_ack,
    "drain": run_drain,
    "burst": run_burst,
    "idle": run_idle,
    "boards": run_boards,
    "emulator": run_emulator,
    "pages": run_pages,
    "start": run_start,
    "first-board": run_first_board,
    "enrich": run_enrich,
    "config": run_config,
}
# Those that can be run at another size than the one that is written down.
SIZED = {"burst": run_burst, "config": run_config}


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure, of {', '.join(BENCHES)} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too; times in seconds")
    parser.add_argument("--count", type=int, metavar="N", help=f"of how many resources, for {', '.join(SIZED)}")
    asked = parser.parse_args()
    names = asked.names or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"There is no bench {', '.join(unknown)}. There are: {', '.join(BENCHES)}.")
    if asked.count is not None and (asked.count < 1 or not {*names} <= SIZED.keys()):
        parser.error(f"--count is 1 or more, and for {', '.join(SIZED)} alone.")
    # What is installed has its bytecode; where a machine forbids that, every start would compile everything anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if asked.count is None:
        figures = {name: BENCHES[name]() for name in names}
    else:
        figures = {name: SIZED[name](count=asked.count) for name in names}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
