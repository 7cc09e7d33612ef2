"""What a batch costs and what it finds: conditional reads, one list for a pipeline, one write for all."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from headrace.emulator import Clock, Fault, Switches
from headrace.emulator.world.traffic import Exchange
from headrace.inspector.batches import POOL_PAUSE, BatchInspector
from headrace.inspector.freshness import SPREAD
from headrace.models import Outcome
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement_check
from headrace.store.state.due import (
    ConfirmedAnew,
    claim_batch,
    count_batches,
    find_longest_due,
    list_batch,
    release_batch,
    save_confirmed,
)
from headrace.store.state.placements import (
    InspectionRow,
    PlacementRow,
    find_current_placement,
    find_inspection,
    list_placements,
)
from headrace.testing import eventually
from headrace.workflows.chores.sweep import LEASE
from outages import read_only
from pair import Pair, play_pair

RECHECK = timedelta(minutes=5) * (1 + SPREAD)
SHOP_APPS = ("shop-dev", "shop-pr-1", "shop-ci", "shop-staging", "shop")
SIBLINGS = Switches(siblings_visible=True)
LISTS = "/pipelines/*/pipeline-couplings"


async def test_what_has_not_changed_costs_one_request_without_a_body(database_url: str) -> None:
    """In a pipeline or in none: the app's place is asked for with its ETag, and nothing else is asked for."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        uuids = [await _provision(pair, app) for app in ("shop", "blog", "ada-notes")]
        await _sweep_later(pair, clock)
        asked = await _sweep_later(pair, clock)

        assert [304, 304, 304] == [exchange.status for exchange in asked]
        assert await _are_fresh(pair, uuids)


async def test_a_404_for_no_place_stays_one_request(sqlite_url: str) -> None:
    """Where Heroku has no body to be conditional about; that the app itself is there was found out the first time."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, switches=Switches(uncoupled_array="not_found")) as pair:
        uuid = await _provision(pair, "ada-notes")
        asked = await _sweep_later(pair, clock)

        assert [404] == [exchange.status for exchange in asked]
        assert await _are_fresh(pair, [uuid], Outcome.UNCOUPLED)


async def test_one_list_tells_about_everything_in_a_pipeline(database_url: str) -> None:
    """Five resources, one request; the second time it has no body."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, switches=SIBLINGS) as pair:
        uuids = [await _provision(pair, app) for app in SHOP_APPS]
        first = await _sweep_later(pair, clock)
        second = await _sweep_later(pair, clock)

        assert [[200], [304]] == [[exchange.status for exchange in asked] for asked in (first, second)]
        assert await _are_fresh(pair, uuids, Outcome.PLACED)


async def test_a_move_is_found_in_the_list_and_told(sqlite_url: str) -> None:
    """As if its app had been asked for: the history has both places, and the hook is told."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, switches=SIBLINGS) as pair:
        uuids = {app: await _provision(pair, app) for app in SHOP_APPS}
        await _sweep_later(pair, clock)
        pair.heroku.move("shop-staging", "production")
        asked = await _sweep_later(pair, clock)
        await eventually(lambda: pair.acme.moved)

        places = await pair.parts.database.read(list_placements, uuids["shop-staging"])
        assert 1 == len(asked)
        assert ["staging", "production"] == [place.stage for place in places]
        assert [uuids["shop-staging"]] == [change.uuid for change in pair.acme.moved]


async def test_absence_from_the_list_is_no_proof(sqlite_url: str) -> None:
    """An app that has left the pipeline is asked for itself."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, switches=SIBLINGS) as pair:
        uuids = {app: await _provision(pair, app) for app in SHOP_APPS}
        pair.heroku.uncouple("shop-ci")
        asked = await _sweep_later(pair, clock)

        place = await _find_place(pair, uuids["shop-ci"])
        assert [200, 200] == [exchange.status for exchange in asked]
        assert (None, None) == (place.pipeline_id, place.stage)


async def test_where_siblings_cannot_be_seen_each_is_asked_for_itself(sqlite_url: str) -> None:
    """The list has the asker alone, so it costs no more than it brings."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        uuids = [await _provision(pair, app) for app in SHOP_APPS]
        await _sweep_later(pair, clock)
        asked = await _sweep_later(pair, clock)

        assert [304] * 5 == [exchange.status for exchange in asked]
        assert await _are_fresh(pair, uuids)


async def test_an_app_that_has_come_from_elsewhere_is_found_before_it_is_due(sqlite_url: str) -> None:
    """The list of the pipeline names it, and so its place is known without a look of its own."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, switches=SIBLINGS) as pair:
        for app in ("shop", "shop-dev"):
            await _provision(pair, app)
        clock.advance(timedelta(seconds=200))
        notes = await _provision(pair, "ada-notes")
        pair.heroku.couple("ada-notes", "shop", "development")
        clock.advance(timedelta(seconds=150))
        await pair.sweep()

        assert "development" == (await _find_place(pair, notes)).stage


