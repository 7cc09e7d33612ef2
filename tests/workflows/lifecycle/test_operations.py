"""What an operator can do about what failed: try again where that can help, give up where it cannot."""

import pytest

from headrace.emulator import Clock, Fault, Switches
from headrace.errors import NothingToDo, UnknownResource
from headrace.models import State
from headrace.protocol.retries import NEVER, PROVISION_LIMIT, TABLE
from headrace.store.state.notices import list_notices_of, list_open_notices
from headrace.store.state.plan_changes import PlanChangeOutcome, add_plan_change, settle_plan_change
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

# A step that fails has failed for good.
NEVER_AGAIN = dict.fromkeys(TABLE, NEVER)
SLOW_TO_HEAR = Fault(kind="latency", path="*actions/deprovision", seconds=3.0, count=1, after_effect=True)
BURNT = Fault(kind="drop", path="/oauth/token", count=1, after_effect=True)


async def test_a_burnt_grant_is_asked_for_anew_where_heroku_gives_another(sqlite_url: str) -> None:
    """The answer that held the token is lost, the code is spent: the back-fill brings a fresh one (contract §2.4)."""
    async with play_pair(sqlite_url, switches=Switches(grant_backfill=True)) as pair:
        pair.heroku.faults.add(BURNT)
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert (State.PROVISIONED, State.PROVISIONED) == (addon.state, (await pair.find(addon.id)).state)
        assert [] == await _list_kinds(pair)


async def test_a_lost_grant_ends_in_a_clear_state_that_an_operator_can_act_on(database_url: str) -> None:
    """Failed, with a notice that says what is lost; once Heroku has opened the back-fill, a retry provisions it."""
    async with play_pair(database_url) as pair:
        pair.heroku.faults.add(BURNT)
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        lost = (await pair.find(addon.id)).state, await _list_kinds(pair)
        pair.heroku.switches.grant_backfill = True
        what = await pair.parts.operations.retry(addon.id)
        await pair.settle()

        assert (State.FAILED, ["grant.lost"]) == lost
        assert "provision" == what
        assert (State.PROVISIONED, State.PROVISIONED) == (addon.state, (await pair.find(addon.id)).state)
        assert [] == await _list_kinds(pair)
        assert {"operator"} == {row.settled_by for row in await pair.parts.database.read(list_notices_of, addon.id)}


async def test_a_failed_deprovision_is_tried_again(sqlite_url: str) -> None:
    """The partner's own cloud was away for too long; when it is back an operator has it removed."""
    acme = Acme(drop_error=NothingToDo("Our cloud is away."))
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        failed = (await pair.find(addon.id)).state, await _list_kinds(pair)
        acme.drop_error = None
        what = await pair.parts.operations.retry(addon.id)
        await pair.settle()

        assert (State.FAILED, ["deprovision.failed"], "deprovision") == (*failed, what)
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [] == await _list_kinds(pair)


async def test_a_failed_plan_change_is_tried_again(sqlite_url: str) -> None:
    """What Heroku was told would happen later happens, also where the first order to try it again fails too."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN, HEADRACE_ANSWER_SECONDS="0.2") as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.error, acme.failures_left = RuntimeError("Our cloud is away."), 2
        await promise_plan(pair, addon.id, "basic")
        await pair.parts.operations.retry(addon.id)
        await pair.settle()
        failed = (await pair.find(addon.id)).plan, await _list_kinds(pair)
        what = await pair.parts.operations.retry(addon.id)
        await pair.settle()

        assert ("free", ["plan_change.failed"], "plan change") == (*failed, what)
        assert "basic" == (await pair.find(addon.id)).plan
        assert [] == await _list_kinds(pair)


async def test_a_plan_change_that_heroku_was_told_has_failed_is_not_tried_again(sqlite_url: str) -> None:
    """It keeps the old plan: done here, the customer would pay for one and have another. Asked for anew, it is done."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.error, acme.failures_left = RuntimeError("Our cloud is away."), 1
        await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        await pair.settle()
        [notice] = await pair.parts.database.read(list_open_notices)
        with pytest.raises(NothingToDo, match=r"Heroku keeps .* on free"):
            await pair.parts.operations.retry(addon.id)

        assert ("basic", "free", False) == (
            notice.detail["plan"],
            notice.detail["heroku_shows"],
            notice.is_of_retriable_change,
        )
        assert ("free", "free") == ((await pair.find(addon.id)).plan, addon.plan.name)


