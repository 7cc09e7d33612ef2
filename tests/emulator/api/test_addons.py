import re
from datetime import datetime
from typing import Any

import msgspec
import pytest
from starlette.responses import JSONResponse, Response

from emulator.partner import RawPartner, Received, accept_for_later, answer
from emulator.wire import Wire
from headrace.emulator import Declined, Emulator
from headrace.protocol.partner import parse_provision

BASIC = {"plan": {"name": "acme-search:basic"}}


async def test_a_customer_creates_an_add_on_and_the_partner_is_asked_as_heroku_asks(
    heroku: Emulator, acme: RawPartner, wire: Wire
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


async def test_the_partner_may_use_its_grant_before_it_answers(acme: RawPartner, wire: Wire) -> None:
    seen: dict[str, Any] = {}

    async def look_first(received: Received) -> Response:
        token = await wire.authorize(received)
        seen.update((await wire.get(f"/addons/{received.body['uuid']}", token=token)).body)
        return JSONResponse({"id": "one"}, 201)

    acme.reactions["POST"] = look_first
    reply = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert ("provisioning", "storefront") == (seen["state"], seen["app"]["name"])
    assert (201, "one") == (reply.status, reply.body["provider_id"])


async def test_an_asynchronous_provision_is_finished_by_the_partner(acme: RawPartner, wire: Wire) -> None:
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


async def test_a_partner_may_give_up(acme: RawPartner, wire: Wire) -> None:
    acme.reactions["POST"] = accept_for_later
    created = (await wire.send("POST", "/apps/storefront/addons", json=BASIC)).body
    token, path = await wire.authorize(acme.received[0]), f"/addons/{created['id']}"

    assert 200 == (await wire.send("POST", f"{path}/actions/deprovision", token=token)).status
    assert 404 == (await wire.get(path)).status
    assert (401, "unauthorized") == (await wire.get(path, token=token)).error


async def test_a_partner_sets_only_what_its_manifest_declares(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token, path = await wire.authorize(acme.received[0]), f"/addons/{addon.id}/config"
    body = {"config": [{"name": "OTHER_URL", "value": "https://x"}]}

    assert (422, "invalid_params") == (await wire.send("PATCH", path, token=token, json=body)).error


async def test_config_vars_of_a_provisioned_add_on_restart_its_apps(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
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


async def test_null_removes_a_config_var(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])
    body = {"config": [{"name": "ACME_SEARCH_URL", "value": None}]}

    assert [] == (await wire.send("PATCH", f"/addons/{addon.id}/config", token=token, json=body)).body
    assert {} == (await wire.get("/apps/storefront/config-vars")).body


async def test_a_customer_cannot_overwrite_what_an_add_on_set(heroku: Emulator, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    reply = await wire.send("PATCH", "/apps/storefront/config-vars", json={"ACME_SEARCH_URL": "mine"})

    assert (422, "invalid_params") == reply.error


async def test_a_partners_token_reaches_its_own_apps_and_no_other(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
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


async def test_a_partners_own_add_on_is_found_by_the_slug_of_its_service(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """As a partner of 2023 asked for it; a customer may have many of a service, and finds none by that."""
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await heroku.create_addon("storefront", "acme-search:free")
    token = await wire.authorize(acme.received[0])
    found = await wire.get("/addons/acme-search", token=token)

    assert (200, addon.id) == (found.status, found.body["id"])
    assert (404, "not_found") == (await wire.get("/addons/acme-search")).error


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
    heroku: Emulator, acme: RawPartner, wire: Wire, method: str, path: str
) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])

    assert (403, "forbidden") == (await wire.send(method, path, token=token)).error


async def test_a_partner_changes_its_own_add_on_only(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
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


async def test_the_python_surface_declines_as_heroku_does(heroku: Emulator, acme: RawPartner) -> None:
    acme.reactions["POST"] = answer(422, {"message": "Full."})

    with pytest.raises(Declined, match="Full"):
        await heroku.create_addon("storefront", "acme-search:basic")
    with pytest.raises(Declined, match="does not have access"):
        await heroku.create_addon("storefront", "acme-search:basic", user="linus@orbit.example")


async def test_a_grant_dies_five_minutes_after_the_request(heroku: Emulator, acme: RawPartner) -> None:
    heroku.clock.freeze(datetime.fromisoformat("2026-11-23T18:00:00+00:00"))
    await heroku.create_addon("storefront", "acme-search:basic")

    assert "2026-11-23T10:05:00-08:00" == acme.received[0].body["oauth_grant"]["expires_at"]


async def test_a_provision_can_be_begun_without_telling_the_partner(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
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


async def test_an_add_on_that_other_apps_use_goes_only_by_force(heroku: Emulator, wire: Wire) -> None:
    """As the CLI's flag says, so that a script without it fails here too."""
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.attach(addon, "storefront-staging")
    path = f"/apps/storefront/addons/{addon.name}"
    kept = await wire.send("DELETE", path, json={"force": False})
    gone = await wire.send("DELETE", path, json={"force": True})

    assert (422, 200) == (kept.status, gone.status)
    assert "storefront-staging" in kept.body["message"]


async def test_a_taken_attachment_is_replaced_when_that_is_confirmed(heroku: Emulator, wire: Wire) -> None:
    """423 asks for the app's name; then the name is the new add-on's, and the old one keeps its other links."""
    old = await heroku.create_addon("storefront", "acme-search:basic")
    new = await heroku.create_addon("storefront-staging", "acme-search:basic")
    heroku.attach(old, "storefront", name="SHARED")
    wanted = {"addon": new.id, "app": "storefront", "name": "SHARED"}
    asked = await wire.send("POST", "/addon-attachments", json=wanted)
    wrong = await wire.send("POST", "/addon-attachments", json=wanted | {"confirm": "storefront-staging"})
    done = await wire.send("POST", "/addon-attachments", json=wanted | {"confirm": "storefront"})

    assert [(423, "confirmation_required")] * 2 == [asked.error, wrong.error]
    assert (201, new.id) == (done.status, done.body["addon"]["id"])
    assert new is heroku.state.apps["storefront"].attachments["SHARED"].addon
    assert ["ACME_SEARCH"] == [link.name for link in old.attachments.values()]


async def test_a_refused_add_on_leaves_the_attachment_that_it_was_to_replace(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    old = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.attach(old, "storefront", name="SHARED")
    acme.reactions["POST"] = answer(422, {"message": "Not today."})
    body = BASIC | {"attachment": {"name": "SHARED"}, "confirm": "storefront"}
    reply = await wire.send("POST", "/apps/storefront/addons", json=body)

    assert 422 == reply.status
    assert old is heroku.state.apps["storefront"].attachments["SHARED"].addon


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/apps/storefront/addons", BASIC | {"name": "Bad Name!!"}),
        ("POST", "/apps/storefront/addons", BASIC | {"name": "1x"}),
        ("POST", "/apps/storefront/addons", BASIC | {"attachment": {"name": "bad name!"}}),
        ("PATCH", "/apps/storefront/addons/{addon}", {"name": "bad name!"}),
        ("POST", "/addon-attachments", {"addon": "{addon}", "app": "storefront-staging", "name": "bad-name"}),
    ],
)
async def test_names_are_written_as_the_schema_has_them(
    heroku: Emulator, wire: Wire, method: str, path: str, body: dict[str, object]
) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    sent = {name: addon.id if value == "{addon}" else value for name, value in body.items()}
    reply = await wire.send(method, path.format(addon=addon.id), json=sent)

    assert (422, "invalid_params") == reply.error
    assert "ame must start with a letter" in reply.body["message"]