async def test_a_refused_list_is_not_asked_for_again_that_day(database_url: str) -> None:
    """Each resource has a look of its own then."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, switches=SIBLINGS) as pair:
        uuids = [await _provision(pair, app) for app in SHOP_APPS]
        pair.heroku.faults.add(Fault(kind="status", status=403, path=LISTS, count=1))
        first = await _sweep_later(pair, clock)
        second = await _sweep_later(pair, clock)

        assert {200: 5, 403: 1} == Counter(each.status for each in first)
        assert 5 == len(second)
        assert await _are_fresh(pair, uuids, Outcome.PLACED)


async def test_a_list_that_fails_costs_nobody_an_answer(sqlite_url: str) -> None:
    """Each has a look of its own then, this time."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, switches=SIBLINGS) as pair:
        uuids = [await _provision(pair, app) for app in SHOP_APPS]
        pair.heroku.faults.add(Fault(kind="status", status=503, path=LISTS, count=1))
        first = await _sweep_later(pair, clock)
        second = await _sweep_later(pair, clock)

        assert (6, 1) == (len(first), len(second))
        assert await _are_fresh(pair, uuids, Outcome.PLACED)


async def test_a_pipeline_is_read_once_for_all_who_are_in_it(sqlite_url: str) -> None:
    """After some hours, and its new name is everybody's."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, switches=SIBLINGS) as pair:
        uuids = [await _provision(pair, app) for app in SHOP_APPS]
        pipeline = pair.heroku.find_pipeline("shop")
        pair.heroku.state.rename_pipeline(pipeline, "store")
        clock.advance(timedelta(hours=7))
        asked = await _sweep_later(pair, clock)

        assert 1 == sum(exchange.path == f"/pipelines/{pipeline.id}" for exchange in asked)
        assert {"store"} == {(await _find_place(pair, uuid)).pipeline_name for uuid in uuids}


async def test_the_add_on_itself_is_read_once_a_day(sqlite_url: str) -> None:
    """Its app may have been renamed, and no webhook may have said so."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        uuid = await _provision(pair, "shop")
        await _sweep_later(pair, clock)
        clock.advance(timedelta(days=1))
        asked = await _sweep_later(pair, clock)
        after = await _sweep_later(pair, clock)

        assert (1, 0) == tuple(sum(each.path == f"/addons/{uuid}" for each in some) for some in (asked, after))


async def test_a_token_that_has_few_requests_left_is_spared(sqlite_url: str) -> None:
    """Its resource waits two minutes, in which Heroku gives 150 back."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="10") as pair:
        uuid = await _provision(pair, "shop")
        pair.heroku.switches.rate_limit = 90
        clock.advance(timedelta(seconds=11))
        await pair.sweep()

        check = await pair.parts.database.read(_find_next_check, uuid)
        assert check > clock.now() + POOL_PAUSE * 0.9


async def test_a_batch_that_is_taken_up_again_goes_on_with_what_is_left(database_url: str) -> None:
    """What was recorded before the crash is not asked for again."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        done, left = await _provision(pair, "shop"), await _provision(pair, "blog")
        batch = "01234567-89ab-cdef-0123-456789abcdef"
        now = clock.now() + RECHECK
        assert 2 == await pair.parts.database.write(claim_batch, batch, now=now, limit=10, lease=LEASE)
        await pair.parts.database.write(_take_out, done)
        asked = len(list(pair.heroku.traffic))
        tally = await _build_batch_inspector(pair, clock).inspect(batch)

        paths = [each.path for each in list(pair.heroku.traffic)[asked:] if each.path.endswith("/pipeline-couplings")]
        assert [f"/apps/{pair.heroku.find_app('blog').id}/pipeline-couplings"] == paths
        assert (1, 1) == (tally.inspected, tally.requests)
        assert [] == await pair.parts.database.read(list_batch, batch)
        assert (await _find_inspection(pair, left)).error is None


async def test_a_database_that_is_away_fails_a_batch_once(database_url: str) -> None:
    """Not once for each of its answers, and no resource is blamed: the batch is what it was, and is tried again."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        uuids = [await _provision(pair, app) for app in ("shop", "blog", "ada-notes")]
        clock.advance(timedelta(seconds=9901))
        batch, database = "01234567-89ab-cdef-0123-456789abcdef", pair.parts.database
        await database.write(claim_batch, batch, now=clock.now(), limit=10, lease=LEASE)
        # One that nobody else writes to.
        own = Database(database_url)
        inspector = _build_batch_inspector(pair, clock, own)
        with read_only(own), _counting_refusals(own) as refusals, pytest.raises(sa.exc.DBAPIError):
            await inspector.inspect(batch)
        errors = [(await _find_inspection(pair, uuid)).error for uuid in uuids]
        tally = await inspector.inspect(batch)
        own.close()

        assert (1, [None] * 3, (3, 0)) == (len(refusals), errors, (tally.inspected, tally.failed))


async def test_batches_that_nobody_ends_do_not_hold_the_sweep_up_for_ever(database_url: str) -> None:
    """As many as may wait, all of them left behind: once their leases have ended, what is in them is taken up anew."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        uuid = await _provision(pair, "shop")
        clock.advance(timedelta(seconds=9901))
        now = clock.now()
        await pair.parts.database.write(claim_batch, "left behind", now=now, limit=10, lease=LEASE)
        during = await pair.parts.database.read(count_batches, now=now)
        clock.advance(LEASE)
        after = await pair.parts.database.read(count_batches, now=clock.now())
        await pair.sweep()

        assert (1, 0) == (during, after)
        checked_at = (await _find_inspection(pair, uuid)).checked_at
        assert checked_at is not None
        assert checked_at > now


