"""Subscriptions on both databases: which resources lack one, and which have what is wanted."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import secret
from headrace.store.state.resources import lock_resource
from headrace.store.state.secrets import TOKEN
from headrace.store.state.webhooks import claim_unsubscribed, find_subscription, save_subscribed
from headrace.testing import eventually
from store.making import HOUR, NOON, add_resource, id_of, is_waiting

URL = "https://acme.example/heroku/webhooks"
DAY = timedelta(days=1)


async def claim(
    database: Database, *, url: str = URL, include: tuple[str, ...] = ("api:app",), now: datetime = NOON, limit: int = 9
) -> list[tuple[str, int]]:
    return await database.write(claim_unsubscribed, url=url, include=include, now=now, retry_after=DAY, limit=limit)


async def add(
    database: Database, name: str = "acme-1", state: State = State.PROVISIONED, *, at: datetime = NOON
) -> str:
    def insert(connection: sa.Connection) -> str:
        uuid = add_resource(connection, name, at=at, state=state)
        connection.execute(sa.insert(secret).values(resource_uuid=uuid, kind=TOKEN, sealed=b"sealed"))
        return uuid

    return await database.write(insert)


async def test_a_provisioned_resource_is_claimed_once(database: Database) -> None:
    """Claimed, it is being asked for; nobody else asks meanwhile."""
    uuid = await add(database)

    assert [(uuid, 1)] == await claim(database)
    assert [] == await claim(database)


@pytest.mark.parametrize("state", [state for state in State if state is not State.PROVISIONED])
async def test_only_provisioned_resources_are_claimed(database: Database, state: State) -> None:
    await add(database, state=state)

    assert [] == await claim(database)


async def test_a_resource_without_a_token_is_never_claimed(database: Database) -> None:
    """Nothing could be asked for it: it never had one, or a backup that was restored has none."""
    await database.write(lambda connection: add_resource(connection, state=State.PROVISIONED))

    assert [] == await claim(database)


async def test_one_that_could_not_be_had_is_claimed_again_after_a_while(database: Database) -> None:
    uuid = await add(database)
    await claim(database)

    assert [] == await claim(database, now=NOON + DAY)
    assert [(uuid, 2)] == await claim(database, now=NOON + DAY + HOUR)


async def test_one_that_was_had_is_not_claimed_again(database: Database) -> None:
    uuid = await add(database)
    await claim(database)
    await database.write(save_subscribed, {uuid: 1}, now=NOON + HOUR)
    row = await database.read(find_subscription, uuid)

    assert [] == await claim(database, now=NOON + 9 * DAY)
    assert row is not None
    assert (1, URL, ("api:app",), NOON + HOUR) == (row.number, row.url, row.include, row.subscribed_at)


@pytest.mark.parametrize("wanted", [{"url": "https://new.example/heroku/webhooks"}, {"include": ("api:addon", "dyno")}])
async def test_one_that_is_not_what_is_wanted_now_is_claimed_again(database: Database, wanted: dict[str, str]) -> None:
    """A new host, or a hook for one more entity; what the earlier request comes to no longer counts."""
    uuid = await add(database)
    await claim(database)
    again = await claim(database, **wanted)  # type: ignore[arg-type]
    await database.write(save_subscribed, {uuid: 1}, now=NOON + HOUR)
    row = await database.read(find_subscription, uuid)

    assert [(uuid, 2)] == again
    assert row is not None
    assert row.subscribed_at is None


async def test_a_large_fleet_is_claimed_in_parts(database: Database) -> None:
    """Each part once, whoever claims."""
    for number in range(5):
        await add(database, f"acme-{number}")
    parts = [await claim(database, limit=2) for _ in range(4)]

    assert [2, 2, 1, 0] == [len(part) for part in parts]
    assert {id_of(f"acme-{number}") for number in range(5)} == {uuid for part in parts for uuid, _ in part}


async def test_who_claims_waits_for_who_orders_of_the_same(postgres_url: str) -> None:
    """Neither has what the other waits for, although the resources were made in another order."""
    database = Database(postgres_url)
    first, last = sorted(("acme-1", "acme-2"), key=id_of)
    await add(database, last, at=NOON)
    await add(database, first, at=NOON + HOUR)

    with ThreadPoolExecutor() as threads:
        with database.transaction() as ordering:
            lock_resource(ordering, id_of(first))
            claiming = threads.submit(lambda: asyncio.run(claim(database)))
            await eventually(lambda: claiming.done() or is_waiting(database))
            lock_resource(ordering, id_of(last))
        assert [(id_of(first), 1), (id_of(last), 1)] == claiming.result()
    database.close()
