"""Placements on both databases: a history that is never rewritten, checks that are claimed, and who may see an app."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from headrace.models import Inspection, Outcome, Stage, State
from headrace.store.sql.database import Database
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.schema import pipeline
from headrace.store.state.due import (
    Confirmed,
    ConfirmedAnew,
    claim_batch,
    list_batch,
    list_siblings,
    release_batch,
    save_confirmed,
)
from headrace.store.state.pipelines import REFUSED_FOR, save_refused_lists
from headrace.store.state.placements import (
    PlacementRow,
    close_placement,
    find_current_placement,
    find_inspection,
    find_placement,
    find_previous_placement,
    list_placements,
    save_failed_inspection,
    save_inspection,
    want_inspection,
)
from headrace.store.state.resources import lock_resources
from store.making import HOUR, NOON, add_resource, decline, id_of, place

LEASE = timedelta(minutes=2)


async def test_the_first_inspection_opens_a_placement_and_names_the_app(database: Database) -> None:
    """There is nothing to move from; the resource learns its app."""
    await database.write(add_resource)
    moved = await database.write(save_inspection, place(), next_check_at=NOON + HOUR)

    current = await database.read(find_current_placement, id_of("acme-1"))
    assert current is not None
    assert moved is None
    assert ("shop", id_of("storefront"), "storefront", "staging", NOON, None) == (
        current.app_name,
        current.pipeline_id,
        current.pipeline_name,
        current.stage,
        current.valid_from,
        current.valid_to,
    )


async def test_an_inspection_that_finds_no_change_writes_no_history(database: Database) -> None:
    """Only the check moves on."""
    await database.write(add_resource)
    await _save(database, place())
    moved = await database.write(save_inspection, place(at=NOON + HOUR), next_check_at=NOON + 2 * HOUR)

    check = await database.read(find_inspection, id_of("acme-1"))
    assert moved is None
    assert 1 == len(await database.read(list_placements, id_of("acme-1")))
    assert check is not None
    assert (Outcome.PLACED, None, NOON + HOUR) == (check.outcome, check.error, check.checked_at)


async def test_a_move_closes_the_old_place_at_the_moment_the_new_one_begins(database: Database) -> None:
    """No gap and no overlap: the intervals touch, and both places are handed back."""
    await database.write(add_resource)
    await _save(database, place(stage="staging"))
    moved = await database.write(
        save_inspection, place(stage="production", at=NOON + HOUR), next_check_at=NOON + 2 * HOUR
    )

    history = await database.read(list_placements, id_of("acme-1"))
    assert [("staging", NOON, NOON + HOUR), ("production", NOON + HOUR, None)] == [_span(row) for row in history]
    assert moved is not None
    assert moved.old is not None
    assert ("staging", "production") == (moved.old.stage, moved.new.stage)
    assert moved.new == await database.read(find_current_placement, id_of("acme-1"))


@pytest.mark.parametrize(
    "second",
    [
        place(pipeline="checkout", at=NOON + HOUR),
        place(stage="a stage of tomorrow", at=NOON + HOUR),
        place(app="shop-eu", at=NOON + HOUR),
    ],
    ids=["another pipeline", "a new stage", "another app"],
)
async def test_another_pipeline_stage_or_app_is_a_move(database: Database, second: Inspection) -> None:
    """Any of the three makes another place."""
    await database.write(add_resource)
    await _save(database, place(), second)

    assert 2 == len(await database.read(list_placements, id_of("acme-1")))


async def test_leaving_a_pipeline_closes_the_placement_and_says_so(database: Database) -> None:
    """In no pipeline is a place as well, with neither pipeline nor stage."""
    await database.write(add_resource)
    await _save(database, place(), place(pipeline=None, at=NOON + HOUR))

    first, second = await database.read(list_placements, id_of("acme-1"))
    assert ("staging", NOON, NOON + HOUR) == _span(first)
    assert (None, NOON + HOUR, None) == _span(second)
    assert second.pipeline_id is None


@pytest.mark.parametrize("outcome", [Outcome.FORBIDDEN, Outcome.APP_HIDDEN])
async def test_what_heroku_does_not_tell_changes_only_the_check(database: Database, outcome: Outcome) -> None:
    """A refusal says nothing about the place: what was known stays known."""
    await database.write(add_resource)
    await _save(database, place())
    before = await database.read(list_placements, id_of("acme-1"))
    moved = await database.write(save_inspection, decline(outcome, at=NOON + HOUR), next_check_at=NOON + 2 * HOUR)

    check = await database.read(find_inspection, id_of("acme-1"))
    assert moved is None
    assert before == await database.read(list_placements, id_of("acme-1"))
    assert check is not None
    assert (outcome, NOON + HOUR) == (check.outcome, check.checked_at)


async def test_a_late_inspection_does_not_rewrite_a_newer_place(database: Database) -> None:
    """Two workers looked; the slower one's older answer arrives last and moves nothing back."""
    await database.write(add_resource)
    await _save(database, place(), place(stage="production", at=NOON + HOUR), place(at=NOON + HOUR / 2))

    history = await database.read(list_placements, id_of("acme-1"))
    assert [("staging", NOON, NOON + HOUR), ("production", NOON + HOUR, None)] == [_span(row) for row in history]


