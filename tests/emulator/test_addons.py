import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from starlette.responses import JSONResponse, Response

from headrace.emulator import Declined, Emulator
from headrace.protocol.partner import parse_provision

from .acme import Acme, Reaction, Received, Wire, accept_for_later, answer

BASIC = {"plan": {"name": "acme-search:basic"}}


async def test_a_customer_creates_an_add_on_and_the_partner_is_asked_as_heroku_asks(
    heroku: Emulator, acme: Acme, wire: Wire
) -> None:
    reply = await wire.send(
        "POST", "/apps/storefront/addons", json=BASIC | {"config": {"sample-rate": 10, "verbose": True}}
    )
    [received] = acme.received
    body, addon = received.body, reply.body

    assert (201, "provisioned", addon["id"]) == (reply.status, addon["state"], addon["provider_id"])
    assert ["ACME_SEARCH_URL"] == addon["config_vars"]
    assert "Welcome" == addon["provision_message"]
    assert ("POST", "/heroku/resources") == (received.method, received.path)
    assert "Basic YWNtZS1zZWFyY2g6YWNtZS1tYW5pZmVzdC1wYXNzd29yZA==" == received.headers["authorization"]
    assert "application/vnd.heroku-addons+json; version=3" == received.headers["accept"]
    assert (addon["id"], addon["name"], "basic") == (body["uuid"], body["name"], body["plan"])
    assert re.fullmatch(r"acme-search-[a-z]+-\d{5}", addon["name"])
    assert "amazon-web-services::us-east-1" == body["region"]
    assert {"sample-rate": "10", "verbose": "true"} == body["options"]
    assert f"{heroku.url}/addons/{addon['id']}" == body["callback_url"]
    assert re.search(r"[+-]\d\d:\d\d$", body["oauth_grant"]["expires_at"])
    assert parse_provision(received.raw).grant is not None


async def test_a_synchronous_provision_sets_config_vars_in_a_release(wire: Wire) -> None:
    before = len((await wire.get("/apps/storefront/releases")).body)
    addon = (await wire.send("POST", "/apps/storefront/addons", json=BASIC)).body
    after = (await wire.get("/apps/storefront/releases")).body

    assert {"ACME_SEARCH_URL": f"https://in.acme/{addon['id']}"} == (
        await wire.get("/apps/storefront/config-vars")
    ).body
    assert before + 1 == len(after)
    assert ["acme-search:basic"] == after[-1]["addon_plan_names"]


async def test_the_partner_may_use_its_grant_before_it_answers(acme: Acme, wire: Wire) -> None:
    seen: dict[str, Any] = {}

    async def look_first(received: Received) -> Response:
        token = await wire.authorize(received)
        seen.update((await wire.get(f"/addons/{received.body['uuid']}", token=token)).body)
        return JSONResponse({"id": "one"}, 201)

    acme.reactions["POST"] = look_first
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert ("provisioning", "storefront") == (seen["state"], seen["app"]["name"])
    assert (201, "one") == (reply.status, reply.body["provider_id"])


async def test_an_asynchronous_provision_is_finished_by_the_partner(acme: Acme, wire: Wire) -> None:
    """Config vars show at once, but apps restart only when the add-on is marked (contract §3)."""
    acme.reactions["POST"] = accept_for_later
    created = (await wire.send("POST", "/apps/storefront/addons", json=BASIC)).body
    token, path = await wire.authorize(acme.received[0]), f"/addons/{created['id']}"
    config = {"config": [{"name": "ACME_SEARCH_URL", "value": "https://in.acme/9"}]}
    patched = await wire.send("PATCH", f"{path}/config", token=token, json=config)
    waiting = len((await wire.get("/apps/storefront/releases")).body)
    marked = await wire.send("POST", f"{path}/actions/provision", token=token)

    assert "provisioning" == created["state"]
    assert (200, config["config"]) == (patched.status, patched.body)
    assert {"ACME_SEARCH_URL": "https://in.acme/9"} == (await wire.get("/apps/storefront/config-vars")).body
    assert (200, "provisioned") == (marked.status, marked.body["state"])
    assert waiting + 1 == len((await wire.get("/apps/storefront/releases")).body)


