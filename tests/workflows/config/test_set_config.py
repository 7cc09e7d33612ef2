"""`set_config`: what a partner's code orders is kept, told to Heroku once, and then it is what is stored."""

import asyncio
from functools import partial
from typing import Any

import pytest

from headrace import (
    AddonService,
    ConfigChangeOutcome,
    GrantError,
    Malformed,
    MisuseError,
    NothingToDo,
    ResourceGone,
    UnknownResource,
)
from headrace.emulator import Fault, Switches
from headrace.models import State
from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.notices import list_open_notices
from headrace.store.state.resources import update_resource
from headrace.store.state.timeline import list_events
from ordering import (
    SOON,
    TOKEN,
    URL,
    list_patches,
    list_secret_kinds,
    load_config,
    provision,
    read_all_rows,
    script,
    settle_order,
    worker,
)
from pair import Acme, Pair, play_pair

MADE_URL = "https://search.acme.example/"
RECOGNISABLE = "token-of-the-new-index-7f3a"
NOBODY = "01234567-89ab-4def-8123-456789abcdef"


async def test_what_a_script_sets_is_merged_by_name_on_both_sides(database_url: str) -> None:
    """Heroku has it, the store has it, the timeline tells the names and who asked; nothing else changes."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            change = await service.set_config(addon.id, {TOKEN: RECOGNISABLE}, by="grace", wait=SOON)
        await pair.settle()
        events = [event for event in await pair.list_events(addon.id) if event.name.startswith("config.")]

        assert (ConfigChangeOutcome.DONE, 1, (TOKEN,), "grace") == (
            change.outcome,
            change.number,
            change.names,
            change.ordered_by,
        )
        assert {URL: MADE_URL + addon.id, TOKEN: RECOGNISABLE} == addon.config == await load_config(pair, addon.id)
        assert ["config.set", "config.requested", "config.set"] == [event.name for event in events]
        assert {"number": 1, "what": "set", "config_vars": [TOKEN], "by": "grace"} == events[1].detail
        assert {"number": 1, "config_vars": [TOKEN]} == events[2].detail


async def test_none_removes_a_name(database_url: str) -> None:
    async with play_pair(database_url) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            await service.set_config(addon.id, {TOKEN: "t-1"}, wait=SOON)
            await service.set_config(addon.id, {TOKEN: None}, wait=SOON)
        last = (await pair.list_events(addon.id))[-1]

        assert {URL: MADE_URL + addon.id} == addon.config == await load_config(pair, addon.id)
        assert ("config.set", {"number": 2, "config_vars": [], "removed": [TOKEN]}) == (last.name, last.detail)


async def test_an_order_is_kept_without_a_worker_and_done_by_the_first(database_url: str) -> None:
    """The process that orders has none, and may be gone by then; orders keep their order."""
    async with play_pair(database_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with script(pair) as service:
            first = await service.set_config(addon.id, {TOKEN: "t-1"})
            second = await service.set_config(addon.id, {TOKEN: "t-2"})
        before = dict(addon.config)
        async with worker(pair):
            await settle_order(pair, second)

        assert (None, None) == (first.outcome, second.outcome)
        assert {URL: MADE_URL + addon.id} == before
        assert "t-2" == addon.config[TOKEN]
        assert [200, 200, 200] == list_patches(pair, addon)


async def test_values_stand_nowhere_in_clear(database_url: str) -> None:
    """Neither while the order waits nor after it: not in the engine's rows, in no timeline, in no repr."""
    async with play_pair(database_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with script(pair) as service:
            change = await service.set_config(addon.id, {TOKEN: RECOGNISABLE})
        waiting, kinds = await read_all_rows(pair), await list_secret_kinds(pair, addon.id)
        async with worker(pair):
            await settle_order(pair, change)

        assert RECOGNISABLE not in waiting + await read_all_rows(pair) + repr(change)
        assert {"config", "token", "config_change/1"} == kinds
        assert {"config", "token"} == await list_secret_kinds(pair, addon.id)


async def test_what_heroku_was_told_before_costs_no_restart(sqlite_url: str) -> None:
    """Ordered twice is as good as once."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            await service.set_config(addon.id, {TOKEN: "t-1"}, wait=SOON)
            again = await service.set_config(addon.id, {TOKEN: "t-1"}, wait=SOON)

        assert (ConfigChangeOutcome.DONE, [200, 200]) == (again.outcome, list_patches(pair, addon))


async def test_after_an_answer_that_was_lost_heroku_is_asked_before_it_is_told_again(database_url: str) -> None:
    """The PATCH was carried out; a second one would restart the customer's app for nothing."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair)
        releases = len(pair.heroku.state.apps["shop"].releases)
        pair.heroku.faults.add(Fault(kind="drop", method="PATCH", path="/addons/*/config", count=1, after_effect=True))
        async with script(pair) as service:
            change = await service.set_config(addon.id, {TOKEN: "t-1"}, wait=SOON)

        assert (ConfigChangeOutcome.DONE, "t-1") == (change.outcome, addon.config[TOKEN])
        assert releases + 1 == len(pair.heroku.state.apps["shop"].releases)


async def test_what_heroku_declines_is_told_and_not_stored(database_url: str) -> None:
    """The store holds what Heroku has; the next order that is done settles the notice."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="status", status=422, method="PATCH", path="/addons/*/config", count=1))
        async with script(pair) as service:
            failed = await service.set_config(addon.id, {TOKEN: "t-1"}, wait=SOON)
            await pair.settle()
            notices = [notice.kind for notice in await pair.parts.database.read(list_open_notices)]
            stored, kinds = await load_config(pair, addon.id), await list_secret_kinds(pair, addon.id)
            done = await service.set_config(addon.id, {TOKEN: "t-2"}, wait=SOON)

        assert (ConfigChangeOutcome.FAILED, "set_config", "Unprocessable") == (
            failed.outcome,
            failed.step,
            failed.reason,
        )
        assert (["config.failed"], {URL: MADE_URL + addon.id}, {"config", "token"}) == (notices, stored, kinds)
        assert (ConfigChangeOutcome.DONE, []) == (done.outcome, await pair.parts.database.read(list_open_notices))


async def test_a_resource_that_is_being_provisioned_has_it_set_when_it_is(sqlite_url: str) -> None:
    """What its hook returns comes first."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        async with script(pair) as service:
            change = await service.set_config(addon.id, {URL: "https://new.acme.example/"})
        acme.may_go_on.set()
        await settle_order(pair, change)

        assert {URL: "https://new.acme.example/"} == addon.config == await load_config(pair, addon.id)


async def test_a_resource_that_goes_takes_what_waits_with_it(database_url: str) -> None:
    """Nothing is told of it any more, and nothing of the values is kept."""
    async with play_pair(database_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with script(pair) as service:
            change = await service.set_config(addon.id, {TOKEN: "t-1"})
        await pair.heroku.deprovision(addon)
        async with worker(pair):
            await settle_order(pair, change)
        rows = await pair.parts.database.read(list_config_changes, addon.id)

        assert [ConfigChangeOutcome.DROPPED] == [row.outcome for row in rows]
        assert (State.DEPROVISIONED, set()) == (
            (await pair.find(addon.id)).state,
            await list_secret_kinds(pair, addon.id),
        )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"ACME_SEARCH_COLOUR": "red"}, "ACME_SEARCH_COLOUR, which the manifest does not declare"),
        ({TOKEN: 3}, "a value is text, or None"),
        ({URL: "search.acme.example"}, f"{URL} that is not an absolute URL"),
        ({}, "Name one at least"),
        ([TOKEN], "a dict of names and values"),
        (None, "a dict of names and values"),
    ],
)
async def test_what_heroku_would_refuse_is_refused_at_once(sqlite_url: str, config: Any, told: str) -> None:
    """The text names it, and nothing is ordered."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            with pytest.raises(MisuseError, match=told):
                await service.set_config(addon.id, config)

        await _expect_nothing_ordered(pair, addon.id)


async def test_a_value_that_is_none_of_ours_is_not_repeated_in_the_error(sqlite_url: str) -> None:
    """It may be a password in the wrong shape."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        wrong: Any = {TOKEN: [RECOGNISABLE]}
        async with script(pair) as service:
            with pytest.raises(MisuseError) as caught:
                await service.set_config(NOBODY, wrong)

        assert RECOGNISABLE not in str(caught.value)