async def test_a_late_inspection_does_not_rewrite_a_newer_confirmation(database: Database) -> None:
    """The place did not change, but it was confirmed after the late answer was given: that answer is old news."""
    await database.write(add_resource)
    await _save(database, place(), place(at=NOON + 2 * HOUR), place(stage="production", at=NOON + HOUR))

    check = await database.read(find_inspection, id_of("acme-1"))
    current = await database.read(find_current_placement, id_of("acme-1"))
    assert check is not None
    assert NOON + 2 * HOUR == check.checked_at
    assert current is not None
    assert "staging" == current.stage


async def test_a_pipeline_that_will_not_be_read_keeps_its_name(database: Database) -> None:
    """The name and owner we had are better than none."""
    await database.write(add_resource)
    await _save(database, place(), place(is_named=False, at=NOON + HOUR))

    with database.engine.connect() as connection:
        row = connection.execute(sa.select(pipeline)).one()
    assert ("storefront", "team", NOON + HOUR) == (row.name, row.owner_type, row.observed_at)


async def test_a_pipeline_that_was_never_read_has_no_name_until_it_is(database: Database) -> None:
    """The stage is known from the first; the name comes when Heroku tells it, and that is no move."""
    await database.write(add_resource)
    await _save(database, place(is_named=False))
    nameless = await database.read(find_current_placement, id_of("acme-1"))
    await _save(database, place(at=NOON + HOUR))
    named = await database.read(find_current_placement, id_of("acme-1"))

    assert nameless is not None
    assert (None, "staging") == (nameless.pipeline_name, nameless.stage)
    assert named is not None
    assert ("storefront", nameless.id) == (named.pipeline_name, named.id)


async def test_a_failed_check_keeps_what_was_known(database: Database) -> None:
    """The error and the try are noted; the last answer, its outcome and its moment stay."""
    await database.write(add_resource)
    await _save(database, place())
    await database.write(
        save_failed_inspection, id_of("acme-1"), error="Unreachable", now=NOON + HOUR, next_check_at=NOON + 2 * HOUR
    )

    check = await database.read(find_inspection, id_of("acme-1"))
    assert check is not None
    assert (Outcome.PLACED, "Unreachable", NOON, NOON + HOUR) == (
        check.outcome,
        check.error,
        check.checked_at,
        check.tried_at,
    )
    assert 1 == len(await database.read(list_placements, id_of("acme-1")))


async def test_a_check_that_never_succeeded_has_no_outcome(database: Database) -> None:
    """Heroku has not answered yet: there is a try, and nothing known."""
    await database.write(add_resource)
    await database.write(save_failed_inspection, id_of("acme-1"), error="Unreachable", now=NOON, next_check_at=NOON)

    check = await database.read(find_inspection, id_of("acme-1"))
    assert check is not None
    assert (None, None, NOON) == (check.outcome, check.checked_at, check.tried_at)