async def test_a_partner_may_give_up(acme: Acme, wire: Wire) -> None:
    acme.reactions["POST"] = accept_for_later
    created = (await wire.send("POST", "/apps/storefront/addons", json=BASIC)).body
    token, path = await wire.authorize(acme.received[0]), f"/addons/{created['id']}"

    assert 200 == (await wire.send("POST", f"{path}/actions/deprovision", token=token)).status
    assert 404 == (await wire.get(path)).status
    assert (401, "unauthorized") == (await wire.get(path, token=token)).error


async def test_a_provision_not_marked_in_twelve_hours_is_removed(heroku: Emulator, acme: Acme, wire: Wire) -> None:
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
async def test_a_refusal_is_shown_to_the_customer(acme: Acme, wire: Wire, status: int) -> None:
    acme.reactions["POST"] = answer(status, {"message": "Not in this region."})
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert (422, "Not in this region.") == (reply.status, reply.body["message"])
    assert [] == (await wire.get("/addons")).body
    assert {} == (await wire.get("/apps/storefront/config-vars")).body


@pytest.mark.parametrize(
    ("reaction", "status"),
    [
        (answer(500, {"message": "stack trace"}), 503),
        (answer(401, {"message": "who?"}), 422),
        (answer(410, raw=b""), 422),
        (answer(302, {"id": "x"}), 422),
        (answer(200, raw=b"{nope"), 422),
        (answer(200, ["id"]), 422),
        (answer(200, {"config": {}}), 422),
        (answer(200, {"id": 7}), 422),
        (answer(200, {"id": "x", "config": {"OTHER_URL": "https://x"}}), 422),
        (answer(200, {"id": "x", "config": {"ACME_SEARCH_URL": 7}}), 422),
    ],
)
async def test_a_bad_answer_fails_the_provision_in_general_words(
    acme: Acme, wire: Wire, reaction: Reaction, status: int
) -> None:
    acme.reactions["POST"] = reaction
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert status == reply.status
    assert reply.body["message"].startswith("Could not")
    assert [] == (await wire.get("/apps/storefront/addons")).body


async def test_a_partner_that_is_too_slow_is_cut_off(heroku: Emulator, acme: Acme, wire: Wire) -> None:
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


