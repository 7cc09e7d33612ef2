"""A removal comes while something else is under way that then goes wrong: what is left to do is the removal."""

import asyncio
from datetime import timedelta

import pytest

from headrace.emulator import Fault, Switches
from headrace.errors import MisuseError, Refused, TokenRejected
from headrace.models import State
from headrace.protocol.retries import NEVER, TABLE, Policy
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

DEAD_TOKEN = TokenRejected("Invalid credentials provided.", request="GET /addons/…", status=401)
ENDS = [
    Refused("We do not serve you."),
    MisuseError("The cloud says never."),
    DEAD_TOKEN,
    OSError("The cloud is away."),
]
# Whoever tried again before it looked would come in an hour.
LATER = Policy(timedelta(hours=1), timedelta(hours=1), timedelta(days=1))
LATE_RETRIES = {kind: LATER if policy.within else policy for kind, policy in TABLE.items()}
AT_ONCE_SECONDS = 60


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
async def test_a_removal_while_the_hook_of_a_provision_runs_goes_on_at_once(
    database_url: str, error: Exception
) -> None:
    """However the hook ends: Heroku, whose token is dead, is told nothing, and the partner cleans up once."""
    acme = Acme(error=error, failures_left=1)
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme, retries=LATE_RETRIES) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        await pair.heroku.deprovision(addon)
        acme.may_go_on.set()
        async with asyncio.timeout(AT_ONCE_SECONDS):
            await pair.settle()

        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [addon.id] == [gone.uuid for gone in acme.dropped]
        assert {"heroku.asked", "heroku.refused"}.isdisjoint(await _list_names(pair, addon.id))
        assert [] == await pair.parts.database.read(list_open_notices)


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
async def test_a_removal_while_the_hook_of_a_plan_change_runs_goes_on_at_once(
    sqlite_url: str, error: Exception
) -> None:
    """Whoever waits for the change hears 410."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, retries=LATE_RETRIES) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.error, acme.failures_left = error, 1
        acme.may_go_on.clear()
        change = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "basic"}))
        await eventually(lambda: acme.changed)
        await pair.heroku.deprovision(addon)
        acme.may_go_on.set()
        async with asyncio.timeout(AT_ONCE_SECONDS):
            await pair.settle()

        assert 410 == (await change)[0]
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [addon.id] == [gone.uuid for gone in acme.dropped]
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_removal_while_a_provision_without_a_grant_is_refused_goes_on_at_once(sqlite_url: str) -> None:
    """Nobody could be told anyway; whoever waits for the provision hears 410."""
    acme = Acme(error=Refused("We do not serve you."), failures_left=1)
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme, switches=Switches(legacy_body=True), retries=LATE_RETRIES) as pair:
        asking = asyncio.create_task(pair.heroku.create_addon("shop", "acme-search:basic"))
        await eventually(lambda: acme.created)
        uuid = acme.created[0].uuid
        removed, _ = await pair.call("DELETE", f"/{uuid}")
        acme.may_go_on.set()
        async with asyncio.timeout(AT_ONCE_SECONDS):
            await eventually(lambda: acme.dropped)
            await asyncio.wait({asking})
            await pair.settle()

        assert (204, [uuid]) == (removed, [gone.uuid for gone in acme.dropped])
        assert asking.exception() is not None


async def test_a_removal_while_heroku_cannot_be_told_of_a_refusal_ends_the_telling(sqlite_url: str) -> None:
    """Heroku was away when it was to be told; what it asks for itself needs no word of ours."""
    acme = Acme(error=Refused("We do not serve you."), failures_left=1)
    async with play_pair(sqlite_url, acme=acme) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=503, path="*/actions/deprovision"))
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: _is_asked(pair, addon.id))
        await pair.heroku.deprovision(addon)
        await pair.settle()

        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [addon.id] == [gone.uuid for gone in acme.dropped]
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_removal_while_what_a_failed_provision_left_is_cleaned_up_takes_it_over(sqlite_url: str) -> None:
    """The clean-up fails and is tried again; the deprovision calls the same hook, and its end is the end of both."""
    acme = Acme(error=MisuseError("The cloud says never."), failures_left=1, drop_error=OSError("The cloud is away."))
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: len(acme.dropped) > 1)
        removed, _ = await pair.call("DELETE", f"/{addon.id}")
        acme.drop_error = None
        await pair.settle()

        assert (204, State.DEPROVISIONED) == (removed, (await pair.find(addon.id)).state)
        assert "clean_up.failed" not in await _list_names(pair, addon.id)
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_what_gives_up_after_a_removal_is_no_notice(sqlite_url: str) -> None:
    """Nobody could close it with any sense: what it is about is gone."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme, retries=dict.fromkeys(TABLE, NEVER)) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        await pair.heroku.deprovision(addon)
        acme.error, acme.failures_left = OSError("The cloud is away."), 1
        acme.may_go_on.set()
        await pair.settle()

        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [] == await pair.parts.database.read(list_open_notices)


async def _list_names(pair: Pair, uuid: str) -> set[str]:
    return {event.name for event in await pair.list_events(uuid)}


async def _is_asked(pair: Pair, uuid: str) -> bool:
    return "heroku.asked" in await _list_names(pair, uuid)
