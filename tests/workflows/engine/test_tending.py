"""How a worker learns that there is something to take: told, and looking unasked only rarely. On both databases."""

import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine.ledger import Status
from headrace.workflows.engine.port import CONCURRENCY, QUEUE, Engine
from headrace.workflows.engine.run import Run
from headrace.workflows.engine.tending import CALLER, LOOK_SECONDS, QUEUE_THREAD, Turn

UUID = "01234567-89ab-cdef-0123-456789abcdef"
SOON_SECONDS = 1.0
# Much longer than any of these tests waits: whatever is taken sooner was told.
NEVER_SECONDS = 600.0


async def test_what_another_process_enqueues_is_begun_at_once(database_url: str) -> None:
    """The worker is told of it, although it would not look by itself for minutes."""
    ran: list[str] = []
    async with _web(database_url) as web, _working(database_url, ran, look_every=NEVER_SECONDS):
        for number in range(5):
            await web.enqueue(f"work:{number}")
            await eventually(partial(ran.__contains__, f"work:{number}"), within=timedelta(seconds=60))

    assert [f"work:{number}" for number in range(5)] == ran


async def test_what_the_worker_enqueues_itself_is_begun_at_once(database_url: str) -> None:
    """A workflow's end starts what is due next."""
    ran: list[str] = []
    async with _working(database_url, ran, look_every=NEVER_SECONDS) as worker:
        await worker.enqueue("work:1")
        await eventually(lambda: ran, within=timedelta(seconds=60))


async def test_more_than_there_is_room_for_is_taken_as_room_comes(database_url: str) -> None:
    """Each end of a workflow has the next ones looked for."""
    ran: list[str] = []
    ids = [f"work:{number}" for number in range(3 * CONCURRENCY[QUEUE])]
    async with _web(database_url) as web, _working(database_url, ran, look_every=NEVER_SECONDS):
        await web.enqueue(*ids)
        await eventually(lambda: len(ran) == len(ids), within=timedelta(seconds=60))

    assert sorted(ids) == sorted(ran)


async def test_ends_with_nothing_behind_them_have_nothing_looked_for(postgres_url: str) -> None:
    """Whether anything waits was seen when it was told; that there is more room tells nothing new."""
    ran, looks = list[str](), list[str]()
    ids = [f"work:{number}" for number in range(CONCURRENCY[QUEUE] // 2)]
    async with _working(postgres_url, ran, look_every=NEVER_SECONDS) as worker:

        def note(*what: Any) -> None:
            if threading.current_thread().name == CALLER:
                looks.append(what[2])

        event.listen(worker.database.engine, "before_cursor_execute", note)
        await worker.enqueue(*ids)
        await eventually(lambda: len(ran) == len(ids), within=timedelta(seconds=60))

    assert 0 < len(looks) < len(ids)


async def test_a_claim_does_not_ask_which_version_is_the_latest(postgres_url: str) -> None:
    """The engine would, each time, for the sake of what names no version; everything of ours names one."""
    ran, asked = list[str](), list[str]()
    async with _working(postgres_url, ran, look_every=NEVER_SECONDS) as worker:
        event.listen(worker.database.engine, "before_cursor_execute", lambda *what: asked.append(what[2]))
        await worker.enqueue("work:1")
        await eventually(lambda: ran, within=timedelta(seconds=60))

    assert any("SKIP LOCKED" in each for each in asked)
    assert not any("application_versions" in each for each in asked)


async def test_a_word_that_was_lost_costs_some_seconds(database_url: str) -> None:
    """A release that does not tell, or one that ends before it could: the worker looks unasked."""
    ran: list[str] = []
    async with _web(database_url) as web, _working(database_url, ran, look_every=SOON_SECONDS):
        await web.enqueue_silently("work:1")
        await eventually(lambda: ran, within=timedelta(seconds=60))


async def test_a_worker_with_nothing_to_do_hardly_asks(postgres_url: str) -> None:
    """Between two of its own looks the engine asks nothing: its threads that would are ended."""
    ran: list[str] = []
    async with _working(postgres_url, ran, look_every=SOON_SECONDS) as worker:
        await worker.enqueue("work:1")
        await eventually(lambda: ran)
        names = {thread.name for thread in threading.enumerate()}
        await eventually(lambda: not _list_asking() and worker.is_done("work:1"))
        asked, began = worker.sent, monotonic()
        await eventually(lambda: worker.sent >= asked + 5)
        took = monotonic() - began

    assert {f"{QUEUE_THREAD}{queue}" for queue in CONCURRENCY} <= names
    assert took > 2 * SOON_SECONDS


def test_a_turn_lasts_until_it_is_called_or_set() -> None:
    """As the engine waits for the event that ends a thread; how long it would wait counts for nothing."""
    turn = Turn()
    turn.call()
    was_called = turn.wait(0.0)
    thread = threading.Thread(target=turn.wait, args=(0.0,))
    thread.start()
    thread.join(0.05)
    goes_on = thread.is_alive()
    turn.set()
    thread.join()

    assert (False, True, True) == (was_called, goes_on, turn.wait(0.0))


@dataclass
class _Process:
    """What a process has that enqueues, a worker or not."""

    engine: Engine
    database: Database
    sent: int = 0

    async def enqueue(self, *ids: str) -> None:
        await self.database.write(self._enqueue, ids)

    async def enqueue_silently(self, workflow_id: str) -> None:
        """Enqueue as a process does that ends before it could tell of it."""

        def write(connection: sa.Connection) -> None:
            self._enqueue(connection, [workflow_id])
            connection.info.clear()

        await self.database.write(write)

    def is_done(self, workflow_id: str) -> bool:
        with self.database.reads.connect() as connection:
            return self.engine.find_statuses(connection, [workflow_id]) == {workflow_id: Status.DONE}

    def _enqueue(self, connection: sa.Connection, ids: Collection[str]) -> None:
        self.engine.enqueue_all(connection, "work", dict.fromkeys(ids, (UUID, None)))

    def count(self, *_statement: Any) -> None:
        self.sent += 1


@asynccontextmanager
async def _web(url: str, *, look_every: float = LOOK_SECONDS) -> AsyncIterator[_Process]:
    """A process that enqueues and does not work."""
    database = Database(url)
    engine = Engine(database, clock=read_clock, look_every=look_every)
    yield _Process(engine, database)
    await engine.stop()
    database.close()


@asynccontextmanager
async def _working(url: str, ran: list[str], *, look_every: float = LOOK_SECONDS) -> AsyncIterator[_Process]:
    """A worker that notes which workflows it runs."""

    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        ran.append(run.workflow_id)

    async with _web(url, look_every=look_every) as process:
        process.engine.register("work", work)
        event.listen(process.database.engine, "before_cursor_execute", process.count)
        await process.engine.start()
        yield process


def _list_asking() -> list[str]:
    """The engine's own threads that would ask again and again."""
    names = [thread.name for thread in threading.enumerate()]
    asking = ("queue_thread", "dbos-background-jobs", "run_notification_listener")
    return [name for name in names if any(each in name for each in asking)]