async def test_a_failed_provision_can_be_sent_again_and_cleaned_up(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    acme.reactions["POST"] = answer(500, {})
    heroku.switches.provision_retry_count = 2
    heroku.switches.delete_after_failure = True
    await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert ["POST", "POST", "POST", "DELETE"] == [received.method for received in acme.received]
    assert 1 == len({received.raw for received in acme.received[:3]})


async def test_the_identical_request_can_be_delivered_again(heroku: Emulator, acme: Acme) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic", user="ada@lumen.example")
    answers = await heroku.send_provision(addon, times=2)
    await heroku.settle()

    assert [200, 200] == [status for status, _ in answers]
    assert 1 == len({received.raw for received in acme.received})


async def test_the_articles_legacy_body_has_no_grant(heroku: Emulator, acme: Acme) -> None:
    heroku.switches.legacy_body = True
    await heroku.create_addon("storefront", "acme-search:basic")
    body = acme.received[0].body

    assert {"heroku_id", "plan", "region", "callback_url", "options", "uuid"} == set(body)
    assert re.fullmatch(r"app\d+@heroku\.com", body["heroku_id"])
    assert f"{heroku.url}/vendor/apps/{body['heroku_id']}" == body["callback_url"]
    assert parse_provision(acme.received[0].raw).grant is None


async def test_a_plan_change_asks_the_partner(heroku: Emulator, acme: Acme, wire: Wire) -> None:
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


async def test_a_plan_change_that_the_partner_refuses_leaves_the_plan(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    acme.reactions["PUT"] = answer(422, {"message": "Your index is too large."})
    reply = await wire.send("PATCH", f"/apps/storefront/addons/{addon.id}", json={"plan": "acme-search:free"})

    assert (422, "Your index is too large.") == (reply.status, reply.body["message"])
    assert "basic" == addon.plan.name


async def test_a_plan_change_may_bring_new_config_vars(heroku: Emulator, acme: Acme, wire: Wire) -> None:
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
async def test_a_deprovision_ends_everything(heroku: Emulator, acme: Acme, wire: Wire, status: int) -> None:
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


async def test_a_deprovision_that_fails_leaves_the_add_on(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    acme.reactions["DELETE"] = answer(503, {"message": "A backup is running."})
    reply = await wire.send("DELETE", f"/apps/storefront/addons/{addon.id}")

    assert (503, "A backup is running.") == (reply.status, reply.body["message"])
    assert 200 == (await wire.get(f"/addons/{addon.id}")).status


async def test_an_app_that_is_destroyed_takes_its_add_ons_along(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    reply = await wire.send("DELETE", "/apps/storefront")

    assert 200 == reply.status
    assert ["POST", "DELETE"] == [received.method for received in acme.received]
    assert addon.id not in heroku.state.addons


async def test_a_partner_sets_only_what_its_manifest_declares(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token, path = await wire.authorize(acme.received[0]), f"/addons/{addon.id}/config"
    body = {"config": [{"name": "OTHER_URL", "value": "https://x"}]}

    assert (422, "invalid_params") == (await wire.send("PATCH", path, token=token, json=body)).error


async def test_config_vars_of_a_provisioned_add_on_restart_its_apps(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.attach(addon, "storefront-staging", "SECOND")
    token = await wire.authorize(acme.received[0])
    counts = [len(heroku.state.apps[name].releases) for name in ("storefront", "storefront-staging")]
    body = {"config": [{"name": "ACME_SEARCH_URL", "value": "https://in.acme/new"}]}
    await wire.send("PATCH", f"/addons/{addon.id}/config", token=token, json=body)

    assert {"SECOND_URL": "https://in.acme/new"} == (await wire.get("/apps/storefront-staging/config-vars")).body
    assert [count + 1 for count in counts] == [
        len(heroku.state.apps[name].releases) for name in ("storefront", "storefront-staging")
    ]


async def test_null_removes_a_config_var(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])
    body = {"config": [{"name": "ACME_SEARCH_URL", "value": None}]}

    assert [] == (await wire.send("PATCH", f"/addons/{addon.id}/config", token=token, json=body)).body
    assert {} == (await wire.get("/apps/storefront/config-vars")).body


async def test_a_customer_cannot_overwrite_what_an_add_on_set(heroku: Emulator, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    reply = await wire.send("PATCH", "/apps/storefront/config-vars", json={"ACME_SEARCH_URL": "mine"})

    assert (422, "invalid_params") == reply.error


async def test_a_partners_token_reaches_its_own_apps_and_no_other(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    neighbour = await heroku.create_addon("storefront", "acme-search:free")
    stranger = await heroku.create_addon("ledger-api", "acme-search:free")
    token = await wire.authorize(acme.received[0])

    assert {addon.id, neighbour.id} == {found["id"] for found in (await wire.get("/addons", token=token)).body}
    assert ["storefront"] == [app["name"] for app in (await wire.get("/apps", token=token)).body]
    assert 200 == (await wire.get("/teams/lumen/members", token=token)).status
    for path in (
        f"/addons/{stranger.id}",
        "/apps/ledger-api",
        "/apps/ledger-api/collaborators",
        "/teams/orbit/members",
    ):
        assert (403, "forbidden") == (await wire.get(path, token=token)).error


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account"),
        ("GET", "/apps/storefront/config-vars"),
        ("GET", "/apps/storefront/releases"),
        ("POST", "/apps"),
        ("DELETE", "/apps/storefront"),
        ("POST", "/apps/storefront/addons"),
        ("PATCH", "/apps/storefront/config-vars"),
    ],
)
async def test_a_partners_token_is_refused_elsewhere(
    heroku: Emulator, acme: Acme, wire: Wire, method: str, path: str
) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])

    assert (403, "forbidden") == (await wire.send(method, path, token=token)).error


async def test_a_partner_changes_its_own_add_on_only(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    neighbour = await heroku.create_addon("storefront", "acme-search:free")
    token, path = await wire.authorize(acme.received[0]), f"/addons/{neighbour.id}"

    assert 200 == (await wire.get(path, token=token)).status
    assert 403 == (await wire.send("PATCH", f"{path}/config", token=token, json={"config": []})).status
    assert 403 == (await wire.send("POST", f"{path}/actions/deprovision", token=token)).status
    assert 403 == (await wire.send("POST", f"{path}/actions/provision")).status


async def test_add_ons_are_resolved_by_service_name_attachment_and_id(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    keys = (addon.id, addon.name, "acme-search", "ACME_SEARCH", "storefront::ACME_SEARCH")
    found = [
        (await wire.send("POST", "/actions/addons/resolve", json={"addon": key, "app": "storefront"})).body
        for key in keys
    ]
    missing = await wire.send("POST", "/actions/addons/resolve", json={"addon": "nothing", "app": None})

    assert [[addon.id]] * 5 == [[resolved["id"] for resolved in reply] for reply in found]
    assert (404, "add_on") == (missing.status, missing.body["resource"])


async def test_an_add_on_is_attached_to_a_second_app_under_another_name(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    made = await wire.send(
        "POST", "/addon-attachments", json={"addon": addon.name, "app": "storefront-staging", "name": "SECOND"}
    )
    listed = await wire.get(f"/addons/{addon.id}/addon-attachments")

    assert (201, "SECOND") == (made.status, made.body["name"])
    assert {"ACME_SEARCH", "SECOND"} == {attachment["name"] for attachment in listed.body}
    assert ["SECOND_URL"] == list((await wire.get("/apps/storefront-staging/config-vars")).body)
    assert 200 == (await wire.send("DELETE", f"/addon-attachments/{made.body['id']}")).status
    assert {} == (await wire.get("/apps/storefront-staging/config-vars")).body


async def test_the_python_surface_declines_as_heroku_does(heroku: Emulator, acme: Acme) -> None:
    acme.reactions["POST"] = answer(422, {"message": "Full."})

    with pytest.raises(Declined, match="Full"):
        await heroku.create_addon("storefront", "acme-search:basic")
    with pytest.raises(Declined, match="does not have access"):
        await heroku.create_addon("storefront", "acme-search:basic", user="linus@orbit.example")


async def test_a_grant_dies_five_minutes_after_the_request(heroku: Emulator, acme: Acme) -> None:
    heroku.clock.freeze(datetime.fromisoformat("2026-11-23T18:00:00+00:00"))
    await heroku.create_addon("storefront", "acme-search:basic")

    assert "2026-11-23T10:05:00-08:00" == acme.received[0].body["oauth_grant"]["expires_at"]


async def test_a_provision_can_be_begun_without_telling_the_partner(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    """Whoever sends the request itself has its body, whose grant works; removed again, nothing is left of it."""
    addon = heroku.begin_provision("storefront-staging", "acme-search:basic")
    code = msgspec.json.decode(addon.provision_body)["oauth_grant"]["code"]
    token = (await wire.exchange(code)).body["access_token"]
    shown = await wire.get(f"/addons/{addon.id}", token=token)
    heroku.remove_addon(addon)
    gone = await wire.get(f"/addons/{addon.id}", token=token)

    assert [] == acme.received
    assert (200, "provisioning") == (shown.status, shown.body["state"])
    assert (401, "unauthorized") == gone.error
    assert [addon.id, addon.id, ""] == [exchange.addon_id for exchange in heroku.traffic]
