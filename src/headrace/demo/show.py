"""Showing the demo: customers add Acme Search to their apps, and an app moves while you watch."""

import asyncio
import json
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from time import perf_counter

import click

from headrace.assembly import Parts
from headrace.demo.acme import Cloud, register
from headrace.emulator import BUILT_IN_WORLD, Emulator, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.inspector.board import Board, build_board
from headrace.inspector.board_json import board_as_json
from headrace.inspector.board_text import board_as_text
from headrace.inspector.visibility import list_placed
from headrace.models import Stage, State
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.reports.board import list_board_rows

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
# What happens while you watch, a step at a time.
MOVING_APP = "ledger-api-staging"
PAUSE_SECONDS = 6.0
SETTLE_WITHIN_SECONDS = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs while the demo is shown: a Heroku, and the add-on at `url`."""

    emulator: Emulator
    parts: Parts
    url: str


async def run_demo(*, once: bool, as_json: bool) -> None:
    """Show the demo; with `once`, print the board when everything is provisioned, and stop."""
    say: Say = (lambda _: None) if as_json else partial(click.echo, err=once)
    number = await _run_until_signal(_show(say, once=once, as_json=as_json))
    if number is not None and once:
        raise SystemExit(128 + number)


async def _show(say: Say, *, once: bool, as_json: bool) -> None:
    async with _start() as running:
        await _add_to_every_app(running, say)
        if once:
            board = await _load_board(running)
            print(json.dumps(board_as_json(board)) if as_json else board_as_text(board))  # noqa: T201
            return
        _say_where_to_look(running, say)
        try:
            await _move_an_app(running, say)
        finally:
            say("\nStopping.")


@asynccontextmanager
async def _start() -> AsyncIterator[Running]:
    """Start a Heroku and an add-on that know each other, with a database that goes when they do."""
    with (
        tempfile.TemporaryDirectory(prefix="headrace-demo-") as folder,
        # asyncio sends without delay only where it sees the protocol.
        socket.socket(proto=socket.IPPROTO_TCP) as bound,
    ):
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        world = load_world(BUILT_IN_WORLD.replace(WORLD_URL, url))
        async with run_emulator(world) as emulator:
            environment = {
                **describe(emulator).addon_services[0].settings,
                "DATABASE_URL": f"sqlite:///{Path(folder) / 'demo.db'}",
                "HEADRACE_RECHECK_SECONDS": RECHECK_SECONDS,
            }
            service = AddonService(read_settings(environment))
            register(service, Cloud())
            async with serving(service.asgi(), bound):
                yield Running(emulator=emulator, parts=find_assembly(service).assemble(), url=url)


async def _add_to_every_app(running: Running, say: Say) -> None:
    """Every customer adds Acme Search; the add-on answers each at once and finishes in the background."""
    started = perf_counter()
    apps = list(running.emulator.state.apps)
    for app in apps:
        asked = perf_counter()
        stage = app.coupling.stage if app.coupling else None
        addon = await running.emulator.create_addon(app, f"acme-search:{PLANS[stage]}")
        took = perf_counter() - asked
        say(f"  provision  {app.name:<20} acme-search:{addon.plan.name:<9} 202 in {took * 1000:.0f} ms")
    await _wait_until_provisioned(running)
    say(f"  {len(apps)} resources provisioned in {perf_counter() - started:.1f} s.\n")


async def _wait_until_provisioned(running: Running) -> None:
    """Wait until both sides say so: Heroku is told first, and our own row follows."""
    async with asyncio.timeout(SETTLE_WITHIN_SECONDS):
        while not await _is_provisioned(running):
            await asyncio.sleep(0.05)


async def _is_provisioned(running: Running) -> bool:
    rows = await running.parts.database.read(list_board_rows, None)
    states = {addon.state for addon in running.emulator.state.addons} | {row.state for row in rows}
    return states == {State.PROVISIONED}


async def _load_board(running: Running) -> Board:
    rows = await running.parts.database.read(list_board_rows, None)
    stale_after = 60 * running.parts.settings.recheck_every
    return build_board(list_placed(rows), opened=None, now=running.parts.clock(), stale_after=stale_after)


def _say_where_to_look(running: Running, say: Say) -> None:
    say("Open the board as Ada, through Heroku's single sign-on:")
    say(f"  {click.style(_find_login(running), bold=True)}\n")
    say(f"Metrics   {running.url}/metrics")
    say(f"Heroku    {running.emulator.url} (an emulator; nothing here reaches Heroku)\n")
    say("Ctrl-C stops everything.\n")


def _find_login(running: Running) -> str:
    app = running.emulator.state.apps[MOVING_APP]
    return f"{running.emulator.url}/sso/apps/{app.id}/addons/{next(iter(app.addons))}?user=ada@lumen.example"


async def _move_an_app(running: Running, say: Say) -> None:
    """Move an app from staging to production and back, for as long as somebody watches."""
    uuid = next(iter(running.emulator.state.apps[MOVING_APP].addons))
    for stage in cycle((Stage.PRODUCTION, Stage.STAGING)):
        await asyncio.sleep(PAUSE_SECONDS)
        running.emulator.move(MOVING_APP, stage)
        moved = perf_counter()
        while (await _find_stage(running, uuid)) != stage:
            await asyncio.sleep(0.05)
        say(f"  moved      {MOVING_APP} to {stage}; on the board {perf_counter() - moved:.1f} s later")


async def _find_stage(running: Running, uuid: str) -> str | None:
    rows = await running.parts.database.read(list_board_rows, [uuid])
    return rows[0].stage


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
