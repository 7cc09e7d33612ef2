"""`./dev soak`: customers come and go for a while, Heroku has its bad moments, and nothing of the service may grow.

Every few seconds the processes of the service are measured: their memory, open handles and threads, and how many
resources wait for a workflow. Exit status 1 when one of these grows, when Heroku, the service and the partner do
not agree in the end, or when the service has answered with a 5xx.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec

from headrace.emulator import Declined
from headrace.emulator.kit.faults import Fault
from headrace.emulator.world.records import Addon
from lab.kit.databases import DATABASES
from lab.kit.processes import read_mebibytes
from lab.kit.waiting import PATIENCE_SECONDS, until, until_acknowledged
from lab.trials.comparison import compare, count_running, wait_until_settled
from lab.trials.service import APPS, TriedService, prepared

MOST_CUSTOMERS = 40
SAMPLE_SECONDS = 2.0
# What Heroku does to some of our calls, for as long as the soak lasts.
FAULTS = (
    Fault(kind="status", status=503, probability=0.02),
    Fault(kind="status", status=429, retry_after=1, probability=0.02),
    Fault(kind="drop", probability=0.01, after_effect=True),
    Fault(kind="truncate", probability=0.01, after_effect=True),
    Fault(kind="malform", probability=0.01),
    Fault(kind="latency", seconds=1.0, probability=0.02),
    Fault(kind="expired_token", probability=0.01),
    Fault(kind="duplicate", direction="to partner", probability=0.05),
)
# How much more the last third of a soak may hold than the middle one: in part, and at least.
ALLOWED_GROWTH = {"memory_mib": (0.05, 8.0), "handles": (0.1, 8.0), "threads": (0.1, 4.0), "waiting": (0.5, 10.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What all processes of the service hold together, and how many resources wait for a workflow."""

    seconds: float
    memory_mib: float
    handles: int
    threads: int
    waiting: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:>6.0f} s  {self.memory_mib:>6.0f} MiB  {self.handles:>4} handles  "
            f"{self.threads:>4} threads  {self.waiting:>4} waiting"
        )


@dataclass(kw_only=True)
class Result:
    """What a soak came to. `answered` counts requests by what they were and how they were answered."""

    database: str
    answered: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, what: str, status: int) -> None:
        self.answered[f"{what} {status}"] += 1
        if status >= 500:
            self.problems.append(f"the service answered a {what} with {status}")


async def run_soak(database: str, *, seconds: float, per_second: float, seed: int) -> Result:
    """Let customers come for a while, and see what is left of them."""
    result = Result(database=database)
    async with prepared(database) as service:
        # An answer cut short burns a grant; here it is had anew, so that every customer can be followed to the end.
        service.heroku.switches.grant_backfill = True
        for member in service.members:
            await service.start(member)
        for fault in FAULTS:
            service.heroku.faults.add(fault)
        sampling = asyncio.create_task(_sample(service, result))
        await _let_customers_come(service, result, seconds=seconds, per_second=per_second, seed=seed)
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        service.heroku.faults.clear()
        await wait_until_settled(service)
        comparison = compare(service)
    result.problems += [*comparison.lost, *comparison.doubled, *find_growth(result.samples)]
    return result


def find_growth(samples: Sequence[Sample]) -> list[str]:
    """Say what grows: the median of the last third is compared with that of the middle one, the first warms up."""
    third = len(samples) // 3
    if not third:
        return ["the soak was too short to tell"]
    problems = []
    for name, (part, least) in ALLOWED_GROWTH.items():
        values = [float(getattr(sample, name)) for sample in samples]
        middle, last = median(values[third : 2 * third]), median(values[2 * third :])
        if last > middle + max(part * middle, least):
            problems.append(f"{name} grows: {middle:.0f} in the middle third, {last:.0f} in the last")
    return problems


async def _let_customers_come(
    service: TriedService, result: Result, *, seconds: float, per_second: float, seed: int
) -> None:
    ends_at = time.monotonic() + seconds
    slots = asyncio.Semaphore(MOST_CUSTOMERS)
    async with asyncio.TaskGroup() as customers:
        number = 0
        while time.monotonic() < ends_at:
            await slots.acquire()
            number += 1
            customer = customers.create_task(_be_customer(service, result, random.Random(f"{seed} {number}")))
            customer.add_done_callback(lambda _task: slots.release())
            await asyncio.sleep(1 / per_second)


async def _be_customer(service: TriedService, result: Result, chance: random.Random) -> None:
    """Come, look at the board, perhaps change one's mind about the plan, and go."""
    heroku = service.heroku
    try:
        addon = await heroku.create_addon(chance.choice(APPS), "acme-search:free")
    except Declined as declined:
        result.count("provision", declined.status)
        return
    result.count("provision", 202)
    if chance.random() < 0.2:
        for status, _ in await heroku.send_provision(addon, times=2):
            result.count("repeat", status or 0)
    if chance.random() < 0.8:
        await until(lambda: addon.state == "provisioned", within=PATIENCE_SECONDS)
        await _look_at_board(service, result, addon)
        for plan in chance.sample(("free", "basic", "tiny"), k=chance.randrange(3)):
            await until_acknowledged(lambda plan=plan: heroku.change_plan(addon, plan))  # type: ignore[misc]
            result.answered["plan change"] += 1
        await _look_at_board(service, result, addon)
    await until_acknowledged(lambda: heroku.deprovision(addon))
    result.answered["deprovision"] += 1


async def _look_at_board(service: TriedService, result: Result, addon: Addon) -> None:
    url, form = service.heroku.sso_form(addon)
    async with service.http.post(url, data=form, allow_redirects=False) as answer:
        result.count("login", answer.status)
        cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
    async with service.http.get(f"http://127.0.0.1:{service.members[0].port}/board.json", cookies=cookies) as answer:
        result.count("board", answer.status)


async def _sample(service: TriedService, result: Result) -> None:
    started = time.monotonic()
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        sample = await asyncio.to_thread(_measure, service, seconds=time.monotonic() - started)
        result.samples.append(sample)
        if len(result.samples) % 10 == 0:
            print(sample, flush=True)


def _measure(service: TriedService, *, seconds: float) -> Sample:
    """Read what Linux says of the service's processes."""
    pids = [member.pid for member in service.members if member.pid is not None]
    folders = [Path(f"/proc/{pid}") for pid in pids]
    return Sample(
        seconds=seconds,
        memory_mib=sum(map(read_mebibytes, pids)),
        handles=sum(len(list((folder / "fd").iterdir())) for folder in folders),
        threads=sum(len(list((folder / "task").iterdir())) for folder in folders),
        waiting=count_running(service),
    )


def _report(result: Result) -> None:
    print(f"{result.database}: " + ", ".join(f"{what} {count}" for what, count in sorted(result.answered.items())))
    for problem in result.problems:
        print(problem)
    if not result.problems:
        print("Nothing lost, nothing doubled, nothing grew.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="on each database")
    parser.add_argument("--per-second", type=float, default=5.0, help="how many customers come")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the samples there too")
    arguments = parser.parse_args()
    results = []
    for database in DATABASES if arguments.database == "both" else (arguments.database,):
        soak = run_soak(database, seconds=arguments.minutes * 60, per_second=arguments.per_second, seed=arguments.seed)
        results.append(asyncio.run(soak))
        _report(results[-1])
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    return 1 if any(result.problems for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
