"""A worker whose threads live and that works on nothing: it is not ready, and says why."""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.client import read_clock
from headrace.models import State
from headrace.service import AddonService
from headrace.store.database import Database
from headrace.testing import eventually
from headrace.workflows import pulse
from headrace.workflows.engine import Engine
from headrace.workflows.hooks import Provision
from headrace.workflows.pulse import Pulse
from pair import Acme, Pair, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"


@dataclass
class BrokenClock:
    """A clock that may refuse to tell the time."""

    is_broken: bool = False

    def __call__(self) -> datetime:
        if self.is_broken:
            raise ArithmeticError
        return datetime.now(UTC)


class BlockingAcme(Acme):
    """Its hook is a coroutine function that blocks, so that nothing else runs on its event loop."""

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            self.created.append(provision)
            self.may_go_on.wait(timeout=20)
            return {}

        @service.on_plan_change
        def resize(_change: object) -> None: ...

        @service.on_deprovision
        def drop(_resource: object) -> None: ...


async def test_an_engine_that_takes_no_work_is_not_ready(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not taken waits; a worker that starts anew takes it, and is ready again."""
    monkeypatch.setattr(pulse, "STUCK_AFTER_SECONDS", 0.0)
    async with play_pair(database_url) as pair:
        await pair.parts.database.write(_forget_queues, pair.parts.database)
        await eventually(lambda: "queue-worker-headrace" not in [thread.name for thread in threading.enumerate()])
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.parts.engine.watch()
        await pair.parts.engine.watch()
        stuck = await _ask_ready(pair)
        await pair.parts.engine.stop()
        await pair.parts.engine.start()
        await pair.settle()
        await pair.parts.engine.watch()

        assert (503, ["the workflow engine takes no work from headrace"]) == (stuck[0], stuck[1]["problems"])
        assert (200, {"status": "ready"}) == await _ask_ready(pair)
        assert State.PROVISIONED == (await pair.find(addon.id)).state


async def test_a_full_queue_is_not_a_stuck_one(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many run as may: what waits behind them waits for a place, however long they take."""
    monkeypatch.setattr(pulse, "STUCK_AFTER_SECONDS", 0.0)
    database = Database(sqlite_url)
    engine = Engine(database, clock=read_clock)
    with database.transaction() as connection:
        engine.enqueue(connection, "provision", "provision:1:1", UUID)
    active, loop = [2, 2, 1], asyncio.get_running_loop()
    felt = Pulse(database, version="1", room={"headrace": 2})
    problems = []
    for _ in range(3):
        await asyncio.to_thread(felt.look, loop, lambda _queue: active.pop(0))
        problems.append(felt.problem)
    await engine.stop()
    database.close()

    assert [None, None, "the workflow engine takes no work from headrace"] == problems


async def test_a_hook_that_blocks_every_workflow_is_named(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coroutine function has to give way; one that does not is shown for as long as it lasts."""
    monkeypatch.setattr(pulse, "ANSWERS_WITHIN_SECONDS", 0.1)
    acme = BlockingAcme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        await pair.parts.engine.watch()
        blocked = await _ask_ready(pair)
        acme.may_go_on.set()
        await pair.settle()
        await pair.parts.engine.watch()

        assert 503 == blocked[0]
        assert "a hook blocks the event loop" in blocked[1]["problems"][0]
        assert 200 == (await _ask_ready(pair))[0]


async def test_a_chore_that_fails_unexpectedly_is_done_again(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it meets is noted, and neither it nor the worker ends with it."""
    clock = BrokenClock()
    async with play_pair(sqlite_url, service_clock=clock, HEADRACE_RECHECK_SECONDS="0.2") as pair:
        clock.is_broken = True
        await eventually(lambda: caplog.messages.count("sweep.failed") > 1)
        clock.is_broken = False
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert State.PROVISIONED == (await pair.find(addon.id)).state
        assert 200 == (await _ask_ready(pair))[0]


def _forget_queues(connection: sa.Connection, database: Database) -> None:
    """Take the engine's queues away: its pollers end, and the thread that watches over them lives on."""
    connection.execute(sa.text(f"DELETE FROM {'' if database.is_sqlite else 'dbos.'}queues"))


async def _ask_ready(pair: Pair) -> tuple[int, Any]:
    async with pair.http.get(f"{pair.url}/ready") as answer:
        return answer.status, await answer.json()
