"""Tokens on the store: one at a time refreshes one, and a process that stops keeps none from others."""

import asyncio

import pytest

from headrace.encryption import KeyRing, make_key
from headrace.models import Secret, Token
from headrace.store.sql.database import Database
from headrace.store.state.secrets import SecretStore
from headrace.store.state.tokens import REFRESH_LEASE, StoredTokens
from store.making import HOUR, NOON, add_resource

TOKEN = Token(access=Secret("a"), refresh=Secret("r"), expires_at=NOON + HOUR)


class Processes:
    """Two processes that have a resource's token, and the time for both."""

    def __init__(self, database: Database) -> None:
        self.now = NOON
        secrets = SecretStore(KeyRing.parse(make_key()))
        with database.transaction() as connection:
            self.uuid = add_resource(connection)
            secrets.save_token(connection, self.uuid, TOKEN)
        self.one, self.other = (StoredTokens(database, secrets, clock=lambda: self.now) for _ in range(2))


@pytest.fixture
def processes(database: Database) -> Processes:
    return Processes(database)


async def test_what_a_process_claims_as_it_stops_is_given_back(processes: Processes) -> None:
    """Its refresh never comes to an end, and another does not wait for the lease's."""
    assert await processes.one.claim_refresh(processes.uuid, TOKEN)
    assert not await processes.other.claim_refresh(processes.uuid, TOKEN)
    await processes.one.give_back()

    assert await processes.other.claim_refresh(processes.uuid, TOKEN)


async def test_what_was_being_claimed_at_a_stop_is_given_back_too(processes: Processes) -> None:
    """A claim may be written although nobody waits for it any more."""
    claiming = asyncio.create_task(processes.one.claim_refresh(processes.uuid, TOKEN))
    await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.wait([claiming])
    await processes.one.give_back()

    assert claiming.cancelled()
    assert await processes.other.claim_refresh(processes.uuid, TOKEN)


async def test_a_claim_of_another_is_not_given_back(processes: Processes) -> None:
    """One that came after a lease's end, or that was there before."""
    assert await processes.one.claim_refresh(processes.uuid, TOKEN)
    processes.now += 2 * REFRESH_LEASE
    assert await processes.other.claim_refresh(processes.uuid, TOKEN)
    assert not await processes.one.claim_refresh(processes.uuid, TOKEN)
    await processes.one.give_back()

    assert not await processes.one.claim_refresh(processes.uuid, TOKEN)
    await processes.other.release_refresh(processes.uuid)
    assert await processes.one.claim_refresh(processes.uuid, TOKEN)
