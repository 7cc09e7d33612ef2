"""Providers that keep the contract pass."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response

from checker.features.deprovision import CannotDeprovision
from checker.features.provision import Fails
from checker.provider import PAUSE_SECONDS, TRIES, Provider, Resource, SynchronousProvider
from checker.running import judge, list_bad
from checker.unusual import UNUSUAL
from headrace.checker import Selection


async def test_a_good_asynchronous_provider_passes_everything() -> None:
    """Nothing fails, nothing is warned of, and nothing that must hold is left unjudged."""
    report = await judge(Provider)

    assert [] == list_bad(report)
    assert report.has_passed
    assert () == report.left


async def test_a_good_synchronous_provider_passes_everything() -> None:
    """What only concerns asynchronous provisioning is not declared, which is no fault."""
    report = await judge(SynchronousProvider)

    assert [] == list_bad(report)
    assert report.has_passed
    assert {"not declared"} == {result.why for result in report.results if result.feature == "asynchronous"}


@pytest.mark.parametrize("kind", UNUSUAL, ids=lambda kind: kind.__name__)
async def test_what_is_right_in_a_way_of_its_own_passes_without_a_finding(kind: type[Provider]) -> None:
    """Nothing fails and nothing is warned of, and nothing stays behind."""
    report = await judge(kind)

    assert [] == list_bad(report)
    assert report.has_passed
    assert () == report.left


class SellsOnePlanOutsideOfProductionOnly(Provider):
    """Gives up the smallest plan in production, as it may: it learns of the stage when it has the token."""

    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        if resource.plan == "basic" and "production" in await self.find_stages(http, resource):
            await self.ask(http, resource, "POST", f"/addons/{resource.uuid}/actions/deprovision")
        else:
            await super().set_config(http, resource)

    async def find_stages(self, http: aiohttp.ClientSession, resource: Resource) -> set[str]:
        addon = await self.fetch(http, resource, f"/addons/{resource.uuid}")
        couplings = await self.fetch(http, resource, f"/apps/{addon['app']['id']}/pipeline-couplings") if addon else []
        return {coupling["stage"] for coupling in couplings or []}

    async def fetch(self, http: aiohttp.ClientSession, resource: Resource, path: str) -> Any:
        """Ask Heroku as `ask` does, for an answer."""
        for _ in range(TRIES):
            headers, status = {"Authorization": f"Bearer {resource.access_token}", "Accept": self.accept}, None
            with suppress(aiohttp.ClientError):
                async with http.get(self.heroku_url + path, headers=headers) as answer:
                    status = answer.status
                    if status == 200:
                        return await answer.json()
            if not await self.is_worth_repeating(http, resource, status):
                return None
            await asyncio.sleep(PAUSE_SECONDS)
        return None


async def test_a_plan_that_is_not_sold_at_a_stage_costs_no_other_judgement() -> None:
    """What was given up is named with its plan and stage, and whatever else can be judged is."""
    report = await judge(SellsOnePlanOutsideOfProductionOnly)
    left_out = [result.reason for result in report.results if result.why == "needs"]

    assert [] == list_bad(report)
    assert 0 < len(left_out) < 20
    assert {
        "a provisioned resource; the provider gave up that of basic on an app at production: try another --plan"
    } == set(left_out)


class WithoutLogins(Provider):
    """Takes neither login forms nor plan changes."""

    async def on_login(self, request: Request) -> Response:
        return Response(status_code=404)

    async def on_put(self, request: Request) -> Response:
        return Response(status_code=405)


async def test_a_provider_of_a_part_passes_when_the_rest_is_left_out() -> None:
    """What is left out is named, with the reason; so is all that hangs on it."""
    report = await judge(WithoutLogins, selection=Selection(exclude=frozenset({"sso", "plan-change"})))
    left_out = {result.id: result.reason for result in report.results if result.why == "excluded"}

    assert [] == list_bad(report)
    assert report.has_passed
    assert {"left out with --exclude"} == set(left_out.values())
    assert {"sso.good", "plan-change.same-plan", "authentication.missing-put", "time.plan-change"} <= set(left_out)


async def test_a_provider_of_a_part_does_not_pass_otherwise() -> None:
    """Without --exclude the same provider fails."""
    report = await judge(WithoutLogins)

    assert not report.has_passed
    assert {"sso", "plan-change"} <= {result.feature for result in list_bad(report)}


@pytest.mark.parametrize("kind", [Provider, SynchronousProvider])
async def test_a_provider_that_cannot_call_back_is_judged_by_the_rest(kind: type[Provider]) -> None:
    """No grant is handed out, and what would need it is said not to have been judged."""
    report = await judge(kind, selection=Selection(has_callback=False))
    left_out = [result for result in report.results if result.why == "excluded"]
    single = {result.id for result in left_out if result.feature == "repeat"}

    assert [] == list_bad(report)
    assert report.has_passed
    assert {"asynchronous", "tokens", "bad-days", "repeat"} == {result.feature for result in left_out}
    assert {"repeat.one-exchange"} == single


async def test_what_must_hold_and_could_not_be_judged_is_no_pass() -> None:
    """A provider that provisions nothing is not let through because nothing else could be tried."""
    report = await judge(Fails, selection=Selection(only=frozenset({"deprovision.status"})))

    assert [] == list_bad(report)
    assert not report.has_passed


async def test_what_the_provider_does_not_let_go_is_named() -> None:
    """The checker removes what it made; what it cannot remove is in the report."""
    report = await judge(CannotDeprovision, selection=Selection(only=frozenset({"provision.status"})))

    assert report.has_passed
    assert 1 == len(report.left)