async def test_a_resource_that_is_gone_is_in_no_place_any_more(database: Database) -> None:
    """Its history stays, closed; closing twice keeps the first end."""
    await database.write(add_resource)
    await _save(database, place())
    await database.write(close_placement, id_of("acme-1"), now=NOON + HOUR)
    await database.write(close_placement, id_of("acme-1"), now=NOON + 2 * HOUR)

    history = await database.read(list_placements, id_of("acme-1"))
    assert await database.read(find_current_placement, id_of("acme-1")) is None
    assert [("staging", NOON, NOON + HOUR)] == [_span(row) for row in history]


async def test_the_previous_placement_is_the_one_just_before(database: Database) -> None:
    """Each place knows where the app came from; the first one came from nowhere."""
    await database.write(add_resource)
    await _save(database, *(place(stage=stage, at=NOON + n * HOUR) for n, stage in enumerate(Stage)))

    history = await database.read(list_placements, id_of("acme-1"))
    before = [await database.read(find_previous_placement, id_of("acme-1"), row) for row in history]
    assert [None, *history[:-1]] == before
    assert history[2] == await database.read(find_placement, history[2].id)


async def test_each_due_check_is_handed_out_once_and_again_after_the_lease(database: Database) -> None:
    """Oldest first, a batch at a time; a worker that died gives its batch back by itself."""
    await _add_due(database, 5)

    assert sorted([id_of("acme-0"), id_of("acme-1")]) == await _claim(database, NOON + HOUR, limit=2)
    assert sorted(id_of(f"acme-{number}") for number in (2, 3, 4)) == await _claim(database, NOON + HOUR)
    assert [] == await _claim(database, NOON + HOUR + LEASE - timedelta(seconds=1))
    assert 5 == len(await _claim(database, NOON + HOUR + LEASE))


async def test_who_shares_a_pipeline_is_handed_out_together(database: Database) -> None:
    """One list of the pipeline's apps tells about all of them; who is not due yet stays, and so do strangers."""
    with database.transaction() as connection:
        for name, pipeline_name, due in (
            ("acme-1", "storefront", NOON),
            ("stranger", "checkout", NOON + timedelta(minutes=1)),
            ("acme-2", "storefront", NOON + timedelta(minutes=2)),
            ("acme-3", "storefront", NOON + 2 * HOUR),
        ):
            add_resource(connection, name)
            save_inspection(connection, place(name, pipeline_name), next_check_at=due)

    assert sorted([id_of("acme-1"), id_of("acme-2")]) == await _claim(database, NOON + HOUR, limit=1)
    assert [id_of("stranger")] == await _claim(database, NOON + HOUR, limit=1)


async def test_a_batch_is_at_most_twice_its_limit(database: Database) -> None:
    """However many resources there are in one pipeline."""
    with database.transaction() as connection:
        for number in range(7):
            add_resource(connection, f"acme-{number}")
            save_inspection(connection, place(f"acme-{number}"), next_check_at=NOON)

    assert [4, 3, 0] == [len(await _claim(database, NOON + timedelta(minutes=1), limit=2)) for _ in range(3)]


async def test_only_live_resources_with_a_past_date_are_due(database: Database) -> None:
    """No request is spent on what is gone, on a provision that has not found its app yet, or ahead of time."""
    with database.transaction() as connection:
        for name, state in (
            ("gone", State.DEPROVISIONED),
            ("going", State.DEPROVISIONING),
            ("failed", State.FAILED),
            ("early", State.PROVISIONED),
            ("due", State.PROVISIONED),
            ("new", State.PROVISIONING),
        ):
            add_resource(connection, name, state=state)
            next_check_at = NOON + HOUR if name == "early" else NOON
            save_inspection(connection, place(name), next_check_at=next_check_at)
        for name, state in (("looks for itself", State.PROVISIONING), ("brought along", State.PROVISIONED)):
            never_seen = add_resource(connection, name, state=state)
            save_failed_inspection(connection, never_seen, error="Unreachable", now=NOON, next_check_at=NOON)

    assert {id_of("due"), id_of("new"), id_of("brought along")} == set(await _claim(database, NOON + LEASE))