@pytest.mark.parametrize(
    ("uuid", "error", "told"),
    [(NOBODY, UnknownResource, f"no resource {NOBODY}"), ("shop", Malformed, "not a UUID")],
)
async def test_a_uuid_that_is_nobodys_is_named(sqlite_url: str, uuid: str, error: type[Exception], told: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair, script(pair) as service:
        with pytest.raises(error, match=told):
            await service.set_config(uuid, {TOKEN: "t-1"})


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (State.DEPROVISIONING, ResourceGone),
        (State.DEPROVISIONED, ResourceGone),
        (State.FAILED, NothingToDo),
    ],
)
async def test_what_is_gone_has_no_config(sqlite_url: str, state: State, error: type[Exception]) -> None:
    """The text names the resource, and nothing is ordered."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        await pair.parts.database.write(partial(update_resource, state=state), addon.id)
        async with script(pair) as service:
            with pytest.raises(error, match=addon.id):
                await service.set_config(addon.id, {TOKEN: "t-1"})

        await _expect_nothing_ordered(pair, addon.id)


async def test_without_a_grant_nobody_can_set_anything(sqlite_url: str) -> None:
    """Heroku took the config with the answer, and gave no token."""
    async with play_pair(sqlite_url, switches=Switches(legacy_body=True)) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            with pytest.raises(GrantError, match=f"{addon.id}.* has no token"):
                await service.set_config(addon.id, {TOKEN: "t-1"})

        await _expect_nothing_ordered(pair, addon.id)


async def test_whoever_gave_an_order_has_a_name(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair, script(pair) as service:
        for by in ("", "  ", "x" * 61):
            with pytest.raises(MisuseError, match="`by` says who"):
                await service.set_config(NOBODY, {TOKEN: "t-1"}, by=by)


async def test_plain_code_orders_too(sqlite_url: str) -> None:
    """On a thread of its own, as a Django view does."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)

        def order() -> ConfigChangeOutcome | None:
            with AddonService(pair.parts.settings).connected() as acme:
                return acme.set_config(addon.id, {TOKEN: "t-1"}, wait=SOON).outcome

        assert ConfigChangeOutcome.DONE is await asyncio.to_thread(order)
        assert "t-1" == addon.config[TOKEN]


async def _expect_nothing_ordered(pair: Pair, uuid: str) -> None:
    assert [] == await pair.parts.database.read(list_config_changes, uuid)
    assert "config.requested" not in [event.name for event in await pair.parts.database.read(list_events, uuid)]


async def test_an_order_whose_workflow_always_ends_by_itself_is_given_up(sqlite_url: str) -> None:
    """As every workflow is: begun again three times, and then an operator is told."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with script(pair) as service:
            await service.set_config(addon.id, {TOKEN: "t-1"})
        outcomes = []
        for number in range(4):
            ended = f"config-change:{addon.id}:{90 + number}"
            await pair.parts.database.write(partial(update_resource, running=ended), addon.id)
            await pair.parts.upkeep.run_once()
            rows = await pair.parts.database.read(list_config_changes, addon.id)
            outcomes.append(rows[0].outcome)

        assert [None, None, None, ConfigChangeOutcome.FAILED] == outcomes
        assert "WorkflowFailed" == rows[0].reason
        assert {"config", "token"} == await list_secret_kinds(pair, addon.id)
