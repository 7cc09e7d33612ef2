"""Thousands of provisions within a minute, as after a partner's outage, at `headrace serve` with nothing else said.

Heroku is `lab.kit.heroku`: it takes every grant and answers at once. Plan changes and removals of resources that were
there before are ordered in the middle of it: how long they take tells whether what waits in front starves them.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from subprocess import Popen
from typing import Any

from lab.bench.sites import BEFORE, HEADERS, Site, build_body, make_site, provision
from lab.kit.builds import Build, check_out
from lab.kit.databases import DATABASES
from lab.kit.heroku import name_id
from lab.kit.load import Load, build_request, measure
from lab.kit.processes import read_mebibytes

COUNT, SECONDS, CONNECTIONS = 5_000, 60.0, 16
# Resources that are there before, of which every other one changes its plan and the others go.
BEHIND_COUNT = 20
LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Times in seconds: `done` from the first request to the last provision, `behind` the slowest order's."""

    acknowledged: int
    p50: float
    p99: float
    done: float
    behind: float
    mebibytes: float


def run_burst() -> dict[str, Any]:
    """Print how each build comes through it on each database, and return it."""
    print(f"{COUNT:,} provisions in {SECONDS:g} s at `headrace serve`, Heroku on this machine too; one round.")
    print(f"Behind: the slowest of {BEHIND_COUNT} plan changes and removals that are ordered in the middle.\n")
    print(f"{'':<24} {'taken':>7} {'p50 ms':>8} {'p99 ms':>8} {'all done s':>11} {'behind s':>9} {'MiB':>6}")
    found: dict[str, Any] = {}
    with check_out(BEFORE) as builds:
        for database in DATABASES:
            found[database] = {build.label: asdict(_measure(build, database)) for build in builds}
    return found


def _measure(build: Build, database: str) -> Burst:
    with make_site(build, database) as site, site.serve() as (process, port), _watched(process) as memory:
        provision(port, range(BEHIND_COUNT))
        site.wait_until_provisioned(BEHIND_COUNT)
        began_at = datetime.now(UTC)
        orders = threading.Timer(SECONDS / 2, _order, (port,))
        orders.start()
        load = _send(port)
        orders.join()
        burst = _read(site, load, began_at, memory)
    print(
        f"  {database + ', ' + build.label:<22} {burst.acknowledged:>7,} {burst.p50 * 1000:>8.1f}"
        f" {burst.p99 * 1000:>8.1f} {burst.done:>11.1f} {burst.behind:>9.1f} {burst.mebibytes:>6.0f}",
        flush=True,
    )
    return burst


def _send(port: int) -> Load:
    numbers = count(BEHIND_COUNT)

    def build() -> bytes:
        return build_request("POST", "/heroku/resources", HEADERS, build_body(next(numbers)))

    return measure(port, build, status=202, connections=CONNECTIONS, seconds=SECONDS, per_second=COUNT / SECONDS)


def _order(port: int) -> None:
    """Have every other one of the resources that were there before changed, and the others removed."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(BEHIND_COUNT):
        method, body = ("PUT", json.dumps({"plan": "premium"})) if number % 2 else ("DELETE", None)
        connection.request(method, f"/heroku/resources/{name_id('resource', number)}", body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} was answered {answer.status}.")
    connection.close()


def _read(site: Site, load: Load, began_at: datetime, memory: list[float]) -> Burst:
    """Wait until all is done, and read when each thing was."""
    requested = site.read_moments("provision.requested")
    site.wait_until_provisioned(len(requested) - BEHIND_COUNT // 2)
    site.wait_until(lambda: len(_list_waits(site)) == BEHIND_COUNT, "Not all plan changes and removals are done.")
    return Burst(
        acknowledged=len(requested) - BEHIND_COUNT,
        p50=load.p50,
        p99=load.p99,
        done=(max(site.read_moments("provision.done").values()) - began_at).total_seconds(),
        behind=max(_list_waits(site)),
        mebibytes=max(memory),
    )


def _list_waits(site: Site) -> list[float]:
    """Return how long each plan change and each removal took, as far as it is done."""
    waits = []
    for kind in ("plan_change", "deprovision"):
        requested, done = site.read_moments(f"{kind}.requested"), site.read_moments(f"{kind}.done")
        waits += [(at - requested[uuid]).total_seconds() for uuid, at in done.items()]
    return waits


@contextmanager
def _watched(process: "Popen[bytes]") -> Iterator[list[float]]:
    """Look again and again how much memory a process and its children have while the block lasts."""
    seen, has_ended = [0.0], threading.Event()

    def look() -> None:
        while not has_ended.wait(LOOK_SECONDS):
            seen.append(sum(map(read_mebibytes, _list_family(process.pid))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        has_ended.set()
        watcher.join()


def _list_family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(each for child in children for each in _list_family(int(child)))]
