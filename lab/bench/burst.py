"""Thousands of provisions within a minute, as after a partner's outage, at `headrace serve` with nothing else said.

Heroku is `lab.kit.heroku`: it takes every grant and answers at once. Plan changes and removals of resources that were
there before are ordered in the middle of it, all at once. What waits in front of them then is counted, and timed until
the last of it is done: an order that takes as long is starved by it.
"""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from subprocess import Popen
from typing import Any

from lab.bench.sites import BEFORE, HEADERS, Site, build_body, make_site, provision
from lab.kit.builds import Build, check_out
from lab.kit.databases import DATABASES
from lab.kit.heroku import name_id
from lab.kit.load import Load, build_request, measure
from lab.kit.processes import list_family, read_mebibytes

COUNT, PER_SECOND, CONNECTIONS = 5_000, 5_000 / 60, 16
# Resources that are there before, of which every other one changes its plan and the others go.
BEHIND_COUNT = 20
LOOK_SECONDS = 0.5
ORDERS = ("plan_change", "deprovision")


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Times in seconds: `done` from the first request to the last provision.

    When plan changes and removals were ordered, `in_front` provisions were under way or waited: `front` is how long the
    last of these took from then on, and `behind` how long the slowest order took.
    """

    acknowledged: int
    p50: float
    p99: float
    done: float
    in_front: int
    front: float
    behind: float
    mebibytes: float


def run_burst(count: int = COUNT) -> dict[str, Any]:
    """Print how each build comes through it on each database, and return it."""
    print(
        f"{count:,} provisions in {count / PER_SECOND:g} s at `headrace serve`, Heroku on this machine too; one round."
    )
    print(
        f"{BEHIND_COUNT} plan changes and removals are ordered in the middle, behind so many provisions in front: how"
    )
    print("long until the last of these is done, and until the slowest order behind them is.\n")
    print(
        f"{'':<24} {'taken':>7} {'p50 ms':>8} {'p99 ms':>8} {'all done s':>11} {'in front':>9} {'front s':>8} "
        f"{'behind s':>9} {'MiB':>6}"
    )
    found: dict[str, Any] = {}
    with check_out(BEFORE) as builds:
        for database in DATABASES:
            found[database] = {build.label: asdict(_measure(build, database, count)) for build in builds}
    return found


def _measure(build: Build, database: str, count: int) -> Burst:
    with make_site(build, database) as site, site.serve() as (process, port), _watched(process) as memory:
        provision(port, range(BEHIND_COUNT))
        site.wait_until_provisioned(BEHIND_COUNT)
        began_at = datetime.now(UTC)
        with ThreadPoolExecutor(BEHIND_COUNT) as customers:
            orders = [customers.submit(_order, port, number, count / PER_SECOND / 2) for number in range(BEHIND_COUNT)]
            load = _send(port, count)
            for order in orders:
                order.result()
        burst = _read(site, load, began_at, memory)
    print(
        f"  {database + ', ' + build.label:<22} {burst.acknowledged:>7,} {burst.p50 * 1000:>8.1f}"
        f" {burst.p99 * 1000:>8.1f} {burst.done:>11.1f} {burst.in_front:>9,} {burst.front:>8.1f} {burst.behind:>9.1f}"
        f" {burst.mebibytes:>6.0f}",
        flush=True,
    )
    return burst


def _send(port: int, count: int) -> Load:
    """Send as many as that, however long the answers take: what is late is not left out."""
    numbers = itertools.count(BEHIND_COUNT)
    return measure(
        port,
        lambda: build_request("POST", "/heroku/resources", HEADERS, build_body(next(numbers))),
        status=202,
        connections=CONNECTIONS,
        seconds=count / PER_SECOND,
        per_second=PER_SECOND,
        count=count,
    )


def _order(port: int, number: int, delay: float) -> None:
    """Have a resource that was there before changed, or removed, after so many seconds.

    Raises:
        RuntimeError: it is refused.
    """
    time.sleep(delay)
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    method, body = ("PUT", json.dumps({"plan": "premium"})) if number % 2 else ("DELETE", None)
    connection.request(method, f"/heroku/resources/{name_id('resource', number)}", body, HEADERS)
    status = connection.getresponse().status
    connection.close()
    if status >= 300:
        raise RuntimeError(f"{method} was answered {status}.")


def _read(site: Site, load: Load, began_at: datetime, memory: list[float]) -> Burst:
    """Wait until all is done, and read when each thing was."""
    requested = site.read_moments("provision.requested")
    site.wait_until_provisioned(len(requested) - BEHIND_COUNT // 2)
    site.wait_until(lambda: len(_list_ends(site)) == BEHIND_COUNT, "Not all plan changes and removals are done.")
    done = site.read_moments("provision.done")
    ordered = [at for kind in ORDERS for at in site.read_moments(f"{kind}.requested").values()]
    in_front = [done[uuid] for uuid, at in requested.items() if at < min(ordered) < done[uuid]]
    return Burst(
        acknowledged=len(requested) - BEHIND_COUNT,
        p50=load.p50,
        p99=load.p99,
        done=(max(done.values()) - began_at).total_seconds(),
        in_front=len(in_front),
        front=(max(in_front, default=min(ordered)) - min(ordered)).total_seconds(),
        behind=(max(_list_ends(site)) - min(ordered)).total_seconds(),
        mebibytes=max(memory),
    )


def _list_ends(site: Site) -> list[datetime]:
    """Return when each plan change and each removal was done, as far as it is."""
    return [at for kind in ORDERS for at in site.read_moments(f"{kind}.done").values()]


@contextmanager
def _watched(process: "Popen[bytes]") -> Iterator[list[float]]:
    """Look again and again how much memory a process and its children have while the block lasts."""
    seen, has_ended = [0.0], threading.Event()

    def look() -> None:
        while not has_ended.wait(LOOK_SECONDS):
            seen.append(sum(map(read_mebibytes, list_family(process.pid))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        has_ended.set()
        watcher.join()
