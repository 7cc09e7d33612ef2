"""Scenarios: a Heroku on which a fleet lives, as fast as the add-on service that is called keeps up with it.

Time passes on the emulator's clock alone, in slots. A service that is handed this clock lives on the same one; to one
that is not, the week passes in minutes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, groupby, islice
from operator import attrgetter
from typing import TypeVar
from urllib.parse import urlsplit

from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.kit.name_index import Named, NameIndex
from headrace.emulator.local.emulated import EmulatedHeroku
from headrace.emulator.local.scenario_books import Books
from headrace.emulator.local.scenario_plan import SLOT, Size, Step, plan_week
from headrace.emulator.world.flow import ReviewApp
from headrace.emulator.world.people import add_user, transfer_app
from headrace.emulator.world.records import Addon, App, Team
from headrace.emulator.world.world_file import derive_id
from headrace.models import Stage, State

PULL_REQUESTS = "a-week-of-pull-requests"
SCENARIOS = (PULL_REQUESTS,)
# How many customers act at the same time, and how long a partner may take over what it has accepted.
AT_ONCE = 16
PATIENCE = timedelta(seconds=30)
LOOK_EVERY_SECONDS = 0.005
LOOK_FOR_SERVICE_EVERY_SECONDS = 0.5
# The lasting apps of a pipeline; the first is the one that is moved about.
LASTING = (Stage.DEVELOPMENT, Stage.STAGING, Stage.PRODUCTION)
USER = "dev@week.example"
# Tests that were over at once would be gone before a service has seen where they ran.
TESTS_LAST = 2 * SLOT

T = TypeVar("T", bound=Named)
AfterSlot = Callable[[Books], Awaitable[None]]
"""What is waited for after each slot, before time goes on: a service's own work, for example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A week as it is asked for; `service` is the slug of an add-on service, the world's first by default."""

    size: Size = field(default_factory=Size)
    seed: int = 1
    service: str | None = None


@dataclass(slots=True, kw_only=True)
class Week:
    """A week of pull requests under way: `lasting` has the apps of each pipeline, `reviews` what is open."""

    emulator: EmulatedHeroku
    service: str
    patience: timedelta
    books: Books = field(default_factory=Books)
    teams: list[Team] = field(default_factory=list)
    pipeline_ids: list[str] = field(default_factory=list)
    lasting: list[list[App]] = field(default_factory=list)
    reviews: dict[int, ReviewApp] = field(default_factory=dict)
    testing: set[str] = field(default_factory=set)
    # A partner that leaves grants unused is waited for once.
    is_patient: bool = True


async def play_week(
    emulator: EmulatedHeroku,
    *,
    size: Size | None = None,
    seed: int = 1,
    service: str | None = None,
    after_slot: AfterSlot | None = None,
    patience: timedelta = PATIENCE,
) -> Books:
    """Play a week of pull requests from the emulator's present moment, and return what came of it.

    `service` is the slug of an add-on service, the world's first by default. The clock stands still while somebody
    acts, and in the end it runs again if it ran. A partner may take as long as `patience` over what it has accepted;
    one that takes longer is waited for no more.

    Raises:
        Declined: another week is being played, or the world has no such service, or that provisions nothing for the
            lasting apps.

    """
    week = Week(emulator=emulator, service=_find_service(emulator, service), patience=patience)
    with _in_scenario(emulator) as start:
        size = size or Size()
        await _settle_down(week, size)
        for slot, steps in groupby(plan_week(size, seed), attrgetter("slot")):
            emulator.clock.set(start + slot * SLOT)
            await _play_slot(week, list(steps))
            if after_slot is not None:
                await after_slot(week.books)
        emulator.clock.advance(TESTS_LAST)
        await _play_slot(week, [])
    return week.books


@contextmanager
def _in_scenario(emulator: EmulatedHeroku) -> Iterator[datetime]:
    """Stop the clock, and let tests take their time; return the moment at which a scenario begins."""
    if emulator.is_in_scenario:
        raise invalid("A week is being played here already: wait until it is over.")
    speed, lasted = emulator.clock.speed, emulator.switches.test_run_lasts
    emulator.is_in_scenario = True
    emulator.clock.freeze()
    emulator.switches.test_run_lasts = max(lasted, TESTS_LAST)
    try:
        yield emulator.clock.now()
    finally:
        emulator.is_in_scenario = False
        emulator.switches.test_run_lasts = lasted
        if speed:
            emulator.clock.run(speed)


async def wait_for_service(emulator: EmulatedHeroku, slug: str | None = None) -> None:
    """Wait until an add-on service listens where its manifest says.

    Raises:
        Declined: the world has no such service.

    """
    address = urlsplit(emulator.state.addon_services[_find_service(emulator, slug)].manifest.base_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    while True:
        try:
            _, writer = await asyncio.open_connection(address.hostname, port)
        except OSError:
            await asyncio.sleep(LOOK_FOR_SERVICE_EVERY_SECONDS)
        else:
            writer.close()
            return


async def _settle_down(week: Week, size: Size) -> None:
    """Make teams and pipelines, each with an app at each lasting stage that has an add-on."""
    state, emulator = week.emulator.state, week.emulator
    user = state.find_user(USER) or add_user(state, USER)
    for name in _take_names(state.teams, size.teams):
        team = Team(id=derive_id("team", name), name=name, roles={user.id: "admin"}, created_at=emulator.clock.now())
        user.teams[team.id] = state.teams.add(team)
        week.teams.append(team)
    for number, name in enumerate(_take_names(state.pipelines, size.pipelines)):
        owner = week.teams[number % len(week.teams)].name
        pipeline = emulator.create_pipeline(name, owner=owner)
        emulator.connect(pipeline, f"{owner}/{pipeline.name}", {"addons": [week.service]})
        apps = [emulator.create_app(f"{pipeline.name}-{stage}", owner=owner) for stage in LASTING]
        week.pipeline_ids.append(pipeline.id)
        week.lasting.append(apps)
        for app, stage in zip(apps, LASTING, strict=True):
            emulator.couple(app, pipeline.id, stage)
            _note(week, await emulator.create_addon(app, week.service))
    await _wait_for_partner(week)


def _take_names(taken: NameIndex[T], wanted: int) -> list[str]:
    """Return names that are free, in their order: another week may have been played here."""
    names = (f"week-{number}" for number in count(1))
    return list(islice((name for name in names if name not in taken), wanted))


async def _play_slot(week: Week, steps: list[Step]) -> None:
    """Have everybody act whose step is in a slot; what is done to lasting apps one after the other."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def act(step: Step) -> None:
        async with limit:
            await _act(week, step)

    for kinds in (("open", "close", "test"), ("move", "transfer", "promote")):
        chosen = [step for step in steps if step.kind in kinds]
        if "open" in kinds:
            await asyncio.gather(*map(act, chosen))
        else:
            for step in chosen:
                await act(step)
    await _wait_for_partner(week)
    for uuid in [uuid for uuid in week.testing if week.emulator.state.addons.get(uuid) is None]:
        week.testing.remove(uuid)
        week.books.end(uuid, at=week.emulator.clock.now())


