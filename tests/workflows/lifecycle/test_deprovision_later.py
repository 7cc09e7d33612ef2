"""Removing a resource where Heroku waits for the end: a beta, in which a DELETE is answered 202 (contract §1.4)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headrace.emulator import Addon, Fault, Switches
from headrace.models import State
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from ordering import list_secret_kinds, provision
from pair import Acme, Pair, play_pair
from workflows.lifecycle.test_deprovision import DroppingAcme

GONE = (State.DEPROVISIONED, set[str]())


@asynccontextmanager
async def play_beta(url: str, acme: Acme | None = None, *, is_open: bool = True) -> AsyncIterator[Pair]:
    """Run a service that answers 202, at a Heroku that has opened the beta to it or not."""
    switches = Switches(async_deprovision=is_open)
    async with play_pair(url, acme=acme, switches=switches, HEADRACE_ASYNC_DEPROVISION="on") as pair:
        yield pair


async def find_end(pair: Pair, addon: Addon) -> tuple[State, set[str]]:
    """Return what became of a resource, and what is kept sealed of it."""
    await pair.settle()
    return (await pair.find(addon.id)).state, await list_secret_kinds(pair, addon.id)


def list_told(pair: Pair, addon: Addon) -> list[int | None]:
    """Return with which status Heroku answered each time that it was told of the end."""
    path = f"/addons/{addon.id}/actions/deprovision"
    return [sent.status for sent in pair.heroku.traffic if (sent.method, sent.path) == ("POST", path)]


async def list_last(pair: Pair, addon: Addon, count: int) -> list[str]:
    return [event.name for event in await pair.list_events(addon.id)][-count:]


async def test_heroku_keeps_the_add_on_until_it_is_told_that_the_hook_is_done(database_url: str) -> None:
    """Meanwhile the app has its config vars, the token works, and a repeat is answered as the first; then 410."""
    acme = DroppingAcme()
    acme.may_drop.clear()
    async with play_beta(database_url, acme) as pair:
        addon = await provision(pair)
        await pair.heroku.deprovision(addon)
        await eventually(lambda: acme.dropped)
        repeated = await pair.call("DELETE", f"/{addon.id}")
        meanwhile = (addon.state, list(pair.heroku.state.apps["shop"].config_vars), list_told(pair, addon))
        seen = await pair.parts.inspector.inspect(addon.id)
        acme.may_drop.set()
        end = await find_end(pair, addon)
        status, _ = await pair.call("DELETE", f"/{addon.id}")

        assert (202, {"message": "Acme Search is being removed."}) == repeated
        assert (State.DEPROVISIONING, ["ACME_SEARCH_URL"], []) == meanwhile
        assert "shop" == seen.app.name
        assert GONE == end
        assert 1 == len(acme.dropped)
        assert [200] == list_told(pair, addon)
        assert addon.id not in pair.heroku.state.addons
        assert {} == pair.heroku.state.apps["shop"].config_vars
        assert 410 == status
        assert ["deprovision.requested", "deprovision.promised", "deprovision.told", "deprovision.done"] == (
            await list_last(pair, addon, 4)
        )


async def test_a_word_of_which_no_answer_came_is_given_again(sqlite_url: str) -> None:
    """The add-on's tokens ended with it, so the second try is refused: that is the end, and nobody is bothered."""
    async with play_beta(sqlite_url) as pair:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="drop", path="/addons/*/actions/deprovision", count=1, after_effect=True))
        await pair.heroku.deprovision(addon)

        assert GONE == await find_end(pair, addon)
        assert [None, 401] == list_told(pair, addon)
        assert ["heroku.refused", "deprovision.done"] == await list_last(pair, addon, 2)
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_heroku_that_is_down_is_told_later(sqlite_url: str) -> None:
    """The hook is not called again."""
    acme = DroppingAcme()
    async with play_beta(sqlite_url, acme) as pair:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="status", status=503, path="/addons/*/actions/deprovision", count=2))
        await pair.heroku.deprovision(addon)

        assert GONE == await find_end(pair, addon)
        assert [503, 503, 200] == list_told(pair, addon)
        assert 1 == len(acme.dropped)


async def test_where_heroku_cannot_be_told_it_is_left_to_its_own_limit(sqlite_url: str) -> None:
    """It takes the add-on away after twelve hours: here it is over, with a line in the timeline."""
    async with play_beta(sqlite_url) as pair:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="status", status=422, path="/addons/*/actions/deprovision"))
        await pair.heroku.deprovision(addon)

        assert GONE == await find_end(pair, addon)
        assert State.DEPROVISIONING == addon.state
        assert ["tell_heroku.failed", "deprovision.done"] == await list_last(pair, addon, 2)


async def test_a_heroku_without_the_beta_takes_202_for_the_end(sqlite_url: str) -> None:
    """Somebody set it too early: the add-on is gone at once, and so it is here when the hook is done."""
    async with play_beta(sqlite_url, is_open=False) as pair:
        addon = await provision(pair)
        await pair.heroku.deprovision(addon)

        assert addon.id not in pair.heroku.state.addons
        assert GONE == await find_end(pair, addon)
        assert ["heroku.refused", "deprovision.done"] == await list_last(pair, addon, 2)
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_removal_that_an_operator_tries_again_is_told_too(sqlite_url: str) -> None:
    """Heroku still waits for it."""
    acme = DroppingAcme(drop_errors=1)
    async with play_beta(sqlite_url, acme) as pair:
        addon = await provision(pair)
        await pair.heroku.deprovision(addon)
        failed, _ = await find_end(pair, addon)
        before = list_told(pair, addon)
        await pair.parts.operations.retry(addon.id)

        assert GONE == await find_end(pair, addon)
        assert (State.FAILED, []) == (failed, before)
        assert [200] == list_told(pair, addon)


@pytest.mark.parametrize("setting", ["off", "on"])
async def test_who_cannot_tell_of_the_end_promises_none(sqlite_url: str, setting: str) -> None:
    """Off, which is what is set without a word, or without a token: 204."""
    async with play_pair(sqlite_url, HEADRACE_ASYNC_DEPROVISION=setting) as pair:
        addon = await provision(pair)
        if setting == "on":
            await pair.parts.database.write(pair.parts.secrets.delete_all, addon.id)
        answered = await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()

        assert (204, None) == answered
        assert [] == list_told(pair, addon)
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
