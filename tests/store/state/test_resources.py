"""Resources, plan changes and the timeline, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import resource
from headrace.store.state.plan_changes import (
    PlanChangeOutcome,
    PlanChangeRow,
    add_plan_change,
    drop_waiting_plan_changes,
    find_last_plan_change,
    find_plan_change,
    find_waiting_plan_changes,
    settle_plan_change,
)
from headrace.store.state.resources import find_resource, insert_resources, lock_resource, update_resource
from headrace.store.state.timeline import TimelineName, add_event, list_events
from store.making import HOUR, NOON, add_resource, id_of, make_request


async def test_a_resource_is_stored_as_it_was_requested(database: Database) -> None:
    """What Heroku sent, in state provisioning, and nothing invented."""
    assert await database.write(insert_resources, {"provision:1": make_request("acme-1")}, now=NOON)

    row = await database.read(find_resource, id_of("acme-1"))
    assert row is not None
    assert ("acme-1", "basic", "basic", "us", {"size": "10"}) == (
        row.name,
        row.plan,
        row.requested_plan,
        row.region,
        row.options,
    )
    assert (State.PROVISIONING, False, "provision:1", 1, NOON) == (
        row.state,
        row.is_synchronous,
        row.running,
        row.workflow_count,
        row.created_at,
    )


async def test_inserting_a_uuid_twice_changes_nothing(database: Database) -> None:
    """The second insert names nothing as new, and the first request stands."""
    first = await database.write(insert_resources, {"provision:1": make_request("acme-1")}, now=NOON)
    before = await database.read(find_resource, id_of("acme-1"))
    again = replace(make_request("acme-1"), plan="premium", region="eu")
    second = await database.write(insert_resources, {"provision:1": again}, now=NOON + HOUR)

    assert ({id_of("acme-1")}, set()) == (first, second)
    assert before == await database.read(find_resource, id_of("acme-1"))


async def test_of_many_at_once_those_that_are_new_are_named(database: Database) -> None:
    """One that is known among them changes nothing, and nothing for the others."""
    await database.write(add_resource, "acme-2")
    requests = {f"provision:{name}": make_request(name, plan="free") for name in ("acme-3", "acme-2", "acme-1")}
    new = await database.write(insert_resources, requests, now=NOON)
    rows = [await database.read(find_resource, id_of(name)) for name in ("acme-1", "acme-2", "acme-3")]

    assert {id_of("acme-1"), id_of("acme-3")} == new
    assert [("provision:acme-1", "free"), ("provision:1", "basic"), ("provision:acme-3", "free")] == [
        (row.running, row.plan) for row in rows if row is not None
    ]


@pytest.mark.parametrize(
    ("changes", "is_repeat"),
    [
        ({}, True),
        ({"grant": None}, True),
        ({"name": "acme-2"}, True),
        ({"plan": "premium"}, False),
        ({"region": "eu"}, False),
        ({"options": {}}, False),
    ],
)
async def test_a_repeat_asks_for_the_same_thing(
    database: Database,
    changes: dict[str, Any],
    is_repeat: bool,  # noqa: FBT001
) -> None:
    """A repeated provision may bring a fresh grant, or come after a plan change, and is still the same request."""
    await database.write(insert_resources, {"provision:1": make_request("acme-1")}, now=NOON)
    await database.write(lambda connection: update_resource(connection, id_of("acme-1"), plan="premium"))
    row = await database.read(find_resource, id_of("acme-1"))

    assert row is not None
    assert is_repeat is row.was_requested_by(replace(make_request("acme-1"), **changes))


async def test_without_a_grant_a_resource_is_synchronous(database: Database) -> None:
    """Nobody could tell Heroku later, and the row says so."""
    await database.write(insert_resources, {"provision:1": make_request(grant=None)}, now=NOON)

    row = await database.read(find_resource, id_of("acme-1"))
    assert row is not None
    assert row.is_synchronous


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, True),
        ({"name": "renamed"}, True),
        ({"grant": None}, True),
        ({"plan": "premium"}, False),
        ({"region": "eu"}, False),
        ({"options": {}}, False),
    ],
)
async def test_a_repeat_asks_for_the_same_plan_region_and_options(
    database: Database, changes: dict[str, Any], *, verdict: bool
) -> None:
    """By these a repeated delivery is told from another request under the same uuid."""
    uuid = make_request().uuid
    await database.write(insert_resources, {"provision:1": make_request()}, now=NOON)
    row = await database.read(lock_resource, uuid)

    assert row is not None
    assert verdict is row.was_requested_by(make_request(**changes))


async def test_what_is_not_there_is_none(database: Database) -> None:
    """An unknown uuid finds no resource, no plan change and no event."""
    unknown = id_of("nobody")

    assert await database.read(find_resource, unknown) is None
    assert await database.read(lock_resource, unknown) is None
    assert (await database.read(find_waiting_plan_changes, [unknown])).get(unknown) is None
    assert await database.read(find_last_plan_change, unknown) is None
    assert [] == await database.read(list_events, unknown)


async def test_plan_changes_are_numbered_from_one_for_each_resource(database: Database) -> None:
    """The oldest that waits is next; the last says which plan is wanted."""
    with database.transaction() as connection:
        for name in ("acme-1", "acme-2"):
            add_resource(connection, name)
        row, other = lock_resource(connection, id_of("acme-1")), lock_resource(connection, id_of("acme-2"))
        assert row is not None
        assert other is not None
        numbers = [
            add_plan_change(connection, row.uuid, old_plan=row.plan, new_plan=plan, now=NOON)
            for plan in ("premium", "free")
        ]
        numbers.append(add_plan_change(connection, other.uuid, old_plan=other.plan, new_plan="free", now=NOON))

    waiting = (await database.read(find_waiting_plan_changes, [row.uuid])).get(row.uuid)
    last = await database.read(find_last_plan_change, row.uuid)
    assert [1, 2, 1] == numbers
    assert PlanChangeRow(number=1, old_plan="basic", new_plan="premium", outcome=None, message=None) == waiting
    assert PlanChangeRow(number=2, old_plan="basic", new_plan="free", outcome=None, message=None) == last


async def test_a_plan_change_is_settled_once(database: Database) -> None:
    """What was decided stays decided; the next one is waiting then."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
        row = lock_resource(connection, uuid)
        assert row is not None
        for plan in ("premium", "free"):
            add_plan_change(connection, row.uuid, old_plan=row.plan, new_plan=plan, now=NOON)
        settle_plan_change(connection, uuid, 1, outcome=PlanChangeOutcome.REFUSED, message="Too small.", now=NOON)
        settle_plan_change(connection, uuid, 1, outcome=PlanChangeOutcome.DONE, message=None, now=NOON)

    settled = await database.read(find_plan_change, uuid, 1)
    waiting = (await database.read(find_waiting_plan_changes, [uuid])).get(uuid)
    assert ("refused", "Too small.") == (settled.outcome, settled.message)
    assert waiting is not None
    assert 2 == waiting.number


