"""What a report shows is what was sent and what came, and what it says of clean-up is what stayed."""

from typing import Any
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from checker.features.bad_days import AsksForATokenOnce
from checker.features.bodies import WantsNoUuid
from checker.features.deprovision import CannotDeprovision
from checker.features.manifest import HasNoPassword, HasNoRegions
from checker.features.presence import EndsAfterADeprovision, EndsInTheBackground, EndsOnARepeat
from checker.features.repeat import ClosesTheConnectionOnARepeat, DoublesRepeats, ExchangesEachRepeat
from checker.features.sso import SendsTheGoodToTheDoor
from checker.provider import PASSWORD, Provider, Refusal, Resource
from checker.running import judge, judge_there, list_bad, listening
from headrace.checker import Report, Result, Selection, Verdict
from headrace.checker.catalogue import FACTS
from headrace.checker.kit.fact import Level, Sureness
from headrace.checker.report_text import render_summary


def find(report: Report, fact_id: str) -> Result:
    return next(result for result in report.results if result.id == fact_id)


def select(*names: str) -> Selection:
    return Selection(only=frozenset(names))


def test_what_must_hold_is_stated_by_heroku() -> None:
    """What is only seen in code, or uncertain, is advice."""
    assert [] == [fact.id for fact in FACTS if fact.level is Level.MUST and fact.sureness is not Sureness.STATED]


@pytest.mark.parametrize("text", ["Unauthorized", "Not found\n", "{garbage", "a=b&c", "<p>Traceback: x = 1</p>"])
async def test_an_answer_is_shown_as_it_came(text: str) -> None:
    """A text is no form, whatever signs it has."""

    class Says(Provider):
        async def on_refusal(self, _request: Request, _error: Exception) -> Response:
            return PlainTextResponse(text, 500)

    report = await judge(Says, selection=select("authentication.missing-post"))

    assert f"500 {' '.join(text.split())}" == " ".join(find(report, "authentication.missing-post").came.split())


async def test_a_text_hides_the_manifests_secrets() -> None:
    """As it came, but for what nobody may read."""

    class Tells(Provider):
        async def on_refusal(self, _request: Request, _error: Exception) -> Response:
            return PlainTextResponse(f"expected {PASSWORD}, db at postgres://root:hush@db.example", 500)

    came = find(await judge(Tells, selection=select("authentication.missing-post")), "authentication.missing-post").came

    assert "500  expected •••, db at postgres://•••@db.example" == came


async def test_where_a_redirect_leads_is_shown() -> None:
    """Without what stands in its query, which may log somebody in."""
    report = await judge(SendsTheGoodToTheDoor, selection=select("sso.good"))
    came = find(report, "sso.good").came

    assert came.startswith("302 to http://127.0.0.1")
    assert came.endswith("/login?…")


async def test_a_redirect_of_a_refused_call_is_shown_too() -> None:
    """Whatever the call was."""

    class Redirects(Provider):
        async def on_refusal(self, _request: Request, _error: Exception) -> Response:
            return RedirectResponse("https://login.pipescope.example/?token=s3cret", 302)

    report = await judge(Redirects, selection=select("authentication.missing-post"))

    assert "302 to https://login.pipescope.example/?…" == find(report, "authentication.missing-post").came


async def test_who_closed_a_connection_is_said() -> None:
    """It was the provider; the checker waits."""
    report = await judge(ClosesTheConnectionOnARepeat, selection=select("repeat.status"))

    assert "no answer: the provider closed the connection" == find(report, "repeat.status").came


async def test_a_call_that_heroku_did_not_answer_well_is_a_call() -> None:
    """The exchange that went wrong on purpose is shown as one."""
    came = find(await judge(AsksForATokenOnce), "bad-days.no-tokens").came

    assert "POST /oauth/token 503 (on purpose)" == came


async def test_the_second_exchange_of_a_grant_is_shown() -> None:
    """Heroku does not take it, and knows whose it is all the same."""
    came = find(await judge(ExchangesEachRepeat, selection=select("repeat")), "repeat.one-exchange").came

    assert {"POST /oauth/token 200", "POST /oauth/token 401"} <= set(came.split(", "))


@pytest.mark.parametrize(
    ("kind", "method"), [(EndsOnARepeat, "POST"), (EndsAfterADeprovision, "DELETE"), (EndsInTheBackground, "POST")]
)
async def test_a_provider_that_ended_is_one_finding(kind: type[Provider], method: str) -> None:
    """With the request after which it was gone; what comes after that is not judged, and so it does not pass."""
    report = await judge(kind, selection=Selection(exclude=frozenset({"authentication"})))
    [bad] = list_bad(report)
    unjudged = [result for result in report.results if result.why == "the provider has ended"]

    assert ("presence.to-the-end", "nobody listens there") == (bad.id, bad.came)
    assert bad.sent.startswith(f"{method} http://127.0.0.1")
    assert not report.has_passed
    assert len(unjudged) > 20
    assert all("nobody listens there, since" in result.reason for result in unjudged)
    assert "Not judged, though it must hold" not in render_summary(report)


async def test_a_death_is_told_though_one_feature_is_judged() -> None:
    """No selection makes a provider pass that is gone."""
    report = await judge(EndsOnARepeat, selection=select("repeat"))

    assert ["presence.to-the-end"] == [result.id for result in list_bad(report)]
    assert "for repeat.status" in find(report, "presence.to-the-end").sent
    assert not report.has_passed


async def test_one_mistake_in_a_manifest_does_not_end_the_judgement() -> None:
    """Only what Heroku could not even call is not judged."""
    wrong, silent = await judge(HasNoRegions), await judge(HasNoPassword)

    assert ["manifest.regions"] == [result.id for result in list_bad(wrong)]
    assert Verdict.PASS is find(wrong, "provision.status").verdict
    assert ["manifest.password"] == [result.id for result in list_bad(silent)]
    assert "a manifest that says where the provider is, and its password" == find(silent, "provision.status").reason


async def test_what_was_refused_or_failed_is_not_said_to_have_stayed() -> None:
    """Nor what the provider was never told of."""

    class FailsOverOddBodies(CannotDeprovision):
        def read_uuid(self, value: Any) -> str:
            if not isinstance(value, str):
                raise Refusal(500, "Oh no.")
            return super().read_uuid(value)

    report = await judge(FailsOverOddBodies, selection=select("bodies.missing-uuid", "bodies.wrong-uuid"))

    assert () == report.left


async def test_what_stayed_is_named_as_the_provider_knows_it() -> None:
    """By the uuid that it was told, or what it answered where it was told none."""

    class KeepsAll(WantsNoUuid):
        async def deprovision(self, uuid: str) -> Response:
            raise Refusal(500, "Never.")

        def make_id(self, resource: Resource) -> Any:
            return f"pipe-{resource.uuid}"

    odd = await judge(KeepsAll, selection=select("bodies.missing-uuid", "bodies.wrong-uuid"))
    usual = await judge(KeepsAll, selection=select("provision.status"))

    assert ("one that was made without a uuid, id pipe-None", "4711") == odd.left
    assert [4] == [UUID(uuid).version for uuid in usual.left]


async def test_a_second_resource_behind_a_repeat_is_removed_too() -> None:
    """It is deprovisioned as often as it was accepted."""
    async with listening(DoublesRepeats) as provider:
        report = await judge_there(provider, selection=select("repeat"))

        assert isinstance(provider, DoublesRepeats)
        assert () == report.left
        assert all(resource.is_removed for resource in provider.resources.values())
        assert set(provider.rows.values()) <= {0, 1}