async def test_a_retry_goes_to_the_plan_that_heroku_shows(sqlite_url: str) -> None:
    """Promised one plan and then asked for another that failed, it shows the promised one."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN, HEADRACE_ANSWER_SECONDS="0.2") as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.error, acme.failures_left = RuntimeError("Our cloud is away."), 1
        await promise_plan(pair, addon.id, "basic")
        with pair.parts.database.transaction() as connection:
            number = add_plan_change(connection, addon.id, old_plan="free", new_plan="tiny", now=pair.parts.clock())
            failed = PlanChangeOutcome.FAILED
            settle_plan_change(connection, addon.id, number, outcome=failed, message=None, now=pair.parts.clock())
        await pair.parts.operations.retry(addon.id)
        await pair.settle()

        assert "basic" == (await pair.find(addon.id)).plan


async def promise_plan(pair: Pair, uuid: str, plan: str) -> None:
    """Have Heroku answered 202, after which it shows the plan, and then let the hook go on."""
    pair.acme.may_go_on.clear()
    status, _ = await pair.call("PUT", f"/{uuid}", json={"plan": plan})
    pair.acme.may_go_on.set()
    await pair.settle()
    assert 202 == status


async def test_what_heroku_was_told_has_failed_cannot_be_tried_again(sqlite_url: str) -> None:
    """Heroku has removed the add-on: nothing here can bring it back. It can be given up."""
    acme = Acme(error=RuntimeError("Our cloud is away."), failures_left=1)
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        with pytest.raises(NothingToDo, match="abandon it"):
            await pair.parts.operations.retry(addon.id)
        await pair.parts.operations.abandon(addon.id, by="kim")

        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert [] == await _list_kinds(pair)
        assert "operator.abandoned" == (await pair.list_events(addon.id))[-1].name


async def test_what_heroku_is_just_being_told_has_failed_is_not_tried_again(sqlite_url: str) -> None:
    """The answer is on its way, and the token goes with the add-on: what began now would fail until its limit."""
    acme = Acme(error=RuntimeError("Our cloud is away."), failures_left=1)
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN) as pair:
        pair.heroku.faults.add(SLOW_TO_HEAR)
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: _is_asked(pair, addon.id))
        with pytest.raises(NothingToDo, match="just being told"):
            await pair.parts.operations.retry(addon.id)
        await pair.settle()

        assert State.FAILED == (await pair.find(addon.id)).state
        assert "operator.retried" not in [event.name for event in await pair.list_events(addon.id)]


async def test_a_provision_is_not_tried_again_past_its_limit(sqlite_url: str) -> None:
    """Heroku has given it up by then, and a second attempt would make what nobody pays for."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        pair.heroku.faults.add(BURNT)
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        clock.advance(PROVISION_LIMIT)

        with pytest.raises(NothingToDo, match="add it again"):
            await pair.parts.operations.retry(addon.id)


async def test_what_is_well_is_neither_tried_again_nor_given_up(sqlite_url: str) -> None:
    """An order that does not fit changes nothing and says why."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        for order in (pair.parts.operations.retry, pair.parts.operations.abandon):
            with pytest.raises(NothingToDo, match="is provisioned"):
                await order(addon.id)
            with pytest.raises(UnknownResource):
                await order("00000000-0000-4000-8000-000000000000")

        assert State.PROVISIONED == (await pair.find(addon.id)).state


async def _list_kinds(pair: Pair) -> list[str]:
    return [row.kind for row in await pair.parts.database.read(list_open_notices)]


async def _is_asked(pair: Pair, uuid: str) -> bool:
    return (await pair.list_events(uuid))[-1].name == "heroku.asked"
