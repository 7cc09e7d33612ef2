"""A change of plan: done within the request where it can be, later where it must, and never lost."""

import asyncio
from typing import Any

import pytest

from headrace import PlanChanged, Provisioned
from headrace.emulator import Declined, Fault, Switches
from headrace.hooks.arguments import PlanChange, Provision, Resource
from headrace.models import State
from headrace.service import AddonService
from headrace.store.state.notices import list_open_notices
from headrace.store.state.plan_changes import PlanChangeRow, find_plan_change
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

QUICK_ANSWER = "0.2"


class ConfiguringAcme(Acme):
    """A partner that gives a resource another address and a token when its plan changes."""

    def register(self, service: AddonService) -> None:
        @service.on_provision
        def create(provision: Provision) -> dict[str, str]:
            self.created.append(provision)
            return {"ACME_SEARCH_URL": "https://old.acme.example", "ACME_SEARCH_TOKEN": "token-1"}

        @service.on_plan_change
        def resize(change: PlanChange) -> Any:
            self.changed.append(change)
            return self.config

        @service.on_deprovision
        def drop(resource: Resource) -> None:
            self.dropped.append(resource)


async def test_a_plan_change_is_done_within_the_request(sqlite_url: str) -> None:
    """200: the hook knows the old plan and the new one, and both sides have the new one after it."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:free")
        await pair.settle()
        status, body = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})

        change = pair.acme.changed[0]
        assert (200, {"message": "The plan is basic now."}) == (status, body)
        assert (addon.id, "free", "basic", "staging") == (change.uuid, change.plan, change.new_plan, change.stage)
        assert "basic" == (await pair.find(addon.id)).plan
        assert 1 == len(pair.acme.changed)


async def test_heroku_and_the_service_agree_on_the_plan(sqlite_url: str) -> None:
    """The customer changes the plan at Heroku, and it is changed on both sides."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        await pair.heroku.change_plan(addon, "basic")
        await pair.settle()

        assert ("basic", "basic") == (addon.plan.name, (await pair.find(addon.id)).plan)
        names = [event.name for event in await pair.list_events(addon.id)]
        assert ["plan_change.requested", "hook.returned", "plan_change.done"] == [*names[6:8], names[-1]]


async def test_a_change_to_the_same_plan_calls_no_hook(sqlite_url: str) -> None:
    """A no-op is answered 200 (contract §1.3)."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        status, body = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})

        assert (200, {"message": "The plan is basic already."}) == (status, body)
        assert [] == pair.acme.changed
        assert 1 == (await pair.find(addon.id)).workflow_count


async def test_a_refused_plan_change_is_shown_to_the_customer_and_changes_nothing(sqlite_url: str) -> None:
    """422 with the hook's words; the plan stays on both sides, and a later change works."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        with pytest.raises(Declined, match="Your data does not fit this plan"):
            await pair.heroku.change_plan(addon, "tiny")
        await pair.settle()
        plans = addon.plan.name, (await pair.find(addon.id)).plan
        await pair.heroku.change_plan(addon, "basic")

        assert ("free", "free") == plans
        assert ("basic", "basic") == (addon.plan.name, (await pair.find(addon.id)).plan)
        assert ["tiny", "basic"] == [change.new_plan for change in pair.acme.changed]
        assert "refused" == (await _find_change(pair, addon.id, 1)).outcome


