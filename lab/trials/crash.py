"""`./dev crash`: the service is killed again and again, and in the end Heroku, the service and the partner agree.

Two ways: at every boundary of a scenario, one after the other; and at random moments, under a load of provisions,
plan changes, deprovisions and repeats. Exit status 1, and the timeline of each resource concerned, when they do not.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from headrace.emulator import Declined, Emulator
from lab.kit.databases import DATABASES
from lab.kit.waiting import PATIENCE_SECONDS, until, until_acknowledged
from lab.trials.comparison import Comparison, compare, is_settled, wait_until_settled
from lab.trials.service import APPS, Member, TriedService, connected, prepared

IN_FLIGHT = 12
PLANS = ("free", "basic")
# How many resources a job is for.
MANY = 5
PATIENCE = timedelta(seconds=PATIENCE_SECONDS)
UUID = "01234567-89ab-4def-8123-456789abcdef"

# Which process dies at a boundary: the one that does all, or the web of a service whose workers live on.
Victim = Literal["service", "web"]
Act = Callable[[TriedService], Coroutine[None, None, None]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is played while a process dies; `before` it, by a process that does not, comes what it takes for that."""

    play: Act
    before: Act | None = None


@dataclass(kw_only=True)
class Result:
    """What one trial came to. `acknowledged` counts requests that were answered with 2xx."""

    name: str
    database: str
    kills: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0
    burnt_grants: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def add(self, comparison: Comparison) -> None:
        self.lost += comparison.lost
        self.doubled += comparison.doubled
        self.burnt_grants += comparison.burnt_grants

    def __str__(self) -> str:
        return (
            f"{self.database:<10}  {self.name:<48}  {self.kills:>4} kills  {self.acknowledged:>5} acknowledged  "
            f"{len(self.lost)} lost  {len(self.doubled)} doubled  {self.burnt_grants} grants burnt  "
            f"{self.seconds:.0f} s"
        )


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
    count = await _count_boundaries(database, name, victim)
    for number in range(1, count + 1, every):
        async with prepared(database, is_alone=victim == "service") as service:
            dying, *others = service.members
            # A burnt grant ends a provision; where more is to come it is had anew.
            service.heroku.switches.grant_backfill = name != "provision"
            for other in others:
                await service.start(other)
            await _prepare(service, dying, name)
            await service.start(dying, TRIAL_KILL_AT=str(number))
            playing = asyncio.create_task(_play(service, name))
            while dying.is_running and not _is_over(playing, service):
                await asyncio.sleep(0.02)
            if not dying.is_running:
                result.kills += 1
                await service.start(dying)
            await playing
            await wait_until_settled(service)
            result.add(compare(service))
            result.acknowledged += 1
    result.seconds = time.monotonic() - started
    return result


async def _count_boundaries(database: str, name: str, victim: Victim) -> int:
    async with prepared(database, is_alone=victim == "service") as service:
        counted = service.folder / "count"
        counting, *others = service.members
        for other in others:
            await service.start(other)
        await _prepare(service, counting, name)
        await service.start(counting, TRIAL_COUNT=str(counted))
        await _play(service, name)
        await wait_until_settled(service)
        return int(counted.read_text(encoding="utf-8"))


async def _prepare(service: TriedService, victim: Member, name: str) -> None:
    before = SCENARIOS[name].before
    if before is not None:
        await service.start(victim)
        await before(service)
        await wait_until_settled(service)
        await service.kill(victim)


async def _play(service: TriedService, name: str) -> None:
    await SCENARIOS[name].play(service)


def _is_over(playing: asyncio.Task[None], service: TriedService) -> bool:
    return playing.done() and is_settled(service)


async def _provision(service: TriedService) -> None:
    await until_acknowledged(lambda: service.heroku.create_addon(APPS[0], "acme-search:free"))


async def _provision_refused(service: TriedService) -> None:
    await until_acknowledged(
        lambda: service.heroku.create_addon(APPS[0], "acme-search:free", options={"refuse": "yes"})
    )


async def _provision_at_once(service: TriedService) -> None:
    """Without a grant the hook runs while the request waits; Heroku asks for the same uuid until it is answered."""
    service.heroku.switches.legacy_body = True
    await until_acknowledged(lambda: service.heroku.create_addon(APPS[0], "acme-search:free", addon_id=UUID))


async def _change_plan(service: TriedService) -> None:
    await _provision(service)
    addon = next(iter(service.heroku.state.addons))
    await until(lambda: addon.state == "provisioned")
    await until_acknowledged(lambda: service.heroku.change_plan(addon, "basic"))


async def _deprovision(service: TriedService) -> None:
    await _provision(service)
    addon = next(iter(service.heroku.state.addons))
    await until(lambda: addon.state == "provisioned")
    await until_acknowledged(lambda: service.heroku.deprovision(addon))


async def _deprovision_meanwhile(service: TriedService) -> None:
    await _provision(service)
    addon = next(iter(service.heroku.state.addons))
    await until_acknowledged(lambda: service.heroku.deprovision(addon))


async def _set_config(service: TriedService) -> None:
    """Ordered by another process, as a partner's script does; the second order removes what the first has set."""
    [addon] = service.heroku.state.addons
    async with connected(service) as acme:
        for value in ("token-1", None):
            change = await acme.set_config(addon.id, {"ACME_SEARCH_TOKEN": value}, wait=PATIENCE)
            assert change.outcome == "done", change


async def _rotate(service: TriedService) -> None:
    """Twice, so that what the first has made is retired."""
    [addon] = service.heroku.state.addons
    async with connected(service) as acme:
        for _ in range(2):
            ordered = await acme.jobs.rotate(uuid=addon.id)
            assert (await acme.jobs.wait(str(ordered.job_id), within=PATIENCE)).done == 1


async def _set_many(service: TriedService) -> None:
    """The worker tells Heroku of all of them in one batch."""
    addons = list(service.heroku.state.addons)
    async with connected(service) as acme:
        ordered = await acme.jobs.set_config({"ACME_SEARCH_TOKEN": "token-1"}, uuid=[addon.id for addon in addons])
        job = await acme.jobs.wait(str(ordered.job_id), within=PATIENCE)
        assert (job.total, job.done) == (MANY, MANY), job


async def _provision_one(service: TriedService) -> None:
    await _provision(service)
    await _wait_until_provisioned(service)


async def _provision_many(service: TriedService) -> None:
    for app in APPS[:MANY]:
        await until_acknowledged(lambda app=app: service.heroku.create_addon(app, "acme-search:free"))  # type: ignore[misc]
    await _wait_until_provisioned(service)


async def _wait_until_provisioned(service: TriedService) -> None:
    await until(lambda: all(addon.state == "provisioned" for addon in service.heroku.state.addons))


SCENARIOS: dict[str, Scenario] = {
    "provision": Scenario(play=_provision),
    "refused provision": Scenario(play=_provision_refused),
    "provision at once": Scenario(play=_provision_at_once),
    "plan change": Scenario(play=_change_plan),
    "deprovision": Scenario(play=_deprovision),
    "deprovision meanwhile": Scenario(play=_deprovision_meanwhile),
    "set config": Scenario(play=_set_config, before=_provision_one),
    "rotate": Scenario(play=_rotate, before=_provision_one),
    "set config of many": Scenario(play=_set_many, before=_provision_many),
}


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
        for victim in victims:
            for name in arguments.scenario or SCENARIOS:
                results.append(await run_boundaries(database, name, victim=victim, every=arguments.every))
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
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="only this one at its boundaries")
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
