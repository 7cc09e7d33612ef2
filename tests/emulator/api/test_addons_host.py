import json
from datetime import timedelta
from typing import Any

import pytest

from emulator.partner import RawPartner
from emulator.wire import Wire
from headrace.emulator import Emulator, describe
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth


def sign_in(slug: str, password: str) -> str:
    return build_basic_auth(slug, Secret(password))


BASIC = sign_in("acme-search", "acme-manifest-password")
MANIFESTS = "/api/v3/addons/acme-search/manifests"
CURRENT = "/api/v3/addons/acme-search/current_manifest"


async def pull(wire: Wire) -> dict[str, Any]:
    contents: dict[str, Any] = (await wire.get(CURRENT)).body["contents"]
    return contents


async def test_the_install_list_has_every_add_on_of_the_service(heroku: Emulator, wire: Wire) -> None:
    """Its shape is that of the list it replaced, and the app besides (contract §6.3)."""
    first = await heroku.create_addon("storefront", "acme-search:basic")
    second = await heroku.create_addon("billing", "acme-search:free")
    reply = await wire.get("/api/v3/apps", token=None, Authorization=BASIC)

    assert {
        first.id: ("basic", "storefront", first.id, f"{heroku.url}/addons/{first.id}"),
        second.id: ("free", "billing", second.id, f"{heroku.url}/addons/{second.id}"),
    } == {
        entry["resource"]["uuid"]: (entry["plan"], entry["app"]["name"], entry["provider_id"], entry["callback_url"])
        for entry in reply.body
    }
    assert "Link" not in reply.headers


async def test_the_install_list_goes_on_behind_a_link(heroku: Emulator, wire: Wire) -> None:
    state = heroku.state
    plan = state.addon_services["acme-search"].plans["free"]
    for number in range(4001):
        state.add_addon(state.apps["storefront"], plan, name=f"n-{number}")
    first = await wire.get("/api/v3/apps", token=None, Authorization=BASIC)
    link = f"{heroku.url}/api/v3/apps?page=2"
    second = await wire.get("/api/v3/apps?page=2", token=None, Authorization=BASIC)

    assert f'<{link}>; rel="next"' == first.headers["Link"]
    assert "Link" not in second.headers
    assert (4000, ["n-4000"]) == (len(first.body), [entry["resource"]["name"] for entry in second.body])


@pytest.mark.parametrize("path", ["/api/v3/apps", "/vendor/resources/any/oauth-grant"])
@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer ada-token", sign_in("acme-search", "guess"), sign_in("nobody", "any")],
)
async def test_the_manifests_credentials_are_checked(wire: Wire, path: str, authorization: str) -> None:
    assert 401 == (await wire.get(path, token=None, Authorization=authorization)).status


@pytest.mark.parametrize("page", ["0", "-1", "x", "1" * 9])
async def test_a_page_that_makes_no_sense_is_refused(wire: Wire, page: str) -> None:
    reply = await wire.get(f"/api/v3/apps?page={page}", token=None, Authorization=BASIC)

    assert (422, {"error": "page has to be a number from 1."}) == (reply.status, reply.body)