async def test_a_slow_plan_change_is_answered_202_and_done_later(sqlite_url: str) -> None:
    """Heroku is not kept waiting; the hook goes on, and its plan counts when it is done."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, HEADRACE_ANSWER_SECONDS=QUICK_ANSWER) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.may_go_on.clear()
        status, body = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        during = (await pair.find(addon.id)).plan
        acme.may_go_on.set()
        await pair.settle()

        assert (202, {"message": "The plan is being changed to basic."}) == (status, body)
        assert ("free", "basic") == (during, (await pair.find(addon.id)).plan)
        assert 1 == len(acme.changed)


async def test_a_refusal_that_comes_after_a_202_is_an_operator_s_to_settle(database_url: str) -> None:
    """Heroku shows the new plan by then, and nothing can take that back: the notice says so until they agree again."""
    acme = Acme()
    async with play_pair(database_url, acme=acme, HEADRACE_ANSWER_SECONDS=QUICK_ANSWER) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.may_go_on.clear()
        status, _ = await pair.call("PUT", f"/{addon.id}", json={"plan": "tiny"})
        acme.may_go_on.set()
        await pair.settle()
        (notice,) = await pair.parts.database.read(list_open_notices)
        plan = (await pair.find(addon.id)).plan
        again, _ = await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})

        assert (202, "free", 200) == (status, plan, again)
        assert ("plan_change.failed", "Refused", "tiny") == (
            notice.kind,
            notice.detail["reason"],
            notice.detail["plan"],
        )
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_refusal_that_heroku_hears_is_no_operator_s(sqlite_url: str) -> None:
    """The customer has read it, and the plan is the old one on both sides."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        status, _ = await pair.call("PUT", f"/{addon.id}", json={"plan": "tiny"})

        assert 422 == status
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_refusal_after_a_change_during_provisioning_is_an_operator_s(sqlite_url: str) -> None:
    """It was answered before the hook could say a word; what failed may be tried again."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await eventually(lambda: acme.created)
        status, _ = await pair.call("PUT", f"/{addon.id}", json={"plan": "tiny"})
        acme.may_go_on.set()
        await pair.settle()
        notices = await pair.parts.database.read(list_open_notices)

        assert (202, ["plan_change.failed"]) == (status, [notice.kind for notice in notices])
        assert "plan change" == await pair.parts.operations.retry(addon.id)


async def test_a_repeat_of_a_waiting_change_starts_one_hook(database_url: str) -> None:
    """Heroku delivers at least once: all wait for the same change, and hear the same."""
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.may_go_on.clear()
        calls = [asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})) for _ in range(4)]
        await eventually(lambda: acme.changed)
        acme.may_go_on.set()
        answers = await asyncio.gather(*calls)
        await pair.settle()

        assert {200} == {status for status, _ in answers}
        assert 1 == len(acme.changed)
        assert 2 == (await pair.find(addon.id)).workflow_count


async def test_a_plan_change_during_provisioning_is_worked_on_after_it(sqlite_url: str) -> None:
    """202; first the provision with its own plan, then the change."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await eventually(lambda: acme.created)
        status, body = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        before = list(acme.changed)
        acme.may_go_on.set()
        await pair.settle()

        row = await pair.find(addon.id)
        assert (202, {"message": "The plan will be basic when the add-on is set up."}) == (status, body)
        assert ([], "free") == (before, acme.created[0].plan)
        assert [("free", "basic")] == [(change.plan, change.new_plan) for change in acme.changed]
        assert (State.PROVISIONED, "basic") == (row.state, row.plan)


async def test_a_repeat_during_provisioning_is_answered_like_the_first(sqlite_url: str) -> None:
    """202 soon: the provision may take hours, and Heroku waits seconds (contract §1.1)."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await eventually(lambda: acme.created)
        first = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        try:
            async with asyncio.timeout(60):
                second = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        finally:
            acme.may_go_on.set()
        await pair.settle()

        assert first == second
        assert 1 == len(acme.changed)


async def test_a_refusal_reaches_the_customer_in_the_moment_in_which_a_provision_ends(sqlite_url: str) -> None:
    """Heroku shows it as provisioned, our workflow has yet to hear so: the hook's word is waited for all the same."""
    async with play_pair(sqlite_url) as pair:
        late = Fault(kind="latency", path="*/actions/provision", seconds=0.5, after_effect=True)
        pair.heroku.faults.add(late)
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await eventually(lambda: addon.state == State.PROVISIONED)
        assert State.PROVISIONING == (await pair.find(addon.id)).state

        assert (422, {"message": "Your data does not fit this plan."}) == await pair.call(
            "PUT", f"/{addon.id}", json={"plan": "tiny"}
        )


async def test_changes_in_a_row_end_in_the_plan_of_the_last(database_url: str) -> None:
    """Each is done, in the order of the requests, and never two at the same time."""
    acme = Acme()
    async with play_pair(database_url, acme=acme, HEADRACE_ANSWER_SECONDS=QUICK_ANSWER) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.may_go_on.clear()
        answers = [await pair.call("PUT", f"/{addon.id}", json={"plan": plan}) for plan in ("basic", "premium", "free")]
        await eventually(lambda: acme.changed)
        during = len(acme.changed)
        acme.may_go_on.set()
        await pair.settle()

        steps = [(change.plan, change.new_plan) for change in acme.changed]
        assert [202, 202, 202] == [status for status, _ in answers]
        assert 1 == during
        assert [("free", "basic"), ("basic", "premium"), ("premium", "free")] == steps
        assert "free" == (await pair.find(addon.id)).plan


