"""How fast workers work off a backlog of provisions, and what one costs them, beside an older build.

Heroku is `lab.kit.heroku`, in a process of its own: it takes every grant and answers at once. As many provisions as
there are workers are done before: what a worker imports with its first one is no part of the work, as it is none of
procrastinate's. Then those of the backlog are acknowledged by the build's own web process while its workers are
stopped; the hook returns one config var at once. The rate counts from the moment when they go on to the last that is
done, and the processor seconds are those of their processes meanwhile. On PostgreSQL stands beside them what
procrastinate makes of the same requests, with as many workers.
"""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from subprocess import Popen
from typing import Any

import sqlalchemy as sa

from lab.bench.peers import install_peers
from lab.bench.sites import BEFORE, PATIENCE_SECONDS, Site, make_site, provision
from lab.kit.builds import Build, check_out, read_cpu
from lab.kit.databases import DATABASES, make_blank_database
from lab.kit.heroku import name_id
from lab.kit.processes import module, start

COUNT, ROUNDS = 600, 3
AGAIN_SECONDS = 0.1
# SQLite serves one worker.
WORKERS = {"sqlite": (1,), "postgresql": (1, 2)}
# With as many workers, so that a reader sees what this machine has for a second one.
PEERS = WORKERS["postgresql"]


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What working off a backlog came to; `cpu` is of all workers, in seconds for one provision."""

    per_second: float
    cpu: float


def run_drain() -> dict[str, Any]:
    """Print provisions per second and their processor time for each build and database, and return them."""
    print(f"A backlog of {COUNT} provisions, Heroku on this machine too; the median by rate of {ROUNDS} rounds\n")
    print(f"{'':<40} {'per second':>10} {'of before':>9} {'CPU ms each':>12} {'of before':>10}")
    found: dict[str, Any] = {}
    with check_out(BEFORE) as builds:
        for database in DATABASES:
            found[database] = _measure_database(builds, database)
    found["procrastinate"] = _measure_peer({count: Drained(**found["postgresql"][f"now, {count}"]) for count in PEERS})
    return found


def _measure_database(builds: list[Build], database: str) -> dict[str, Any]:
    ways = [(build, workers) for workers in WORKERS[database] for build in builds]
    # In turn, so that what else the machine does is spread over all.
    rounds = [[_measure(build, database, workers) for build, workers in ways] for _ in range(ROUNDS)]
    middles = [sorted(each, key=attrgetter("per_second"))[ROUNDS // 2] for each in zip(*rounds, strict=True)]
    measured = dict(zip(((build.label, workers) for build, workers in ways), middles, strict=True))
    for (label, workers), each in measured.items():
        before = measured.get((BEFORE, workers), each)
        name = _name(database, label, workers)
        print(
            f"  {name:<38} {each.per_second:>10.1f} {each.per_second / before.per_second:>9.2f}"
            f" {each.cpu * 1000:>12.1f} {each.cpu / before.cpu:>10.2f}",
            flush=True,
        )
    return {f"{label}, {workers}": asdict(each) for (label, workers), each in measured.items()}


def _measure(build: Build, database: str, workers: int) -> Drained:
    with make_site(build, database) as site, ExitStack() as stack:
        started = [stack.enter_context(site.work()) for _ in range(workers)]
        with site.serve("--web-only") as (_, port):
            provision(port, range(COUNT, COUNT + workers))
            site.wait_until_provisioned(workers)
        with _stopped(site, started), site.serve("--web-only") as (_, port):
            provision(port, range(COUNT))
            spent = sum(read_cpu(worker.pid) for worker in started)
        began_at = datetime.now(UTC)
        site.wait_until_provisioned(COUNT + workers)
        cpu = sum(read_cpu(worker.pid) for worker in started) - spent
        seconds = (max(site.read_moments("provision.done").values()) - began_at).total_seconds()
    return Drained(per_second=COUNT / seconds, cpu=cpu / COUNT)


def _measure_peer(ours: dict[int, Drained]) -> dict[str, Any]:
    found = {}
    rounds = [[_run_peer(workers) for workers in PEERS] for _ in range(ROUNDS)]
    for workers, runs in zip(PEERS, zip(*rounds, strict=True), strict=True):
        peer, own = sorted(runs, key=attrgetter("per_second"))[ROUNDS // 2], ours[workers]
        rate, cpu = own.per_second / peer.per_second, own.cpu / peer.cpu
        name = _name("postgresql", "procrastinate", workers)
        print(
            f"  {name:<38} {peer.per_second:>10.1f} {'':>9} {peer.cpu * 1000:>12.1f}\n"
            f"  headrace has {rate:.2f} of its rate for {cpu:.2f} of its time",
            flush=True,
        )
        found[str(workers)] = asdict(peer)
    _compare_seconds("headrace", ours)
    _compare_seconds("procrastinate", {int(workers): Drained(**each) for workers, each in found.items()})
    return found


def _compare_seconds(whose: str, measured: dict[int, Drained]) -> None:
    print(f"  two workers of {whose} have {measured[2].per_second / measured[1].per_second:.2f} of the rate of one")


def _name(database: str, what: str, workers: int) -> str:
    return f"{database}, {what}, {workers} worker{'s' if workers > 1 else ''}"


def _run_peer(workers: int) -> Drained:
    """Have procrastinate do as many, which see nothing of headrace."""
    script = Path(__file__).with_name("apart") / "procrastinated.py"
    uuids = "\n".join(name_id("resource", number) for number in range(COUNT))
    with make_blank_database("postgresql") as url, start(module("lab.kit.heroku", "hidden")) as port:
        database = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        command: list[str | Path] = [
            install_peers() / "python",
            script,
            database,
            f"http://127.0.0.1:{int(port)}",
            str(workers),
        ]
        said = subprocess.run(command, input=uuids, stdout=subprocess.PIPE, text=True, check=True)
    took = json.loads(said.stdout.splitlines()[-1])
    return Drained(per_second=COUNT / took["seconds"], cpu=took["cpu"] / COUNT)


@contextmanager
def _stopped(site: Site, workers: "list[Popen[bytes]]") -> Iterator[None]:
    """Stop processes while the block lasts; none of them has SQLite's lock then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        if site.is_writable():
            break
        for worker in workers:
            worker.send_signal(signal.SIGCONT)
        if time.monotonic() > deadline:
            raise RuntimeError("SQLite's lock was held whenever the workers were stopped.")
        time.sleep(AGAIN_SECONDS)
    try:
        yield
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGCONT)
