"""What `headrace serve` costs that has nothing to do, and how soon it begins with what comes, beside an older build.

The processor time is of all its processes. What it sends to PostgreSQL is counted by the server's own log of
statements, transactions' beginnings and ends included. How soon a provision is begun is told by its timeline: from the
moment of its request to the one when its grant has been exchanged, for which Heroku is asked first.
"""

import random
import time
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from lab.bench.sites import BEFORE, Site, make_site, provision
from lab.kit.builds import Build, check_out, read_cpu
from lab.kit.databases import DATABASES, count_statements, log_statements

SETTLE_SECONDS, SECONDS, ROUNDS = 15.0, 20.0, 3
BEGUN_COUNT = 200
LONGEST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Idle:
    """`cpu` in seconds a second, `statements` a second or None on SQLite, times in seconds."""

    cpu: float
    statements: float | None
    p50: float
    p99: float


def run_idle() -> dict[str, Any]:
    """Print what each build costs on each database while nothing happens, and how soon it begins, and return it."""
    print(f"`headrace serve`, {SECONDS:g} s with nothing to do, then {BEGUN_COUNT} provisions one by one;")
    print(f"the median by processor time of {ROUNDS} rounds\n")
    print(f"{'':<26} {'% of a core':>12} {'of before':>10} {'statements/s':>13} {'begun, p50 ms':>14} {'p99 ms':>8}")
    found: dict[str, Any] = {}
    with check_out(BEFORE) as builds:
        for database in DATABASES:
            found[database] = _measure_database(builds, database)
    return found


def _measure_database(builds: list[Build], database: str) -> dict[str, Any]:
    # In turn, so that what else the machine does is spread over all.
    rounds = [[_measure(build, database) for build in builds] for _ in range(ROUNDS)]
    middles = [sorted(each, key=lambda idle: idle.cpu)[ROUNDS // 2] for each in zip(*rounds, strict=True)]
    before = middles[-1]
    for build, each in zip(builds, middles, strict=True):
        statements = "" if each.statements is None else f"{each.statements:.1f}"
        print(
            f"  {database + ', ' + build.label:<24} {each.cpu * 100:>12.2f} {each.cpu / before.cpu:>10.2f}"
            f" {statements:>13} {each.p50 * 1000:>14.0f} {each.p99 * 1000:>8.0f}",
            flush=True,
        )
    return {build.label: asdict(each) for build, each in zip(builds, middles, strict=True)}


def _measure(build: Build, database: str) -> Idle:
    with make_site(build, database) as site:
        is_counted = database == "postgresql"
        if is_counted:
            log_statements(site.url)
        with site.serve() as (process, port):
            # From here on there is a worker as well.
            provision(port, [BEGUN_COUNT])
            site.wait_until_provisioned(1)
            time.sleep(SETTLE_SECONDS)
            spent, sent = read_cpu(process.pid), count_statements() if is_counted else 0
            time.sleep(SECONDS)
            cpu = read_cpu(process.pid) - spent
            statements = (count_statements() - sent) / SECONDS if is_counted else None
            waits = _measure_waits(site, port)
    percentiles = quantiles(waits, n=100)
    return Idle(cpu=cpu / SECONDS, statements=statements, p50=median(waits), p99=percentiles[98])


def _measure_waits(site: Site, port: int) -> list[float]:
    for number in range(BEGUN_COUNT):
        provision(port, [number], customers=1)
        # At no moment that a worker's own rhythm would prefer.
        time.sleep(random.random() * LONGEST_PAUSE_SECONDS)
    site.wait_until_provisioned(BEGUN_COUNT + 1)
    requested, exchanged = site.read_moments("provision.requested"), site.read_moments("grant.exchanged")
    waits = [(exchanged[uuid] - at).total_seconds() for uuid, at in sorted(requested.items(), key=lambda each: each[1])]
    return waits[1:]