async def test_a_plan_change_of_a_removed_resource_is_gone(sqlite_url: str) -> None:
    """410, and no hook."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        await pair.heroku.deprovision(addon)
        await pair.settle()
        other = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        same = await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})

        assert [410, 410] == [other[0], same[0]]
        assert addon.id in other[1]["message"]
        assert [] == pair.acme.changed


async def test_waiting_plan_changes_go_with_the_resource(database_url: str) -> None:
    """A deprovision drops what waits: the running hook ends, no other one begins, and whoever waits hears 410."""
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.may_go_on.clear()
        first = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "basic"}))
        await eventually(lambda: acme.changed)
        second = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "premium"}))
        await eventually(lambda: _has_change(pair, addon.id, 2))
        removed = await pair.call("DELETE", f"/{addon.id}")
        acme.may_go_on.set()
        answers = await asyncio.gather(first, second)
        await pair.settle()

        row = await pair.find(addon.id)
        outcomes = [(await _find_change(pair, addon.id, number)).outcome for number in (1, 2)]
        assert 204 == removed[0]
        assert [410, 410] == [status for status, _ in answers]
        assert ["dropped", "dropped"] == outcomes
        assert ["basic"] == [change.new_plan for change in acme.changed]
        assert (State.DEPROVISIONED, [addon.id]) == (row.state, [resource.uuid for resource in acme.dropped])


async def test_config_that_the_hook_returns_is_set_at_heroku(sqlite_url: str) -> None:
    """What it returns is merged with what was there, and reaches the customer's app."""
    acme = ConfiguringAcme(config={"ACME_SEARCH_URL": "https://new.acme.example"})
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        await pair.heroku.change_plan(addon, "basic")
        await pair.settle()

        found = pair.heroku.state.apps["shop"].config_vars
        assert {"ACME_SEARCH_URL": "https://new.acme.example", "ACME_SEARCH_TOKEN": "token-1"} == found


async def test_without_a_grant_config_comes_with_the_answer(sqlite_url: str) -> None:
    """Nobody may PATCH it, so the 200 carries it."""
    acme = ConfiguringAcme(config={"ACME_SEARCH_URL": "https://new.acme.example"})
    async with play_pair(sqlite_url, acme=acme, switches=Switches(legacy_body=True)) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.heroku.change_plan(addon, "basic")

        found = pair.heroku.state.apps["shop"].config_vars
        assert {"ACME_SEARCH_URL": "https://new.acme.example", "ACME_SEARCH_TOKEN": "token-1"} == found


async def test_a_plan_change_without_config_does_not_restart_the_customers_app(sqlite_url: str) -> None:
    """A PATCH of config cuts a release on every attached app (contract §6.4): none when nothing is new."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        app = pair.heroku.state.apps["shop"]
        before = [release.description for release in app.releases]
        await pair.heroku.change_plan(addon, "basic")
        await pair.settle()

        assert before == [release.description for release in app.releases]


async def test_undeclared_config_fails_the_plan_change(sqlite_url: str) -> None:
    """503 without a word of the hook's, and the plan stays: what went wrong is ours to mend."""
    acme = ConfiguringAcme(config={"OTHER_URL": "https://new.acme.example"})
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        status, body = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})

        assert 503 == status
        assert "OTHER_URL" not in body["message"]
        assert "free" == (await pair.find(addon.id)).plan
        assert "failed" == (await _find_change(pair, addon.id, 1)).outcome


async def test_a_hook_that_fails_in_a_plan_change_is_tried_again(sqlite_url: str) -> None:
    """Trouble in the partner's cloud passes."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        acme.error, acme.failures_left = RuntimeError("the cloud is down"), 2
        status, _ = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})

        assert (200, 3) == (status, len(acme.changed))


async def _find_change(pair: Pair, uuid: str, number: int) -> PlanChangeRow:
    return await pair.parts.database.read(find_plan_change, uuid, number)


async def _has_change(pair: Pair, uuid: str, number: int) -> bool:
    names = [event.name for event in await pair.list_events(uuid)]
    return number == names.count("plan_change.requested")


async def test_a_word_to_the_customer_is_in_the_answer(sqlite_url: str) -> None:
    """In that of a repeat too; config vars of the same answer are set."""
    acme = ConfiguringAcme(config=PlanChanged(config={"ACME_SEARCH_TOKEN": "token-2"}, message="Welcome to basic."))
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        answers = [await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"}) for _ in range(2)]
        await pair.settle()

        assert [(200, {"message": "Welcome to basic."})] * 2 == answers
        assert "token-2" == addon.config["ACME_SEARCH_TOKEN"]
        assert 1 == len(acme.changed)


@pytest.mark.parametrize("answer", [Provisioned(), PlanChanged(message="x" * 1001), 7])
async def test_an_answer_of_another_kind_changes_nothing(sqlite_url: str, answer: object) -> None:
    async with play_pair(sqlite_url, acme=ConfiguringAcme(config=answer)) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        status, _ = await pair.call("PUT", f"/{addon.id}", json={"plan": "basic"})
        await pair.settle()

        assert (503, "free") == (status, (await pair.find(addon.id)).plan)
