"""Providers that keep the contract pass."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from checker.features.deprovision import CannotDeprovision
from checker.features.provision import Fails
from checker.provider import Provider, SynchronousProvider
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
