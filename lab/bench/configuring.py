"""What it costs to set a config var of a whole fleet, beside bare aiohttp that sends the same requests.

headrace is a worker that is ready, and the command `headrace config set`, which orders the job; what both use of the
processor counts, until nothing of the job waits. The worker is that of a fleet, which subscribes to no webhooks; no
placement is due meanwhile. Heroku is `lab.kit.heroku`, in a process of its own.
"""

import time
import urllib.request
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headrace.encryption import KeyRing
from headrace.store.sql.tables.schema import config_change, placement_check, resource
from headrace.store.state.config.changes import ConfigChangeOutcome
from lab.bench.apart.askers import Asked
from lab.bench.inspection import ask, read_cpu_of_children
from lab.bench.sites import CONFIG_VAR, LOOK_SECONDS, Site, make_site
from lab.kit.builds import check_out, read_cpu
from lab.kit.databases import DATABASES
from lab.kit.fleets import fill

COUNT = 10_000
PATIENCE_SECONDS = 3_600.0


@dataclass(frozen=True, kw_only=True)
class Configured:
    """What setting so many came to; `cpu` is of the worker and of the command, in seconds."""

    resources: int
    requests: int
    seconds: float
    cpu: float
    ordering_cpu: float


def run_config(*, count: int = COUNT) -> dict[str, Any]:
    """Print requests, rate and processor time for each database beside the floor, and return them."""
    print(f"One config var of {count:,} resources, as a job of one worker; Heroku on this machine too\n")
    print(f"{'':<28} {'requests each':>13} {'per second':>11} {'CPU ms each':>12} {'of floor':>9}")
    found: dict[str, Any] = {}
    with check_out() as builds:
        for database in DATABASES:
            with make_site(builds[0], database) as site:
                floor = ask("bare-set", site.environment["HEROKU_API_URL"], count)
                set_ = _measure(site, count)
            _print_row(f"{database}, bare aiohttp", floor)
            _print_row(f"{database}, headrace", set_, f"{set_.cpu / floor.cpu:>9.1f}")
            print(f"{'':<28} of it to order the job: {set_.ordering_cpu / count * 1000:.2f} ms each", flush=True)
            found[database] = {"headrace": asdict(set_), "floor_cpu": floor.cpu}
    return found


def _print_row(name: str, ran: Asked | Configured, ratio: str = "") -> None:
    requests, per_second = ran.requests / ran.resources, ran.resources / ran.seconds
    cpu = ran.cpu / ran.resources * 1000
    print(f"{name:<28} {requests:>13.3f} {per_second:>11.0f} {cpu:>12.3f} {ratio}", flush=True)


def _measure(site: Site, count: int) -> Configured:
    fill(site.url, count, keys=KeyRing.parse(site.environment["HEADRACE_KEYS"]), is_known=True, is_hidden=True)
    _let_rest(site)
    order = ("config", "set", "--all", "--no-wait", f"{CONFIG_VAR}=https://search.acme.example/2")
    with site.work(service=None) as worker:
        served, spent, began = _count_served(site), read_cpu(worker.pid), time.monotonic()
        ordered = read_cpu_of_children()
        site.build.run(*order, environment=site.environment)
        ordering_cpu = read_cpu_of_children() - ordered
        _wait_until_done(site, count)
        seconds = time.monotonic() - began
        cpu = read_cpu(worker.pid) - spent + ordering_cpu
    return Configured(
        resources=count,
        requests=_count_served(site) - served,
        seconds=seconds,
        cpu=cpu,
        ordering_cpu=ordering_cpu,
    )


def _let_rest(site: Site) -> None:
    """Have no placement be due while it is measured."""
    later = datetime.now(UTC) + timedelta(days=1)
    with site.engine.begin() as connection:
        connection.execute(sa.update(placement_check).values(next_check_at=later))


def _count_served(site: Site) -> int:
    """Return how many requests Heroku has answered."""
    with urllib.request.urlopen(f"{site.environment['HEROKU_API_URL']}/served") as answer:
        return int(answer.read())


def _wait_until_done(site: Site, count: int) -> None:
    """Wait until each is set and nothing runs.

    Raises:
        RuntimeError: one failed, or it took too long.
    """
    is_done = sa.select(sa.func.count()).where(config_change.c.outcome == ConfigChangeOutcome.DONE)
    is_running = sa.select(sa.func.count()).where(resource.c.running.is_not(None))
    is_failed = sa.select(sa.func.count()).where(config_change.c.outcome != ConfigChangeOutcome.DONE)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with site.engine.connect() as connection:
            done, failed, running = (connection.execute(each).scalar_one() for each in (is_done, is_failed, is_running))
        if done == count and not running:
            return
        if failed or time.monotonic() > deadline:
            raise RuntimeError(f"{done:,} of {count:,} were set, {failed:,} failed.")
        time.sleep(LOOK_SECONDS)
