"""The life of an add-on as Heroku runs it: what the partner may answer, plan changes, the end of it."""

import asyncio
import re
from datetime import timedelta

import pytest
from starlette.responses import Response

from emulator.partner import RawPartner, Reaction, Received, accept_for_later, answer
from emulator.wire import Wire
from headrace.emulator import Emulator
from headrace.models import State
from headrace.protocol.partner import parse_provision

BASIC = {"plan": {"name": "acme-search:basic"}}


async def test_a_provision_not_marked_in_twelve_hours_is_removed(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    acme.reactions["POST"] = accept_for_later
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    refresh = (await wire.exchange(acme.received[0].body["oauth_grant"]["code"])).body["refresh_token"]
    heroku.clock.advance(timedelta(hours=11, minutes=59))
    assert addon.id in heroku.state.addons
    heroku.clock.advance(timedelta(minutes=2))

    assert addon.id not in heroku.state.addons
    assert "deprovisioned" == addon.state
    assert (401, "unauthorized") == (await wire.refresh(refresh)).error


@pytest.mark.parametrize("status", [422, 503])
async def test_a_refusal_is_shown_to_the_customer(acme: RawPartner, wire: Wire, status: int) -> None:
    acme.reactions["POST"] = answer(status, {"message": "Not in this region."})
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert (422, "Not in this region.") == (reply.status, reply.body["message"])
    assert [] == (await wire.get("/addons")).body
    assert {} == (await wire.get("/apps/storefront/config-vars")).body


@pytest.mark.parametrize(
    ("reaction", "status", "why"),
    [
        (answer(500, {"message": "stack trace"}), 503, "answered 500."),
        (answer(401, {"message": "who?"}), 422, "answered 401."),
        (answer(410, raw=b""), 422, "answered 410."),
        (answer(302, {"id": "x"}), 422, "answered 302."),
        (answer(200, raw=b"{nope"), 422, "no JSON object"),
        (answer(200, ["id"]), 422, "no JSON object"),
        (answer(200, {"config": {}}), 422, "no id that is text"),
        (answer(200, {"id": True}), 422, "no id that is text"),
        (answer(200, {"id": "x", "config": ["s3cret"]}), 422, "config is no object"),
        (answer(200, {"id": "x", "config": {"OTHER_URL": "https://s3cret"}}), 422, "does not declare OTHER_URL"),
        (answer(200, {"id": "x", "config": {"ACME_SEARCH_URL": 7}}), 422, "value of ACME_SEARCH_URL is no text"),
    ],
)
async def test_a_bad_answer_fails_the_provision_in_general_words(
    heroku: Emulator, acme: RawPartner, wire: Wire, reaction: Reaction, status: int, why: str
) -> None:
    """The message is the customer's; why it was is beside it for the partner, in answer and log, without a value."""
    acme.reactions["POST"] = reaction
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert status == reply.status
    assert reply.body["message"].startswith("Could not")
    assert why in reply.body["detail"]
    assert "s3cret" not in reply.body["detail"]
    assert str(heroku.traffic[-1]).endswith(f"({reply.body['detail']})")
    assert [] == (await wire.get("/apps/storefront/addons")).body


async def test_a_partner_that_is_too_slow_is_cut_off(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    gate = asyncio.Event()

    async def hang(_received: Received) -> Response:
        await gate.wait()
        return Response()

    acme.reactions["POST"] = hang
    heroku.switches.cut_off = timedelta(milliseconds=50)
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)
    gate.set()

    assert (503, "unavailable") == reply.error
    assert [None] == [exchange.status for exchange in heroku.traffic if exchange.direction == "to partner"]


async def test_a_failed_provision_can_be_sent_again_and_cleaned_up(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    acme.reactions["POST"] = answer(500, {})
    heroku.switches.provision_retry_count = 2
    heroku.switches.delete_after_failure = True
    await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert ["POST", "POST", "POST", "DELETE"] == [received.method for received in acme.received]
    assert 1 == len({received.raw for received in acme.received[:3]})


async def test_the_identical_request_can_be_delivered_again(heroku: Emulator, acme: RawPartner) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic", user="ada@lumen.example")
    answers = await heroku.send_provision(addon, times=2)
    await heroku.settle()

    assert [200, 200] == [status for status, _ in answers]
    assert 1 == len({received.raw for received in acme.received})


async def test_the_articles_legacy_body_has_no_grant(heroku: Emulator, acme: RawPartner) -> None:
    heroku.switches.legacy_body = True
    await heroku.create_addon("storefront", "acme-search:basic")
    body = acme.received[0].body

    assert {"heroku_id", "plan", "region", "callback_url", "options", "uuid"} == set(body)
    assert re.fullmatch(r"app\d+@heroku\.com", body["heroku_id"])
    assert f"{heroku.url}/vendor/apps/{body['heroku_id']}" == body["callback_url"]
    assert parse_provision(acme.received[0].raw).grant is None


async def test_a_plan_change_asks_the_partner(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    path = f"/apps/storefront/addons/{addon.name}"
    reply = await wire.send("PATCH", path, json={"plan": {"name": "acme-search:premium"}}, Accept_Expansion="plan")
    asked = acme.received[-1]

    assert ("PUT", f"/heroku/resources/{addon.id}", {"plan": "premium"}) == (asked.method, asked.path, asked.body)
    assert (200, "acme-search:premium", 19900) == (
        reply.status,
        reply.body["plan"]["name"],
        reply.body["plan"]["price"]["cents"],
    )


async def test_a_plan_change_that_the_partner_refuses_leaves_the_plan(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    acme.reactions["PUT"] = answer(422, {"message": "Your index is too large."})
    reply = await wire.send("PATCH", f"/apps/storefront/addons/{addon.id}", json={"plan": "acme-search:free"})

    assert (422, "Your index is too large.") == (reply.status, reply.body["message"])
    assert "basic" == addon.plan.name


async def test_a_plan_change_may_bring_new_config_vars(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    acme.reactions["PUT"] = answer(200, {"config": {"ACME_SEARCH_URL": "https://in.acme/large"}, "message": "Moved"})
    await heroku.change_plan(addon, "premium")

    assert {"ACME_SEARCH_URL": "https://in.acme/large"} == (await wire.get("/apps/storefront/config-vars")).body
    assert "Moved" == addon.message


async def test_an_unknown_plan_is_refused_in_the_words_the_cli_knows(wire: Wire) -> None:
    reply = await wire.send("POST", "/apps/storefront/addons", json={"plan": "acme-search:nonsense"})

    assert 422 == reply.status
    assert reply.body["message"].startswith("Couldn't find either the add-on")


async def test_a_service_alone_means_its_default_plan(wire: Wire) -> None:
    reply = await wire.send("POST", "/apps/storefront/addons", json={"plan": "acme-search"})

    assert "acme-search:free" == reply.body["plan"]["name"]


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_a_deprovision_ends_everything(heroku: Emulator, acme: RawPartner, wire: Wire, status: int) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])
    acme.reactions["DELETE"] = answer(status, raw=b"")
    releases = len((await wire.get("/apps/storefront/releases")).body)
    reply = await wire.send("DELETE", f"/apps/storefront/addons/{addon.id}", json={"force": False})

    assert (200, "deprovisioned") == (reply.status, reply.body["state"])
    assert ("DELETE", f"/heroku/resources/{addon.id}") == (acme.received[-1].method, acme.received[-1].path)
    assert 404 == (await wire.get(f"/addons/{addon.id}")).status
    assert (401, "unauthorized") == (await wire.get(f"/addons/{addon.id}", token=token)).error
    assert {} == (await wire.get("/apps/storefront/config-vars")).body
    assert releases + 1 == len((await wire.get("/apps/storefront/releases")).body)


async def test_a_deprovision_that_fails_leaves_the_add_on(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    acme.reactions["DELETE"] = answer(503, {"message": "A backup is running."})
    reply = await wire.send("DELETE", f"/apps/storefront/addons/{addon.id}")

    assert (503, "A backup is running.") == (reply.status, reply.body["message"])
    assert 200 == (await wire.get(f"/addons/{addon.id}")).status


async def test_an_app_that_is_destroyed_takes_its_add_ons_along(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    reply = await wire.send("DELETE", "/apps/storefront")

    assert 200 == reply.status
    assert ["POST", "DELETE"] == [received.method for received in acme.received]
    assert addon.id not in heroku.state.addons


async def test_twelve_hours_pass_in_a_moment(heroku: Emulator, acme: RawPartner) -> None:
    """An add-on that nobody marks provisioned goes by itself when its limit is over (contract §3)."""
    acme.reactions["POST"] = accept_for_later
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.clock.advance(timedelta(hours=11, minutes=59))
    before = addon.state
    heroku.clock.run(1_000_000)
    async with asyncio.timeout(60):
        while addon.state is not State.DEPROVISIONED:
            await asyncio.sleep(0)

    assert State.PROVISIONING == before
    assert addon.id not in heroku.state.addons


async def test_an_id_that_is_a_number_is_taken_as_its_digits(acme: RawPartner, wire: Wire) -> None:
    """It should be text; Heroku's first documents had a number, and providers of then are still served."""
    acme.reactions["POST"] = answer(200, {"id": 4213, "config": {}})
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert (201, "4213") == (reply.status, reply.body["provider_id"])
