"""What happens to a service while one of its processes is killed: a scenario for each kind of call and of order."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from headrace import NothingToDo, UnknownResource
from headrace.emulator import Addon
from lab.kit.waiting import PATIENCE_SECONDS, until, until_acknowledged
from lab.trials.comparison import is_settled
from lab.trials.service import APPS, ORDINARY, REBUILD, Terms, TriedService, connected

# How many resources a job is for.
MANY = 5
PATIENCE = timedelta(seconds=PATIENCE_SECONDS)
UUID = "01234567-89ab-4def-8123-456789abcdef"
# An operator looks again after so long.
LOOK_SECONDS = 0.05
LOGS = Terms(requires=("syslog_drain", "log_input"))
LEAVING = Terms(settings={"HEADRACE_ASYNC_DEPROVISION": "on"}, has_async_deprovision=True)
TOLD = Terms(settings={"HEADRACE_NOTICE_SECRET": "a-secret-of-thirty-two-characters"}, has_receiver=True)

Play = Callable[[TriedService], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens, and to what: `begin` comes before the first boundary, and nothing is killed in it.

    Where a grant that is burnt ends the provision, it `may_burn`; otherwise Heroku gives another one.
    """

    play: Play
    begin: Play | None = None
    terms: Terms = ORDINARY
    may_burn: bool = False


async def _provision(service: TriedService) -> None:
    await until_acknowledged(lambda: service.heroku.create_addon(APPS[0], "acme-search:free"))


async def _provision_one(service: TriedService) -> None:
    """Have a resource with nothing more to be done for it."""
    await _provision(service)
    await until(lambda: is_settled(service) and _find_addon(service).state == "provisioned")


async def _provision_many(service: TriedService) -> None:
    for app in APPS[:MANY]:
        await until_acknowledged(lambda app=app: service.heroku.create_addon(app, "acme-search:free"))  # type: ignore[misc]
    addons = list(service.heroku.state.addons)
    await until(lambda: is_settled(service) and all(addon.state == "provisioned" for addon in addons))


async def _provision_refused(service: TriedService) -> None:
    await until_acknowledged(
        lambda: service.heroku.create_addon(APPS[0], "acme-search:free", options={"refuse": "yes"})
    )


async def _provision_at_once(service: TriedService) -> None:
    """Without a grant the hook runs while the request waits; Heroku asks for the same uuid until it is answered."""
    service.heroku.switches.legacy_body = True
    await until_acknowledged(lambda: service.heroku.create_addon(APPS[0], "acme-search:free", addon_id=UUID))


async def _change_plan(service: TriedService) -> None:
    await until_acknowledged(lambda: service.heroku.change_plan(_find_addon(service), "basic"))


async def _deprovision(service: TriedService) -> None:
    addon = _find_addon(service)
    await until_acknowledged(lambda: service.heroku.deprovision(addon))


async def _deprovision_later(service: TriedService) -> None:
    """Heroku is answered 202, and waits for the word that the hook is done."""
    addon = _find_addon(service)
    await until_acknowledged(lambda: service.heroku.deprovision(addon))
    await until(lambda: addon.id not in service.heroku.state.addons)


async def _deprovision_meanwhile(service: TriedService) -> None:
    await _provision(service)
    await _deprovision(service)


async def _set_config(service: TriedService) -> None:
    """Ordered by another process, as a partner's script does; the second order removes what the first has set."""
    async with connected(service) as acme:
        for value in ("token-1", None):
            config = {"ACME_SEARCH_TOKEN": value}
            change = await acme.set_config(_find_addon(service).id, config, wait=PATIENCE)
            assert change.outcome == "done", change


async def _rotate(service: TriedService) -> None:
    """Twice, so that what the first has made is retired."""
    async with connected(service) as acme:
        for _ in range(2):
            ordered = await acme.jobs.rotate(uuid=_find_addon(service).id)
            assert (await acme.jobs.wait(str(ordered.job_id), within=PATIENCE)).done == 1


