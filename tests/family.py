"""A parent with two children that are quick to start, as `headrace serve` has two that are not. It runs as a program.

Each child writes down what happens to it, and does what the test says: `python family.py FOLDER PLAN` is the parent,
and a plan in JSON says for `web` and `worker` what each of its starts does.
"""

import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from headrace.process.parent import Child, Leash, Parent

PR_SET_CHILD_SUBREAPER = 36


def be_parent(folder: str, plan: str) -> int:
    command = [sys.executable, __file__, folder, plan]
    web, worker = (Child(name, [*command, name]) for name in ("web", "worker"))
    return Parent(web, worker, worker_stops_after=2.0, killed_after=4.0).run()


def be_child(folder: Path, does: list[str], name: str, leash: Leash) -> int:
    events = (folder / "events").read_text(encoding="utf-8").splitlines() if (folder / "events").exists() else []
    number = sum(event.startswith(f"{name} began") for event in events)
    write(folder, f"{name} began {os.getpid()}")
    does_now = does[min(number, len(does) - 1)]
    if does_now == "crash at once":
        return 7
    if does_now == "cannot start":
        return 3
    for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(stop, lambda *_: leash.ask_to_stop())
    leash.tell_ready()
    write(folder, f"{name} ready {os.getpid()}")
    if does_now == "crash":
        return 7
    if does_now == "end":
        return 0
    if does_now == "leave an orphan" and os.fork() == 0:
        leave_orphan(folder)
    select.select([leash], [], [])
    if does_now == "not listen":
        time.sleep(60)
    write(folder, f"{name} ended")
    return 0


def leave_orphan(folder: Path) -> None:
    """End at once, and leave a process behind that does so too."""
    if os.fork() == 0:
        write(folder, f"orphan began {os.getpid()}")
    os._exit(0)


def write(folder: Path, event: str) -> None:
    with (folder / "events").open("a", encoding="utf-8") as file:
        file.write(f"{event}\n")


def adopt_orphans() -> None:
    """Be the parent of whoever loses its own, as a container's first process is."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    folder, plan, *child = sys.argv[1:]
    if not child:
        adopt_orphans()
        sys.exit(be_parent(folder, plan))
    sys.exit(be_child(Path(folder), json.loads(plan)[child[0]], child[0], Leash(int(child[2]))))
