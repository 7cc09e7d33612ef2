"""Importing resources: once or again, and never against what the service knows better."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from headrace.assembly import Parts
from headrace.models import Secret, State, Token
from headrace.protocol.import_lines import Imported
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.schema import resource
from headrace.store.state.placements import list_placements
from headrace.store.state.resources import find_resource
from headrace.workflows.lifecycle.importing import Change
from pair import Pair, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOKEN = Token(access=Secret("access"), refresh=Secret("refresh"), expires_at=NOON)
BROUGHT = Imported(
    uuid=UUID, name="acme-1", plan="free", region="us", state=State.PROVISIONED, created_at=NOON, app=None, token=TOKEN
)


async def test_the_same_import_twice_changes_nothing(database_url: str) -> None:
    """The second time everything is as it was."""
    async with play_pair(database_url) as pair:
        first, row = await pair.parts.imports.take(BROUGHT), await pair.find(UUID)
        second = await pair.parts.imports.take(BROUGHT)

        assert [Change.NEW, Change.SAME] == [first, second]
        assert row == await pair.find(UUID)
        assert ["resource.imported"] == [event.name for event in await pair.list_events(UUID)]


async def test_what_is_new_in_a_later_import_is_taken_over(database_url: str) -> None:
    """A plan, a token that is good for longer; then that it is gone, and its secrets with it."""
    newer = replace(TOKEN, refresh=Secret("refresh-2"), expires_at=NOON + timedelta(hours=1))
    async with play_pair(database_url) as pair:
        changes = [
            await pair.parts.imports.take(resource)
            for resource in (
                BROUGHT,
                replace(BROUGHT, plan="basic"),
                replace(BROUGHT, plan="basic", token=newer),
                # An export from before the refresh.
                replace(BROUGHT, plan="basic", token=TOKEN),
            )
        ]
        token = await _find_token(pair.parts)
        gone = [await pair.parts.imports.take(replace(BROUGHT, state=State.DEPROVISIONED)) for _ in range(2)]
        again = await pair.parts.imports.take(BROUGHT)

        assert [Change.NEW, Change.CHANGED, Change.CHANGED, Change.SAME] == changes
        assert newer == token
        assert [Change.CHANGED, Change.SAME, Change.KEPT] == [*gone, again]
        assert (State.DEPROVISIONED, None) == ((await pair.find(UUID)).state, await _find_token(pair.parts))


async def test_what_this_service_provisioned_is_kept(sqlite_url: str) -> None:
    """Its lifecycle is between Heroku and us."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        before = await pair.find(addon.id)
        change = await pair.parts.imports.take(replace(BROUGHT, uuid=addon.id, state=State.DEPROVISIONED))

        assert Change.KEPT == change
        assert before == await pair.find(addon.id)


async def test_a_rehearsal_says_what_would_come_of_it(database_url: str) -> None:
    """And changes nothing."""
    async with play_pair(database_url) as pair:
        changes = await pair.parts.imports.take_all([BROUGHT, BROUGHT], is_rehearsal=True)
        in_earnest = await pair.parts.imports.take_all([BROUGHT])

        assert (Counter({Change.NEW: 1, Change.SAME: 1}), Counter({Change.NEW: 1})) == (changes, in_earnest)


async def test_a_rehearsal_undoes_nobody_else_s_writes(sqlite_url: str) -> None:
    """Writes to SQLite share a transaction: only the rehearsal's own part of it goes."""
    async with play_pair(sqlite_url) as pair:
        other = replace(BROUGHT, uuid="11234567-89ab-cdef-0123-456789abcdef")
        imports = pair.parts.imports
        await asyncio.gather(imports.take(other), imports.take_all([BROUGHT], is_rehearsal=True))

        assert await pair.parts.database.read(find_resource, other.uuid) is not None
        assert await pair.parts.database.read(find_resource, BROUGHT.uuid) is None


async def test_an_imported_resource_is_looked_up_and_removed_like_any_other(sqlite_url: str) -> None:
    """Heroku knows it under its token; once Heroku calls us about it, it is ours."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        token = await pair.parts.database.read(pair.parts.secrets.find_token, addon.id)
        await _forget(pair, addon.id)
        await pair.parts.imports.take(replace(BROUGHT, uuid=addon.id, token=token))
        await pair.sweep()
        places = await pair.parts.database.read(list_placements, addon.id)
        await pair.heroku.deprovision(addon)
        await pair.settle()

        assert ["production"] == [place.stage for place in places]
        assert "shop" == (await pair.find(addon.id)).app_name
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [addon.id] == [gone.uuid for gone in pair.acme.dropped]


async def _find_token(parts: Parts) -> Token | None:
    return await parts.database.read(parts.secrets.find_token, UUID)


async def _forget(pair: Pair, uuid: str) -> None:
    """Make the resource one that this service has never heard of."""

    def forget(connection: sa.Connection) -> None:
        for table in reversed(METADATA.sorted_tables):
            if "resource_uuid" in table.c:
                connection.execute(sa.delete(table).where(table.c.resource_uuid == uuid))
        connection.execute(sa.delete(resource).where(resource.c.uuid == uuid))

    await pair.parts.database.write(forget)