async def test_an_answer_that_somebody_recorded_meanwhile_stands(database_url: str) -> None:
    """A batch that was slower than a person's own look changes nothing of what that look found."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        uuid = await _provision(pair, "shop")
        before = await _find_inspection(pair, uuid)
        assert before.checked_at is not None
        clock.advance(timedelta(minutes=1))
        await pair.parts.inspector.inspect(uuid)
        mine = await _find_inspection(pair, uuid)
        late = ConfirmedAnew(
            uuid=uuid,
            known_checked_at=before.checked_at,
            next_check_at=clock.now(),
            etag=None,
            etag_path=None,
            read_whole_at=None,
        )
        await pair.parts.database.write(save_confirmed, [late], now=before.checked_at + timedelta(seconds=5))

        assert mine == await _find_inspection(pair, uuid)


async def test_what_is_claimed_and_not_done_counts_as_late(database_url: str) -> None:
    """From when it was due on, also when the lease of its batch has ended and it has been claimed again."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        await _provision(pair, "shop")
        due_since = await pair.parts.database.read(find_longest_due)
        assert due_since is not None
        for lateness in (timedelta(0), LEASE):
            now = due_since + lateness
            assert 1 == await pair.parts.database.write(claim_batch, "left behind", now=now, limit=10, lease=LEASE)

        assert due_since == await pair.parts.database.read(find_longest_due)


async def test_what_is_not_looked_at_is_given_back_at_a_stop(sqlite_url: str) -> None:
    """Whoever looks in their own process and is stopped keeps nobody waiting for the lease to end."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        await _provision(pair, "shop")
        clock.advance(timedelta(seconds=9901))
        pair.heroku.faults.add(Fault(kind="latency", seconds=20.0, path="/apps/*", count=1))
        looking = asyncio.create_task(pair.parts.sweep.inspect_here())
        await eventually(lambda: not list(pair.heroku.faults))
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking

        assert 1 == await pair.parts.database.write(claim_batch, "again", now=clock.now(), limit=10, lease=LEASE)
        await pair.parts.database.write(release_batch, "again")


def _build_batch_inspector(pair: Pair, clock: Clock, database: Database | None = None) -> BatchInspector:
    parts = pair.parts
    return BatchInspector(
        database or parts.database,
        parts.client,
        find_tokens=parts.secrets.find_tokens,
        clock=clock.now,
        every=RECHECK,
        on_move=lambda _connection, _uuid, _old, _new: None,
    )


@contextmanager
def _counting_refusals(database: Database) -> Iterator[list[str]]:
    """Collect the statements that the database refuses until the block ends."""
    refused: list[str] = []

    def note(context: sa.engine.ExceptionContext) -> None:
        refused.append(context.statement or "")

    sa.event.listen(database.writes, "handle_error", note)
    yield refused
    sa.event.remove(database.writes, "handle_error", note)


async def _provision(pair: Pair, app: str) -> str:
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await pair.settle()
    return addon.id


async def _sweep_later(pair: Pair, clock: Clock) -> list[Exchange]:
    """Let everything become due and be looked at; return what Heroku was asked for that, and not for webhooks."""
    before = len(list(pair.heroku.traffic))
    clock.advance(RECHECK)
    await pair.sweep()
    since = list(pair.heroku.traffic)[before:]
    return [each for each in since if each.direction == "to Heroku" and "/webhooks" not in each.path]


async def _find_inspection(pair: Pair, uuid: str) -> InspectionRow:
    check = await pair.parts.database.read(find_inspection, uuid)
    assert check is not None
    return check


async def _find_place(pair: Pair, uuid: str) -> PlacementRow:
    place = await pair.parts.database.read(find_current_placement, uuid)
    assert place is not None
    return place


async def _are_fresh(pair: Pair, uuids: list[str], *outcomes: Outcome) -> bool:
    """Whether Heroku has answered about all of them since the clock was put forward, and with what."""
    checks = [await _find_inspection(pair, uuid) for uuid in uuids]
    since = pair.parts.clock() - RECHECK / 2
    assert {*outcomes} <= {check.outcome for check in checks}
    return all(check.checked_at is not None and check.checked_at > since for check in checks)


def _find_next_check(connection: sa.Connection, uuid: str) -> datetime:
    query = sa.select(placement_check.c.next_check_at).where(placement_check.c.resource_uuid == uuid)
    moment: datetime = connection.execute(query).scalar_one()
    return moment


def _take_out(connection: sa.Connection, uuid: str) -> None:
    connection.execute(sa.update(placement_check).where(placement_check.c.resource_uuid == uuid).values(batch=None))
