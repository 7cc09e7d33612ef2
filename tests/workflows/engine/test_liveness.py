"""A worker whose threads live and that works on nothing: it is not ready, and says why."""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.clock import read_clock
from headrace.hooks.arguments import Provision
from headrace.hooks.config import NoConfig
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.service import AddonService
from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine.liveness import Liveness
from headrace.workflows.engine.port import CONCURRENCY, CONTRACT_VERSION, QUEUE, Engine
from pair import HELD_SECONDS, Acme, Pair, play_pair

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
            self.may_go_on.wait(timeout=HELD_SECONDS)
            return NoConfig()

        @service.on_plan_change
        def resize(_change: object) -> None: ...

        @service.on_deprovision
        def drop(_resource: object) -> None: ...


async def test_an_engine_that_takes_no_work_is_found_out(database_url: str) -> None:
    """The worker is not ready and Prometheus sees it, and what waits goes on to; one that starts anew takes it."""
    async with play_pair(database_url) as pair:
        felt = Liveness(pair.parts.database, version=CONTRACT_VERSION, room=CONCURRENCY, stuck_after=0.0)
        before = await _scrape(pair)
        await pair.parts.database.write(_forget_queues, pair.parts.database)
        # The last that is taken: behind it the thread finds its queue gone.
        await pair.parts.database.write(pair.parts.engine.enqueue, WorkflowKind.SWEEP, "sweep:none", "none")
        await eventually(lambda: "queue-worker-headrace" not in [thread.name for thread in threading.enumerate()])
        await eventually(lambda: _is_unready(pair, "takes no work from headrace"), within=timedelta(seconds=60))
        after = await _scrape(pair)
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        problems = [await _feel(felt) for _ in range(2)]
        await pair.parts.engine.stop()
        await pair.parts.engine.start()
        await pair.settle()

        assert [None, f"the workflow engine takes no work from {QUEUE}"] == problems
        assert (["headrace_worker_works 1.0"], ["headrace_worker_works 0.0"]) == (before, after)
        assert None is await _feel(felt)
        await eventually(lambda: _is_ready_again(pair))
        assert State.PROVISIONED == (await pair.find(addon.id)).state


async def test_a_worker_that_can_no_longer_look_after_itself_is_not_ready(sqlite_url: str) -> None:
    """Its look hangs, say in a connection that nobody answers: what it saw last is no longer true."""
    database = Database(sqlite_url)
    felt = Liveness(database, version=CONTRACT_VERSION, room={QUEUE: 2}, blind_after=0.0)
    problem = felt.problem
    database.close()

    assert "the worker has not been able to look after itself for 0 seconds" == problem


async def test_a_full_queue_is_not_a_stuck_one(sqlite_url: str) -> None:
    """As many run as may: what waits behind them waits for a place, however long they take."""
    database = Database(sqlite_url)
    engine = Engine(database, clock=read_clock)
    with database.transaction() as connection:
        engine.enqueue(connection, "provision", "provision:1:1", UUID)
    felt = Liveness(database, version=CONTRACT_VERSION, room={QUEUE: 2}, stuck_after=0.0)
    problems = [await _feel(felt, active=active) for active in (2, 2, 1)]
    await engine.stop()
    database.close()

    assert [None, None, f"the workflow engine takes no work from {QUEUE}"] == problems


async def test_a_hook_that_blocks_every_workflow_is_named(sqlite_url: str) -> None:
    """A coroutine function has to give way; one that does not is shown for as long as it lasts."""
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
        await eventually(lambda: [each.msg for each in caplog.records].count("sweep.failed") > 1)
        clock.is_broken = False
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert State.PROVISIONED == (await pair.find(addon.id)).state
        assert 200 == (await _ask_ready(pair))[0]


def _forget_queues(connection: sa.Connection, database: Database) -> None:
    """Take the engine's queues away: their threads end, and the one that calls them lives on."""
    schema = "" if database.is_sqlite else f"{database.place.engine}."
    connection.execute(sa.text(f"DELETE FROM {schema}queues"))


async def _is_unready(pair: Pair, text: str) -> bool:
    status, said = await _ask_ready(pair)
    return status == 503 and text in str(said)


async def _is_ready_again(pair: Pair) -> bool:
    """At the worker's next pulse."""
    return await _ask_ready(pair) == (200, {"status": "ready"})


async def _scrape(pair: Pair) -> list[str]:
    """What Prometheus is told of the worker."""
    async with pair.http.get(f"{pair.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return [line for line in lines if line.startswith("headrace_worker_works")]


async def _feel(liveness: Liveness, *, active: int = 0) -> str | None:
    """Look as a worker does on which so many workflows run, and return what is wrong."""
    await asyncio.to_thread(liveness.examine, asyncio.get_running_loop(), lambda _queue: active)
    return liveness.problem


async def _ask_ready(pair: Pair) -> tuple[int, Any]:
    async with pair.http.get(f"{pair.url}/ready") as answer:
        return answer.status, await answer.json()