async def test_a_manifest_is_pulled_changed_and_pushed(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """What is pushed is in force at once, under the next revision."""
    contents = await pull(wire)
    contents["api"] |= {"password": "another", "config_vars": ["ACME_SEARCH_URL", "ACME_SEARCH_KEY"]}
    pushed = await wire.send("POST", MANIFESTS, json={"contents": contents})
    await heroku.create_addon("storefront", "acme-search:basic")
    listed = (await wire.get(MANIFESTS)).body

    assert (1, 201, 2) == (contents["$base"], pushed.status, pushed.body["contents"]["$base"])
    assert sign_in("acme-search", "another") == acme.received[0].headers["authorization"]
    assert [2, 1] == [revision["contents"]["$base"] for revision in listed]
    assert pushed.body == (await wire.get(f"{MANIFESTS}/{pushed.body['id']}")).body
    assert pushed.body == (await wire.get(CURRENT)).body
    assert 401 == (await wire.get("/api/v3/apps", token=None, Authorization=BASIC)).status


async def test_a_manifest_with_mistakes_is_refused_with_all_of_them(wire: Wire) -> None:
    contents = await pull(wire)
    contents["api"] |= {"password": "", "regions": []}
    reply = await wire.send("POST", MANIFESTS, json={"contents": contents})

    assert 422 == reply.status
    assert ["api.password", "api.regions"] == [problem.partition(":")[0] for problem in reply.body["error"]["base"]]
    assert 1 == len((await wire.get(MANIFESTS)).body)


@pytest.mark.parametrize(
    ("change", "place"), [({"id": "other"}, "id"), ({"$base": 0}, "$base"), ({"api": 7}, "The manifest")]
)
async def test_a_manifest_keeps_its_slug_and_follows_the_one_in_force(
    wire: Wire, change: dict[str, object], place: str
) -> None:
    contents = await pull(wire)
    if change.get("id"):
        contents["api"] |= {"config_vars": ["OTHER_URL"], "config_vars_prefix": "OTHER"}
    reply = await wire.send("POST", MANIFESTS, json={"contents": contents | change})
    [problem] = reply.body["error"]["base"]

    assert 422 == reply.status
    assert problem.startswith(place)


async def test_the_first_manifest_is_the_one_that_a_service_is_run_with(heroku: Emulator, wire: Wire) -> None:
    """One add-on has one manifest: what is pulled says the prefix that the printed settings say."""
    printed = json.loads(describe(heroku).addon_services[0].settings["HEADRACE_MANIFEST"])
    contents = await pull(wire)

    assert "ACME_SEARCH" == printed["api"]["config_vars_prefix"] == contents["api"]["config_vars_prefix"]


async def test_a_manifest_names_regions_that_there_are(wire: Wire) -> None:
    contents = await pull(wire)
    contents["api"]["regions"] = ["us", "mars"]
    refused = await wire.send("POST", MANIFESTS, json={"contents": contents})
    contents["api"]["regions"] = ["us", "tokyo"]
    taken = await wire.send("POST", MANIFESTS, json={"contents": contents})

    assert (422, {"error": {"base": ["api.regions: there is no region mars."]}}) == (refused.status, refused.body)
    assert 201 == taken.status


async def test_a_manifest_may_be_pushed_without_its_base(wire: Wire) -> None:
    contents = await pull(wire)
    del contents["$base"]

    assert 201 == (await wire.send("POST", MANIFESTS, json={"contents": contents})).status


async def test_a_manifest_needs_an_address_and_no_single_sign_on(wire: Wire) -> None:
    contents = await pull(wire)
    del contents["api"]["production"]["sso_url"]
    taken = await wire.send("POST", MANIFESTS, json={"contents": contents})
    contents = await pull(wire)
    del contents["api"]["production"]["base_url"]
    reply = await wire.send("POST", MANIFESTS, json={"contents": contents})

    problem = "api.production.base_url: missing. Heroku calls your service there."
    assert (201, 422, {"error": {"base": [problem]}}) == (taken.status, reply.status, reply.body)


@pytest.mark.parametrize("raw", [b"{nope", b"[]", b"{}"])
async def test_a_push_without_contents_is_refused(wire: Wire, raw: bytes) -> None:
    reply = await wire.send("POST", MANIFESTS, data=raw)

    assert 422 == reply.status
    assert reply.body["error"]


async def test_manifests_are_for_people(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])

    assert 401 == (await wire.get(CURRENT, token=None)).status
    assert (403, {"error": "This token may not do that."}) == (
        (refused := await wire.get(CURRENT, token=token)).status,
        refused.body,
    )
    assert 404 == (await wire.get("/api/v3/addons/nobody/current_manifest")).status
    assert 404 == (await wire.get(f"{MANIFESTS}/none")).status


async def test_no_secret_of_a_manifest_shows_in_the_traffic(heroku: Emulator, wire: Wire) -> None:
    await wire.send("POST", MANIFESTS, json={"contents": await pull(wire)})
    kept = [text for exchange in heroku.traffic for text in (exchange.request, exchange.response)]

    assert not [text for text in kept if "acme-manifest-password" in text or "acme-sso-salt" in text]


async def test_a_grant_is_had_anew_only_where_heroku_opened_it(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """For add-ons from before there were tokens (contract §2.4)."""
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    path = f"/vendor/resources/{addon.id}/oauth-grant"
    refused = await wire.get(path, token=None, Authorization=BASIC)
    heroku.switches.grant_backfill = True
    grant = (await wire.get(path, token=None, Authorization=BASIC)).body
    token = (await wire.exchange(grant["code"])).body["access_token"]

    assert (403, "forbidden") == refused.error
    assert {"code", "expires_at", "type"} == set(grant)
    assert 200 == (await wire.get(f"/addons/{addon.id}", token=token)).status
    assert (401, "unauthorized") == (await wire.exchange(grant["code"])).error
    assert (404, "not_found") == (
        await wire.get("/vendor/resources/any/oauth-grant", token=None, Authorization=BASIC)
    ).error


async def test_a_grant_had_anew_dies_after_five_minutes_too(heroku: Emulator, wire: Wire) -> None:
    heroku.switches.grant_backfill = True
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    reply = await wire.get(f"/vendor/resources/{addon.id}/oauth-grant", token=None, Authorization=BASIC)
    heroku.clock.advance(timedelta(minutes=5))

    assert (401, "unauthorized") == (await wire.exchange(reply.body["code"])).error