async def _act(week: Week, step: Step) -> None:
    try:
        await ACTIONS[step.kind](week, step)
        week.books.done[step.kind] += 1
    except Declined as declined:
        week.books.refused.append(f"{step.kind} of pipeline {step.pipeline}, number {step.number}: {declined}")


async def _open(week: Week, step: Step) -> None:
    review_app = await week.emulator.open_pull_request(week.pipeline_ids[step.pipeline], step.number)
    if review_app.app is None:
        raise invalid(review_app.message or "The review app came to nothing.")
    week.reviews[step.number] = review_app
    for addon in review_app.app.addons.values():
        _note(week, addon)


async def _close(week: Week, step: Step) -> None:
    review_app = week.reviews.pop(step.number, None)
    if review_app is None or review_app.app is None:
        raise invalid("There is no review app to close.")
    uuids = list(review_app.app.addons)
    await week.emulator.close_pull_request(week.pipeline_ids[step.pipeline], step.number)
    if review_app.status != "deleted":
        raise invalid(review_app.message or f"The review app is {review_app.status}.")
    for uuid in uuids:
        week.books.end(uuid, at=week.emulator.clock.now())


async def _test(week: Week, step: Step) -> None:
    """Its add-on comes, and goes when the switches say that the tests are over."""
    run = await week.emulator.run_tests(week.pipeline_ids[step.pipeline], USER, branch=f"pr-{step.number}")
    if run.status == "errored" or run.setup is None:
        raise invalid(run.message or "The test run came to nothing.")
    for uuid in run.setup.addon_ids:
        week.books.add(uuid, run.pipeline.id, Stage.TEST, at=week.emulator.clock.now())
        week.testing.add(uuid)


