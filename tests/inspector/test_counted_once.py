"""What a run over a fleet counts: each resource once, in whichever of its batches it was looked at, and how often."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Barrier

import sqlalchemy as sa

from copying.moving import make_home
from headrace.emulator import Clock, Fault, Switches
from headrace.inspector.batch_state import Tally
from headrace.inspector.batches import BatchInspector
from headrace.store.state.due import claim_batch, make_due
from headrace.store.state.secrets import SealedTokens
from headrace.workflows.chores.sweep import LEASE
from pair import Pair

RECHECK = timedelta(seconds=9000)
SHOP_APPS = ("shop-dev", "shop-pr-1", "shop-ci", "shop-staging", "shop")
SIBLINGS = Switches(siblings_visible=True)
WAITS_SECONDS = 30


@dataclass
class Run:
    """A run over some, all of them due and none looked at since it began, some of them to a batch."""

    pair: Pair
    clock: Clock
    uuids: list[str]
    since: datetime
    tally: Tally = field(default_factory=Tally)

    async def claim(self, batch: str, *, only: list[str] | None = None) -> int:
        now = self.clock.now()
        return await self.pair.parts.database.write(claim_batch, batch, now=now, limit=2, lease=LEASE, only=only)

    async def look(self, batch: str, *, opened: Barrier | None = None) -> None:
        """Look at a batch; with others that are opened together, none asks before all of them are."""
        parts = self.pair.parts

        def find_tokens(connection: sa.Connection, of: str) -> SealedTokens:
            if opened is not None:
                opened.wait(WAITS_SECONDS)
            return parts.secrets.find_tokens(connection, of)

        inspector = BatchInspector(
            parts.database,
            parts.client,
            find_tokens=find_tokens,
            clock=self.clock.now,
            every=RECHECK,
            on_move=lambda _connection, _uuid, _old, _new: None,
        )
        self.tally.add(await inspector.inspect(batch, since=self.since))

    async def look_again(self, uuid: str) -> None:
        """Look at one resource in a batch of its own, a minute later."""
        self.clock.advance(timedelta(minutes=1))
        now = self.clock.now()
        batch = f"again at {now:%T}"
        await self.pair.parts.database.write(make_due, [uuid], now=now)
        assert 1 == await self.claim(batch, only=[uuid])
        await self.look(batch)

    @property
    def counted(self) -> tuple[int, int]:
        """How many were inspected, and how many failed."""
        return self.tally.inspected, self.tally.failed


async def test_whom_a_list_of_another_batch_tells_of_counts_once(database_url: str) -> None:
    """Two batches that are under way at the same time have one pipeline: each of their lists tells of all five."""
    async with _begin_run(database_url) as run:
        one, other, opened = run.uuids[:2], run.uuids[2:4], Barrier(2)
        claimed = [await run.claim("one", only=one), await run.claim("other", only=other)]
        async with asyncio.TaskGroup() as looks:
            for batch in ("one", "other"):
                looks.create_task(run.look(batch, opened=opened))

        assert ([2, 2], (5, 0)) == (claimed, run.counted)


async def test_whom_a_list_told_of_before_counts_once(database_url: str) -> None:
    """Whoever is due again while the run goes on is looked at again, and so is the pipeline of another batch."""
    async with _begin_run(database_url) as run:
        await run.claim("one")
        await run.look("one")
        for uuid in run.uuids[:2]:
            await run.look_again(uuid)

        assert (5, 0) == run.counted


async def test_who_is_in_no_list_counts_once_however_often_it_is_looked_at(database_url: str) -> None:
    """Apps of two pipelines: each answer is about one."""
    async with _begin_run(database_url, apps=("blog", "shop")) as run:
        for _ in range(2):
            await run.look_again(run.uuids[0])
        first = run.counted
        await run.look_again(run.uuids[1])

        assert ((1, 0), (2, 0)) == (first, run.counted)


async def test_who_fails_and_is_looked_at_again_counts_as_inspected(database_url: str) -> None:
    """And as failed for as long as it has no answer, once for all its failures."""
    async with _begin_run(database_url, apps=("blog",)) as run:
        run.pair.heroku.faults.add(Fault(kind="status", status=500, path="/apps/*", count=2))
        counted = []
        for _ in range(3):
            await run.look_again(run.uuids[0])
            counted.append(run.counted)

        assert [(0, 1), (0, 1), (1, 0)] == counted


async def test_who_was_answered_about_before_it_fails_counts_as_inspected(database_url: str) -> None:
    """What was found out in this run is found out."""
    async with _begin_run(database_url, apps=("blog",)) as run:
        await run.look_again(run.uuids[0])
        run.pair.heroku.faults.add(Fault(kind="status", status=500, path="/apps/*", count=1))
        await run.look_again(run.uuids[0])

        assert ((1, 0), {"HerokuBroken": 1}) == (run.counted, run.tally.errors)


@asynccontextmanager
async def _begin_run(database_url: str, *, apps: Sequence[str] = SHOP_APPS) -> AsyncIterator[Run]:
    """No worker is there by then: it looks at whatever is due, and what it has looked at this run would not count."""
    clock, uuids = Clock(), []
    serves = {"read_clock": clock.now, "HEADRACE_RECHECK_SECONDS": f"{RECHECK.total_seconds():.0f}"}
    async with make_home(switches=SIBLINGS, clock=clock) as home:
        async with home.serve(database_url, **serves) as pair:
            for app in apps:
                uuids.append((await home.heroku.create_addon(app, "acme-search:basic")).id)
                await pair.settle()
        clock.advance(timedelta(minutes=1))
        async with home.serve(database_url, has_worker=False, **serves) as pair:
            now = clock.now()
            await pair.parts.database.write(make_due, uuids, now=now)
            yield Run(pair, clock, uuids, since=now)
