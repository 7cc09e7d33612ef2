"""Showing the demo: customers add Acme Search to their apps, and a tour of what may happen is there to be played."""

import asyncio
import json
import logging
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from time import perf_counter

import click

from headrace.assembly import Parts
from headrace.demo.acme import Cloud, register
from headrace.demo.hands import Hands
from headrace.demo.keys import has_keys, listening_for_keys
from headrace.demo.page import TourPage
from headrace.demo.past import WEEKS, write_past
from headrace.demo.steps import ADA, FAILING_APP, LASTS, MOVING_APP, Places, Scene, break_provision, wait_until_failed
from headrace.demo.tour import Tour
from headrace.emulator import BUILT_IN_WORLD, App, Clock, Emulator, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.inspector.board import Board, build_board
from headrace.inspector.board_json import board_as_json
from headrace.inspector.board_text import board_as_text
from headrace.inspector.visibility import list_placed
from headrace.models import PASSING, Stage, State
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.reports.board import list_board_rows
from headrace.workflows import engine

WORLD_URL = "http://127.0.0.1:5050"
RECHECK_SECONDS = "1"
# What a customer takes for an app at each stage, or in no pipeline.
PLANS = {
    None: "free",
    Stage.REVIEW: "free",
    Stage.TEST: "free",
    Stage.DEVELOPMENT: "basic",
    Stage.STAGING: "standard",
    Stage.PRODUCTION: "premium",
}
# Where some apps stood at first, weeks ago.
BEGAN_AT = {
    "storefront-staging": Stage.DEVELOPMENT,
    "help-centre": Stage.STAGING,
    "billing-eu": Stage.STAGING,
}
MOVED_WEEKS_AGO = 2
SETTLE_WITHIN_SECONDS = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs while the demo is shown: a Heroku, and the add-on at `url`, both by one clock."""

    emulator: Emulator
    parts: Parts
    url: str
    clock: Clock
    secret: str
    cloud: Cloud


async def run_demo(*, once: bool, as_json: bool) -> None:
    """Show the demo; with `once`, print the board when everything is provisioned, and stop."""
    say: Say = (lambda _: None) if as_json else partial(click.echo, err=once)
    number = await _run_until_signal(_show_once(say, as_json=as_json) if once else _show(say))
    if number is not None and once:
        raise SystemExit(128 + number)


async def _show_once(say: Say, *, as_json: bool) -> None:
    async with start(Clock()) as running:
        started, apps = perf_counter(), list(running.emulator.state.apps)
        await _add_to(running, apps, say)
        say(f"  {len(apps)} resources provisioned in {perf_counter() - started:.1f} s.\n")
        board = await _load_board(running)
        print(json.dumps(board_as_json(board)) if as_json else board_as_text(board))  # noqa: T201


async def _show(say: Say) -> None:
    async with touring(say) as page:
        _say_where_to_look(page, say)
        try:
            with listening_for_keys(_Presses(page.tour)):
                await asyncio.Event().wait()
        finally:
            say("\nStopping.")


@asynccontextmanager
async def _without_failures() -> AsyncIterator[None]:
    """Steps of workflows fail here on purpose, and say so on pages: no line of a log is wanted for it."""
    log = logging.getLogger(engine.__name__)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


@asynccontextmanager
async def touring(say: Say, *, lasts: timedelta = LASTS) -> AsyncIterator[TourPage]:
    """Have weeks pass, and serve the page of the tour; a step leaves what it shows there for as long as `lasts`."""
    clock = Clock()
    clock.set(datetime.now(UTC) - timedelta(weeks=WEEKS))
    async with (
        _without_failures(),
        start(clock) as running,
        Hands(heroku=running.emulator.url, service=running.url, secret=running.secret) as hands,
    ):
        scene = Scene(hands=hands, cloud=running.cloud, lasts=lasts)
        gone = await _live_through_weeks(running, scene, say)
        counting = asyncio.create_task(running.parts.roll_up.count_all())
        with socket.socket(proto=socket.IPPROTO_TCP) as bound:
            bound.bind(("127.0.0.1", 0))
            page = TourPage(
                tour=Tour(scene=scene, say=say),
                places=_find_places(running, f"http://127.0.0.1:{bound.getsockname()[1]}"),
                secret=running.secret,
                resources=len(list(running.emulator.state.apps)),
                gone=gone,
                has_keys=has_keys(),
            )
            try:
                async with serving(page.asgi(), bound):
                    yield page
            finally:
                counting.cancel()
                await page.tour.end()
                await asyncio.wait([counting])


@asynccontextmanager
async def start(clock: Clock) -> AsyncIterator[Running]:
    """Start a Heroku and an add-on that know each other, with a database that goes when they do."""
    with (
        tempfile.TemporaryDirectory(prefix="headrace-demo-") as folder,
        # asyncio sends without delay only where it sees the protocol.
        socket.socket(proto=socket.IPPROTO_TCP) as bound,
    ):
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        world = load_world(BUILT_IN_WORLD.replace(WORLD_URL, url))
        async with run_emulator(world, clock=clock) as emulator:
            # Acme hears of releases, for which an add-on needs Heroku's permission.
            emulator.switches.extras_allowed = True
            secret, cloud = token_urlsafe(24), Cloud()
            environment = {
                **describe(emulator).addon_services[0].settings,
                "DATABASE_URL": f"sqlite:///{Path(folder) / 'demo.db'}",
                "HEADRACE_RECHECK_SECONDS": RECHECK_SECONDS,
                "HEADRACE_OPERATOR_SECRET": secret,
            }
            service = AddonService(read_settings(environment))
            assembly = find_assembly(service)
            assembly.clock, assembly.database_clock = clock.now, lambda _connection: clock.now()
            register(service, cloud)
            async with serving(service.asgi(), bound):
                yield Running(
                    emulator=emulator, parts=assembly.assemble(), url=url, clock=clock, secret=secret, cloud=cloud
                )


async def _live_through_weeks(running: Running, scene: Scene, say: Say) -> int:
    """Have what lasts added weeks ago, some of it moved since, and the rest added now; return what came and went."""
    emulator, clock, started = running.emulator, running.clock, perf_counter()
    apps = list(emulator.state.apps)
    lasting = [app for app in apps if _find_stage(app) not in (None, *PASSING)]
    stages = {name: _find_stage(emulator.find_app(name)) for name in BEGAN_AT}
    for name, first in BEGAN_AT.items():
        emulator.move(name, first)
    await _add_to(running, lasting, say)
    clock.set(datetime.now(UTC) - timedelta(weeks=MOVED_WEEKS_AGO))
    for name, stage in stages.items():
        assert stage is not None, "these apps are in pipelines"
        emulator.move(name, stage)
    await _wait_until(partial(_are_at, running, stages))
    clock.set(datetime.now(UTC))
    await running.parts.heartbeat.beat()
    pipelines = {pipeline.name: pipeline.id for pipeline in emulator.state.pipelines}
    gone = await running.parts.database.write(write_past, pipelines, until=clock.now() - timedelta(hours=1))
    await _add_to(running, [app for app in apps if app not in lasting and app.name != FAILING_APP], say)
    failed = await break_provision(scene)
    await scene.hands.log_in_as_operator()
    await wait_until_failed(scene.hands, failed["id"])
    say(f"  {len(apps) - 1} resources provisioned in {perf_counter() - started:.1f} s, and one that failed.")
    say(f"  {gone} that came and went within {WEEKS} weeks are made up, and so are the dates of these.\n")
    return gone


async def _add_to(running: Running, apps: Iterable[App], say: Say) -> None:
    """Customers add Acme Search; the add-on answers each at once and finishes in the background."""
    for app in apps:
        asked = perf_counter()
        addon = await running.emulator.create_addon(app, f"acme-search:{PLANS[_find_stage(app)]}")
        took = perf_counter() - asked
        say(f"  provision  {app.name:<20} acme-search:{addon.plan.name:<9} 202 in {took * 1000:.0f} ms")
    await _wait_until(partial(_is_provisioned, running))


async def _wait_until(condition: Callable[[], Coroutine[None, None, bool]]) -> None:
    async with asyncio.timeout(SETTLE_WITHIN_SECONDS):
        while not await condition():
            await asyncio.sleep(0.05)


async def _is_provisioned(running: Running) -> bool:
    """Whether both sides say so: Heroku is told first, and our own row follows."""
    rows = await running.parts.database.read(list_board_rows, None)
    states = {addon.state for addon in running.emulator.state.addons} | {row.state for row in rows}
    return states == {State.PROVISIONED}


async def _are_at(running: Running, stages: Mapping[str, Stage | None]) -> bool:
    rows = await running.parts.database.read(list_board_rows, None)
    return stages.items() <= {row.app_name: row.stage for row in rows}.items()


def _find_stage(app: App) -> Stage | None:
    return app.coupling.stage if app.coupling else None


async def _load_board(running: Running) -> Board:
    rows = await running.parts.database.read(list_board_rows, None)
    stale_after = 60 * running.parts.settings.recheck_every
    return build_board(list_placed(rows), opened=None, now=running.parts.clock(), stale_after=stale_after)


def _find_places(running: Running, tour: str) -> Places:
    heroku, app = running.emulator.url, running.emulator.state.apps[MOVING_APP]
    return Places(
        tour=tour,
        service=running.url,
        heroku=heroku,
        console=describe(running.emulator).console_url,
        board=f"{heroku}/sso/apps/{app.id}/addons/{next(iter(app.addons))}?user={ADA}",
    )


def _say_where_to_look(page: TourPage, say: Say) -> None:
    places = page.places
    say("Everything is linked from one page, with a tour of what may happen:")
    say(f"  {click.style(places.tour, bold=True)}\n")
    say(f"Board      {places.board}   as Ada, through Heroku's single sign-on")
    say(f"Operators  {places.service}/operators   log in with {page.secret}")
    say(f"Console    {places.console}   of the Heroku here, an emulator; nothing reaches Heroku")
    say(f"Metrics    {places.service}/metrics\n")
    if page.has_keys:
        say("The tour, by a key each:")
        for step in page.tour.steps:
            say(f"  {step.key}  {step.title}")
        say("")
    say("Ctrl-C stops everything.\n")


class _Presses:
    """Begins the step whose key was pressed; other keys do nothing."""

    def __init__(self, tour: Tour) -> None:
        self._tour = tour
        self._beginning: set[asyncio.Task[bool]] = set()

    def __call__(self, key: str) -> None:
        if key in {step.key for step in self._tour.steps}:
            task = asyncio.create_task(self._tour.begin(key))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)


async def _run_until_signal(work: Coroutine[None, None, None]) -> int | None:
    """Work to the end, or until a signal, whose number is returned once everything is put away."""
    task = asyncio.create_task(work)
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop, int(number))
    try:
        await task
    except asyncio.CancelledError:
        if not received:
            raise
    return received[0] if received else None