async def _set_many(service: TriedService) -> None:
    """The worker tells Heroku of all of them in one batch."""
    uuids = [addon.id for addon in service.heroku.state.addons]
    async with connected(service) as acme:
        ordered = await acme.jobs.set_config({"ACME_SEARCH_TOKEN": "token-1"}, uuid=uuids)
        job = await acme.jobs.wait(str(ordered.job_id), within=PATIENCE)
        assert (job.total, job.done) == (MANY, MANY), job


async def _act(service: TriedService) -> None:
    """Twice the same, ordered without waiting for the first."""
    async with connected(service) as acme:
        uuid = _find_addon(service).id
        await acme.order_action(uuid, REBUILD)
        change = await acme.order_action(uuid, REBUILD, wait=PATIENCE)
        assert change.outcome == "done", change


async def _act_and_leave(service: TriedService) -> None:
    """What is ordered of a resource that goes is done before it goes, or never."""
    addon = _find_addon(service)
    async with connected(service) as acme:
        await acme.order_action(addon.id, REBUILD)
    await until_acknowledged(lambda: service.heroku.deprovision(addon))


async def _move_log(service: TriedService) -> None:
    async with connected(service) as acme:
        for name in ("one", "two"):
            url = f"https://{name}.acme.example/in"
            change = await acme.set_log_drain(_find_addon(service).id, url, wait=PATIENCE)
            assert change.outcome == "done", change


async def _try_now(service: TriedService) -> None:
    """The hook fails, and whenever the next attempt waits an operator has it made at once."""
    await until_acknowledged(lambda: service.heroku.create_addon(APPS[0], "acme-search:free", options={"fail": "3"}))
    addon = _find_addon(service)
    async with connected(service) as acme, asyncio.timeout(PATIENCE_SECONDS):
        while addon.state == "provisioning":
            with suppress(NothingToDo, UnknownResource):
                await acme.operations.try_now(addon.id)
            await asyncio.sleep(LOOK_SECONDS)


async def _give_up(service: TriedService) -> None:
    """The hook fails until an operator gives it up, and the resource; of both somebody is told."""
    await until_acknowledged(lambda: service.heroku.create_addon(APPS[0], "acme-search:free", options={"fail": "99"}))
    addon = _find_addon(service)
    async with connected(service) as acme, asyncio.timeout(PATIENCE_SECONDS):
        while addon.id in service.heroku.state.addons:
            with suppress(NothingToDo, UnknownResource):
                await acme.operations.give_up(addon.id)
            await asyncio.sleep(LOOK_SECONDS)
        await until(lambda: is_settled(service))
        await acme.operations.abandon(addon.id)


def _find_addon(service: TriedService) -> Addon:
    return next(iter(service.heroku.state.addons))


SCENARIOS = {
    "provision": Scenario(play=_provision, may_burn=True),
    "provision with another grant": Scenario(play=_provision),
    "provision with logs": Scenario(play=_provision, terms=LOGS),
    "refused provision": Scenario(play=_provision_refused),
    "provision at once": Scenario(play=_provision_at_once),
    "plan change": Scenario(begin=_provision_one, play=_change_plan),
    "deprovision": Scenario(begin=_provision_one, play=_deprovision),
    "deprovision later": Scenario(begin=_provision_one, play=_deprovision_later, terms=LEAVING),
    "deprovision meanwhile": Scenario(play=_deprovision_meanwhile),
    "set config": Scenario(begin=_provision_one, play=_set_config),
    "rotate": Scenario(begin=_provision_one, play=_rotate),
    "set config of many": Scenario(begin=_provision_many, play=_set_many),
    "action": Scenario(begin=_provision_one, play=_act),
    "action of what goes": Scenario(begin=_provision_one, play=_act_and_leave),
    "log drain": Scenario(begin=_provision_one, play=_move_log, terms=LOGS),
    "try now": Scenario(play=_try_now),
    "give up": Scenario(play=_give_up, terms=TOLD),
}
