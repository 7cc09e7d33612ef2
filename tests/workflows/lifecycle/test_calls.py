"""Heroku's calls as they are recorded, in a service of which no worker runs."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from busy import busy
from headrace.assembly import Parts
from headrace.service import AddonService, find_assembly
from headrace.settings import read_settings
from headrace.store.sql.tables.schema import resource
from headrace.store.state.resources import find_resource, lock_resource
from headrace.store.state.timeline import list_events
from headrace.testing import eventually
from pair import PASSWORD, SLUG, Acme
from store.making import make_request

MANIFEST = {
    "id": SLUG,
    "api": {"password": PASSWORD, "sso_salt": "s4lt-for-tests", "regions": ["us"], "test": "http://127.0.0.1:9"},
}


@contextmanager
def assembled(database_url: str) -> Iterator[Parts]:
    """The parts of a service that does not run: what is recorded stays as it is."""
    service = AddonService(
        read_settings(
            {
                "HEADRACE_MANIFEST": json.dumps(MANIFEST),
                "HEADRACE_CLIENT_SECRET": "client-secret",
                "DATABASE_URL": database_url,
                "HEROKU_API_URL": "http://127.0.0.1:9",
                "HEROKU_ID_URL": "http://127.0.0.1:9",
            }
        )
    )
    Acme().register(service)
    parts = find_assembly(service).assemble()
    yield parts
    parts.database.close()


async def test_provisions_that_come_at_once_are_each_answered_as_if_alone(database_url: str) -> None:
    """They share a transaction; of two of the same uuid the later repeats the first, or wants something else."""
    request, *others = [make_request(f"acme-{number}") for number in range(4)]
    same, other_plan = make_request("acme-0"), make_request("acme-0", plan="free")
    with assembled(database_url) as parts:
        earlier = await parts.calls.provision(others[0])
        async with busy(parts.database):
            waiting = asyncio.gather(*map(parts.calls.provision, (request, same, other_plan, *others)))
            await asyncio.sleep(0)
        at_once = await waiting

        assert [202, 202, 202, 409, *[202] * 3] == [each.status for each in (earlier, *at_once)]
        for each in (request, *others):
            row = await parts.database.read(find_resource, each.uuid)
            events = [event.name for event in await parts.database.read(list_events, each.uuid)]
            workflow_ids = [f"provision:{each.uuid}:1"]
            assert row is not None
            assert ("basic", 1) == (row.plan, row.workflow_count)
            assert ["provision.requested"] == events
            assert 1 == len(await parts.database.read(parts.engine.find_statuses, workflow_ids))


async def test_repeats_that_come_at_once_lock_their_resources_in_one_order(postgres_url: str) -> None:
    """Of two processes with the same repeats one then waits for the other, and never both; the answers keep theirs."""
    requests = sorted((make_request(f"acme-{number}") for number in range(3)), key=lambda each: each.uuid)
    first, second, last = requests
    with assembled(postgres_url) as parts:
        await asyncio.gather(*map(parts.calls.provision, requests))
        with parts.database.transaction() as connection:
            lock_resource(connection, last.uuid)
            # The one that comes first is written alone, and those behind it together.
            repeats = (second, make_request(last.name, plan="free"), first)
            waiting = asyncio.gather(*map(parts.calls.provision, repeats))

            # Whoever waits for the last of them has all the others by then.
            async def has_locked_the_others() -> bool:
                return [second.uuid] == await parts.database.read(_list_free)

            await eventually(has_locked_the_others)

        assert [202, 409, 202] == [each.status for each in await waiting]


def _list_free(connection: sa.Connection) -> list[str]:
    """Return the resources that nobody has locked."""
    return list(connection.execute(sa.select(resource.c.uuid).with_for_update(skip_locked=True)).scalars())