async def test_dropping_waiting_plan_changes_leaves_the_settled_ones(database: Database) -> None:
    """A resource that goes away takes along only what was not decided."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
        row = lock_resource(connection, uuid)
        assert row is not None
        for plan in ("premium", "free", "basic"):
            add_plan_change(connection, row.uuid, old_plan=row.plan, new_plan=plan, now=NOON)
        settle_plan_change(connection, uuid, 1, outcome=PlanChangeOutcome.DONE, message=None, now=NOON)
        drop_waiting_plan_changes(connection, uuid, now=NOON)
        outcomes = [find_plan_change(connection, uuid, number).outcome for number in (1, 2, 3)]

    assert ["done", "dropped", "dropped"] == outcomes
    assert (await database.read(find_waiting_plan_changes, [uuid])).get(uuid) is None


async def test_the_timeline_tells_events_in_order(database: Database) -> None:
    """Oldest first, each with its moment and its detail."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
        add_event(connection, uuid, TimelineName.PROVISION_REQUESTED, now=NOON, plan="basic", grant=True)
        add_event(connection, uuid, TimelineName.GRANT_EXCHANGED, now=NOON)

    events = await database.read(list_events, uuid)
    assert [
        ("provision.requested", NOON, {"plan": "basic", "grant": True}),
        ("grant.exchanged", NOON, {}),
    ] == [(event.name, event.at, event.detail) for event in events]


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    """All or nothing: an error takes back what was written before it."""

    def write(connection: sa.Connection) -> None:
        add_resource(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(write)

    assert await database.read(find_resource, id_of("acme-1")) is None


async def test_a_row_of_an_unknown_resource_is_refused(database: Database) -> None:
    """Foreign keys are on, on SQLite too."""
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(
            lambda connection: add_event(connection, id_of("nobody"), TimelineName.PROVISION_DONE, now=NOON)
        )


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))])
async def test_a_moment_goes_in_with_any_zone_and_comes_out_in_utc(database: Database, zone: timezone) -> None:
    """The same moment to the microsecond, always aware and in UTC."""
    moment = NOON.replace(microsecond=123456)
    with database.transaction() as connection:
        uuid = add_resource(connection, at=moment.astimezone(zone))

    row = await database.read(find_resource, uuid)
    assert row is not None
    assert (moment, UTC) == (row.created_at, row.created_at.tzinfo)


async def test_moments_of_different_zones_are_compared_as_moments(database: Database) -> None:
    """An hour later in Tokyo is an hour later, although the wall clock says otherwise."""
    tokyo = timezone(timedelta(hours=9))
    with database.transaction() as connection:
        add_resource(connection, "early", at=NOON.astimezone(tokyo))
        add_resource(connection, "late", at=NOON + HOUR)
        found = connection.execute(
            sa.select(resource.c.name).where(resource.c.created_at >= (NOON + HOUR / 2).astimezone(tokyo))
        )

        assert ["late"] == list(found.scalars())


async def test_a_naive_datetime_is_refused(database: Database) -> None:
    """A moment without a zone could mean anything; storing it as local time would be wrong in silence."""
    with pytest.raises((ValueError, sa.exc.StatementError)):
        await database.write(insert_resources, {"provision:1": make_request()}, now=datetime(2026, 11, 2, 12))  # noqa: DTZ001