async def test_workers_that_claim_at_the_same_time_never_get_the_same_check(database: Database) -> None:
    """Both transactions are open at once on PostgreSQL, one after the other on SQLite: each check goes to one."""
    await _add_due(database, 40)
    both_have_claimed = Barrier(1 if database.is_sqlite else 2, timeout=120)

    def claim() -> list[str]:
        with database.transaction() as connection:
            batch = str(uuid4())
            claim_batch(connection, batch, now=NOON + HOUR, limit=20, lease=LEASE)
            uuids = [due.uuid for due in list_batch(connection, batch)]
            both_have_claimed.wait()
            return uuids

    with ThreadPoolExecutor(2) as threads:
        loop = asyncio.get_running_loop()
        first, second = await asyncio.gather(*(loop.run_in_executor(threads, claim) for _ in range(2)))

    assert {id_of(f"acme-{number}") for number in range(40)} == {*first, *second}
    assert (20, 20) == (len(first), len(second))


async def test_a_wish_makes_a_placement_due_now(database: Database) -> None:
    """The next look is due at once, however far away it was."""
    uuid = await database.write(add_resource)
    await _save(database, place())
    await database.write(want_inspection, uuid, now=NOON)

    assert [uuid] == await _claim(database, NOON)


@pytest.mark.parametrize(("wanted_at", "due_count"), [(NOON - LEASE, 0), (NOON, 0), (NOON + LEASE, 1)])
async def test_a_look_that_began_before_the_wish_does_not_answer_it(
    database: Database, wanted_at: datetime, due_count: int
) -> None:
    """What Heroku said may be of before the change, so the placement stays due."""
    uuid = await database.write(add_resource)
    await _save(database, place(at=NOON - HOUR))
    await database.write(want_inspection, uuid, now=wanted_at)
    await database.write(save_inspection, place(at=NOON), next_check_at=NOON + 2 * HOUR)

    assert [uuid] * due_count == await _claim(database, NOON + HOUR)


@pytest.mark.parametrize(
    ("refused_at", "count"), [(None, 2), (NOON + HOUR - REFUSED_FOR, 2), (NOON, 1)], ids=["never", "long ago", "lately"]
)
async def test_neighbours_are_claimed_where_one_list_may_tell_of_all(
    database: Database, refused_at: datetime | None, count: int
) -> None:
    """Where Heroku would not list a pipeline lately, each resource in it is inspected by itself, in its turn."""
    for name in ("shop", "blog"):
        await database.write(add_resource, name)
        await database.write(save_inspection, place(name, "storefront"), next_check_at=NOON + HOUR)
    if refused_at is not None:
        await database.write(save_refused_lists, [id_of("storefront")], now=refused_at)

    assert count == await database.write(claim_batch, "batch", now=NOON + HOUR, limit=1, lease=LEASE)