async def _move(week: Week, step: Step) -> None:
    """The first move is to staging, the next one into the pipeline beside this one."""
    app, state = week.lasting[step.pipeline][0], week.emulator.state
    coupling = app.coupling
    assert coupling is not None, "lasting apps are in a pipeline"
    pipeline_id, stage = coupling.pipeline.id, Stage.STAGING
    if coupling.stage is Stage.STAGING:
        pipeline_id = week.pipeline_ids[(step.pipeline + 1) % len(week.pipeline_ids)]
        week.emulator.uncouple(app)
        week.emulator.couple(app, pipeline_id, stage)
    else:
        state.move(coupling, stage)
    for uuid in app.addons:
        week.books.move(uuid, pipeline_id, stage)


async def _transfer(week: Week, step: Step) -> None:
    """The app in production goes to the next team; it stays where it is in its pipeline."""
    owner = week.teams[(step.pipeline + 1) % len(week.teams)]
    transfer_app(week.emulator.state, week.lasting[step.pipeline][-1], owner)


async def _promote(week: Week, step: Step) -> None:
    week.emulator.promote(week.lasting[step.pipeline][1])


ACTIONS: dict[str, Callable[[Week, Step], Awaitable[None]]] = {
    "open": _open,
    "close": _close,
    "test": _test,
    "move": _move,
    "transfer": _transfer,
    "promote": _promote,
}


async def _wait_for_partner(week: Week) -> None:
    """Wait until no add-on is being provisioned, nor has a grant that is not used: time would end both."""
    emulator = week.emulator
    await emulator.settle()
    try:
        async with asyncio.timeout(week.patience.total_seconds()):
            waiting = list(week.books.live) if week.is_patient else []
            while waiting := [uuid for uuid in waiting if _is_at_work(emulator, uuid)]:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    except TimeoutError:
        week.is_patient = False
        week.books.refused.append(f"The partner was at work for more than {week.patience} on what it had accepted.")
    await emulator.settle()


def _is_at_work(emulator: EmulatedHeroku, uuid: str) -> bool:
    addon = emulator.state.addons.get(uuid)
    return addon is not None and (addon.state is State.PROVISIONING or emulator.has_open_grant(addon))


def _note(week: Week, addon: Addon) -> None:
    coupling = addon.app.coupling
    assert coupling is not None, "every app of a scenario is in a pipeline"
    week.books.add(addon.id, coupling.pipeline.id, coupling.stage, at=addon.created_at)


def _find_service(emulator: EmulatedHeroku, slug: str | None) -> str:
    services = emulator.state.addon_services
    found = services.find(slug) if slug else next(iter(services), None)
    if found is None:
        raise invalid(f"This world has no add-on service {slug or 'at all'}.")
    return found.name
