"""`./dev crash`: the service is killed again and again, and in the end Heroku, the service and the partner agree.

Two ways: at every boundary of a scenario, one after the other; and at random moments, under a load of provisions,
plan changes, deprovisions and repeats. `headrace db copy` is killed at its statements. Exit status 1, and the timeline
of each resource concerned, when they do not.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from headrace.emulator import Declined, Emulator
from lab.kit.databases import DATABASES
from lab.kit.waiting import PATIENCE_SECONDS, until, until_acknowledged
from lab.trials.comparison import compare, is_settled, wait_until_settled
from lab.trials.moving import run_copies
from lab.trials.result import Result
from lab.trials.scenarios import SCENARIOS, Scenario
from lab.trials.service import APPS, TriedService, prepared

IN_FLIGHT = 12
PLANS = ("free", "basic")
# A scenario of its own kind: no service runs in it.
COPY = "database copy"

# Which process dies at a boundary: the one that does all, or the web of a service whose workers live on.
Victim = Literal["service", "web"]


async def run_bulk(database: str, *, provisions: int, seed: int) -> Result:
    """Kill processes at random moments while customers come, change their minds and go."""
    result, started = Result(name=f"random moments, seed {seed}", database=database), time.monotonic()
    chance = random.Random(seed)
    async with prepared(database) as service:
        for member in service.members:
            await service.start(member)
        killer = asyncio.create_task(_kill_at_random(service, chance))
        slots = asyncio.Semaphore(IN_FLIGHT)
        minds = [random.Random(f"{seed} {number}") for number in range(provisions)]
        await asyncio.gather(*(_be_customer(service.heroku, result, slots, mind) for mind in minds))
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)
        for member in service.members:
            if not member.is_running:
                await service.start(member)
        await wait_until_settled(service)
        result.add(compare(service))
        result.kills = service.kills
    result.seconds = time.monotonic() - started
    return result


async def run_boundaries(database: str, name: str, *, victim: Victim = "service", every: int = 1) -> Result:
    """Kill a process at each boundary of a scenario, or at every so manieth; then let it go on."""
    result, started = Result(name=f"boundaries of the {victim}: {name}", database=database), time.monotonic()
    scenario = SCENARIOS[name]
    result.boundaries = await _count_boundaries(database, scenario, victim)
    for number in range(1, result.boundaries + 1, every):
        async with _begun(database, scenario, victim, TRIAL_KILL_AT=str(number)) as service:
            dying = service.members[0]
            playing = asyncio.create_task(scenario.play(service))
            while dying.is_running and not _is_over(playing, service):
                await asyncio.sleep(0.02)
            if not dying.is_running:
                result.kills += 1
                await service.start(dying)
            await playing
            await wait_until_settled(service)
            result.add(compare(service), may_burn=scenario.may_burn)
            result.acknowledged += 1
    result.seconds = time.monotonic() - started
    return result


async def _count_boundaries(database: str, scenario: Scenario, victim: Victim) -> int:
    async with _begun(database, scenario, victim, TRIAL_COUNT="count") as service:
        await scenario.play(service)
        await wait_until_settled(service)
        # A web that has no part in what happens passes none.
        return int((service.folder / "count").read_text(encoding="utf-8") or "0")


@asynccontextmanager
async def _begun(database: str, scenario: Scenario, victim: Victim, **environment: str) -> AsyncIterator[TriedService]:
    """Start a service, whose first member is told what to do at boundaries, and come to the scenario's first one."""
    async with prepared(database, scenario.terms, is_alone=victim == "service") as service:
        service.heroku.switches.grant_backfill = not scenario.may_burn
        first, *others = service.members
        for other in others:
            await service.start(other)
        if scenario.begin is None:
            service.count_boundaries()
        await service.start(first, **environment)
        if scenario.begin is not None:
            await scenario.begin(service)
            service.count_boundaries()
        yield service


def _is_over(playing: asyncio.Task[None], service: TriedService) -> bool:
    return playing.done() and is_settled(service)


async def _be_customer(heroku: Emulator, result: Result, slots: asyncio.Semaphore, chance: random.Random) -> None:
    async with slots:
        addon = None
        while addon is None:
            try:
                app, plan = chance.choice(APPS), chance.choice(PLANS)
                addon = await heroku.create_addon(app, f"acme-search:{plan}")
            except Declined:
                # Not acknowledged: Heroku has told its customer so, and holds nothing. The customer comes again.
                result.unacknowledged += 1
                await asyncio.sleep(0.2)
        result.acknowledged += 1
        if chance.random() < 0.3:
            await heroku.send_provision(addon, times=2)
        if chance.random() < 0.2:
            await until_acknowledged(lambda: heroku.deprovision(addon))
            result.acknowledged += 1
            return
        if not await until(lambda: addon.state == "provisioned", within=PATIENCE_SECONDS / 2):
            return
        for plan in chance.sample(("free", "basic", "tiny"), k=chance.randrange(3)):
            await until_acknowledged(lambda plan=plan: heroku.change_plan(addon, plan))  # type: ignore[misc]
            result.acknowledged += 1
        if chance.random() < 0.3:
            await until_acknowledged(lambda: heroku.deprovision(addon))
            result.acknowledged += 1


async def _kill_at_random(service: TriedService, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.05, 1.0))
        member = chance.choice(service.members)
        await service.kill(member)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        await service.start(member)


async def _run(arguments: argparse.Namespace) -> list[Result]:
    results = []
    for database in DATABASES if arguments.database == "both" else (arguments.database,):
        for number in range(arguments.runs):
            results.append(await run_bulk(database, provisions=arguments.provisions, seed=arguments.seed + number))
            _report(results[-1])
        # On SQLite the web is no process of its own.
        victims: list[Victim] = ["service"] if database == "sqlite" else ["service", "web"]
        names = arguments.scenario or [*SCENARIOS, COPY]
        for victim in victims:
            for name in names:
                if name != COPY:
                    results.append(await run_boundaries(database, name, victim=victim, every=arguments.every))
                    _report(results[-1])
        if COPY in names:
            results.append(await asyncio.to_thread(run_copies, database, every=arguments.every))
            _report(results[-1])
    return results


def _report(result: Result) -> None:
    print(result, flush=True)
    for story in (*result.lost, *result.doubled):
        print(story)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="bulk runs on each database")
    parser.add_argument("--provisions", type=int, default=200, help="in each bulk run")
    parser.add_argument(
        "--scenario", choices=[*SCENARIOS, COPY], action="append", help="only this one at its boundaries"
    )
    parser.add_argument("--every", type=int, default=1, help="kill at every so manieth boundary")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    results = asyncio.run(_run(arguments))
    if arguments.json:
        text = json.dumps([asdict(result) for result in results], indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(result.lost or result.doubled for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