def test_a_batch_costs_the_same_however_many_resources_there_are(sqlite_url: str) -> None:
    """SQLite goes through no table for it, also where nobody has told it how large they are."""
    database = Database(sqlite_url)
    asked: list[tuple[str, Any]] = []
    event.listen(database.writes, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with database.transaction() as connection:
        for name in ("shop", "blog"):
            add_resource(connection, name)
            save_inspection(connection, place(name, "storefront"), next_check_at=NOON + HOUR)
        asked.clear()
        assert 2 == claim_batch(connection, "batch", now=NOON + HOUR, limit=1, lease=LEASE)
        list_batch(connection, "batch")
        list_siblings(connection, "batch", [id_of("storefront")])
        lock_resources(connection, [id_of("shop")])
        save_confirmed(connection, [_confirm("shop")], now=NOON + HOUR)
        save_inspection(connection, place("blog", "elsewhere"), next_check_at=NOON + HOUR)
        release_batch(connection, "batch")
        plans = [
            row.detail
            for statement, values in list(asked)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    database.close()

    assert 15 < len(plans)
    assert [] == [plan for plan in plans if plan.startswith(tuple(f"SCAN {table}" for table in METADATA.tables))]


async def test_a_confirmation_counts_only_for_what_it_confirms(database: Database) -> None:
    """Of two in one statement, the one that somebody has looked at meanwhile stays as they left it."""
    for name in ("shop", "blog"):
        await database.write(add_resource, name)
        await _save(database, place(name))
    await _save(database, place("blog", at=NOON + HOUR))
    found = [_confirm("shop"), _confirm("blog")]
    await database.write(save_confirmed, found, now=NOON + HOUR / 2)

    shop, blog = [await database.read(find_inspection, id_of(name)) for name in ("shop", "blog")]
    assert shop is not None
    assert blog is not None
    assert (NOON + HOUR / 2, NOON + HOUR) == (shop.checked_at, blog.checked_at)


async def test_a_confirmation_without_a_proof_of_its_own_leaves_the_proof(database: Database) -> None:
    """What an unchanged answer says is proven by what proved it before."""
    await database.write(add_resource, "shop")
    await _save(database, place("shop"))
    await database.write(save_confirmed, [_confirm("shop")], now=NOON + HOUR)
    again = Confirmed(uuid=id_of("shop"), known_checked_at=NOON + HOUR, next_check_at=NOON + 3 * HOUR)
    await database.write(save_confirmed, [again], now=NOON + 2 * HOUR)

    await database.write(claim_batch, "batch", now=NOON + 3 * HOUR, limit=1, lease=LEASE)
    (due,) = await database.read(list_batch, "batch")
    assert ('W/"it\'s"', "/apps/shop/pipeline-couplings") == (due.etag, due.etag_path)
    assert NOON + 2 * HOUR == due.checked_at


async def test_what_is_due_is_read_as_it_is_kept(database: Database) -> None:
    """Moments to the microsecond and in UTC, and names with whatever is in them."""
    name, at = 'ä "quoted" \\ ☃', NOON + timedelta(microseconds=7)
    await database.write(add_resource, "shop")
    inspection = place("shop", at=at)
    named = replace(inspection, addon=msgspec.structs.replace(inspection.addon, name=name))
    await database.write(save_inspection, named, next_check_at=NOON + HOUR)
    await database.write(claim_batch, "batch", now=NOON + HOUR, limit=1, lease=LEASE)

    (due,) = await database.read(list_batch, "batch")
    assert (name, at, at, Outcome.PLACED) == (due.name, due.checked_at, due.changed_at, due.outcome)
    assert due.wanted_at is None
    assert [] == await database.read(list_batch, "another")


def _confirm(name: str) -> Confirmed:
    return ConfirmedAnew(
        uuid=id_of(name),
        known_checked_at=NOON,
        next_check_at=NOON + 2 * HOUR,
        etag='W/"it\'s"',
        etag_path="/apps/shop/pipeline-couplings",
        read_whole_at=None,
    )


async def _save(database: Database, *inspections: Inspection) -> None:
    for inspection in inspections:
        await database.write(save_inspection, inspection, next_check_at=inspection.looked_up_at + HOUR)


async def _add_due(database: Database, count: int) -> None:
    with database.transaction() as connection:
        for number in range(count):
            add_resource(connection, f"acme-{number}")
            due = NOON + timedelta(seconds=number)
            save_inspection(connection, place(f"acme-{number}", f"pipeline-{number}"), next_check_at=due)


async def _claim(database: Database, now: datetime, *, limit: int = 100) -> list[str]:
    batch = str(uuid4())
    await database.write(claim_batch, batch, now=now, limit=limit, lease=LEASE)
    return sorted(due.uuid for due in await database.read(list_batch, batch))


def _span(row: PlacementRow) -> tuple[str | None, datetime, datetime | None]:
    return row.stage, row.valid_from, row.valid_to
