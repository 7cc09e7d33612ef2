from datetime import timedelta
from typing import Any

import pytest

from emulator.partner import RawPartner
from emulator.wire import CLIENT_SECRET, Wire
from headrace.emulator import Emulator

CLIENT = {"name": "deploy-bot", "redirect_uri": "https://bot.example/callback"}


async def authorize(wire: Wire, **body: object) -> dict[str, Any]:
    made: dict[str, Any] = (await wire.send("POST", "/oauth/authorizations", json=body)).body
    return made


async def test_a_created_authorization_is_a_token_of_its_user(wire: Wire) -> None:
    made = await wire.send("POST", "/oauth/authorizations", json={"scope": ["read"], "description": "for CI"})
    account = await wire.get("/account", token=made.body["access_token"]["token"])

    assert (201, "for CI", ["read"]) == (made.status, made.body["description"], made.body["scope"])
    assert made.body["access_token"]["expires_in"] is None
    assert (200, "ada@lumen.example") == (account.status, account.body["email"])


async def test_the_token_of_the_world_stands_in_the_list_of_its_owner_only(wire: Wire) -> None:
    """The CLI's auth:token looks for the token it was given."""
    made = await authorize(wire)
    found = (await wire.get("/oauth/authorizations")).body
    others = (await wire.get("/oauth/authorizations", token="grace-token")).body

    assert {"ada-token", made["access_token"]["token"]} == {entry["access_token"]["token"] for entry in found}
    assert ["grace-token"] == [entry["access_token"]["token"] for entry in others]
    assert 404 == (await wire.get(f"/oauth/authorizations/{made['id']}", token="grace-token")).status


@pytest.mark.parametrize("seconds", [600, "600"])
async def test_an_authorization_expires_by_the_clock_of_the_emulator(
    heroku: Emulator, wire: Wire, seconds: int | str
) -> None:
    heroku.clock.freeze()
    made = await authorize(wire, expires_in=seconds)
    token = made["access_token"]["token"]
    heroku.clock.advance(timedelta(seconds=599))
    before = (await wire.get("/account", token=token)).status
    heroku.clock.advance(timedelta(seconds=1))
    shown = (await wire.get(f"/oauth/authorizations/{made['id']}")).body

    assert (600, 200) == (made["access_token"]["expires_in"], before)
    assert (401, "unauthorized") == (await wire.get("/account", token=token)).error
    assert 0 == shown["access_token"]["expires_in"]


async def test_a_revoked_authorization_is_worth_nothing(wire: Wire) -> None:
    made = await authorize(wire)
    path = f"/oauth/authorizations/{made['id']}"

    assert 200 == (await wire.send("DELETE", path)).status
    assert (401, "unauthorized") == (await wire.get("/account", token=made["access_token"]["token"])).error
    assert (404, "not_found") == (await wire.get(path)).error


async def test_regenerated_tokens_replace_the_old_ones(wire: Wire) -> None:
    made = await authorize(wire, expires_in=60)
    renewed = await wire.send("POST", f"/oauth/authorizations/{made['id']}/actions/regenerate-tokens")
    old, new = (body["access_token"]["token"] for body in (made, renewed.body))

    assert (200, made["id"]) == (renewed.status, renewed.body["id"])
    assert [401, 200] == [(await wire.get("/account", token=token)).status for token in (old, new)]


async def test_an_authorization_is_handed_to_a_client_whose_secret_is_known(wire: Wire) -> None:
    client = (await wire.send("POST", "/oauth/clients", json=CLIENT)).body
    made = await authorize(wire)
    path = f"/oauth/authorizations/{made['id']}"
    wrong = await wire.send("PATCH", path, json={"client": {"id": client["id"], "secret": "guess"}})
    right = await wire.send(
        "PATCH", path, json={"client": {"id": client["id"], "secret": client["secret"]}, "description": "bot"}
    )

    assert (422, "invalid_params") == wrong.error
    assert ("bot", {"id": client["id"], **CLIENT}) == (right.body["description"], right.body["client"])


@pytest.mark.parametrize(
    "body", [{"scope": ["everything"]}, {"scope": []}, {"expires_in": -1}, {"expires_in": "x"}, {"description": 7}]
)
async def test_an_authorization_that_makes_no_sense_is_refused(wire: Wire, body: dict[str, object]) -> None:
    assert (422, "invalid_params") == (await wire.send("POST", "/oauth/authorizations", json=body)).error


async def test_a_client_is_changed_rotated_and_removed(wire: Wire) -> None:
    made = (await wire.send("POST", "/oauth/clients", json=CLIENT)).body
    path = f"/oauth/clients/{made['id']}"
    token = (await authorize(wire, client=made["id"]))["access_token"]["token"]
    renamed = (await wire.send("PATCH", path, json={"name": "bot"})).body
    rotated = (await wire.send("POST", f"{path}/actions/rotate-credentials")).body

    assert ("bot", made["redirect_uri"], made["secret"]) == tuple(
        renamed[name] for name in ("name", "redirect_uri", "secret")
    )
    assert made["secret"] != rotated["secret"]
    assert [rotated] == (await wire.get("/oauth/clients")).body
    assert (403, "forbidden") == (await wire.get(path, token="grace-token")).error
    assert 200 == (await wire.send("DELETE", path)).status
    assert (401, "unauthorized") == (await wire.get("/account", token=token)).error
    assert (404, "not_found") == (await wire.get(path)).error


async def test_a_partners_token_reads_no_authorizations(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])

    assert (403, "forbidden") == (await wire.get("/oauth/authorizations", token=token)).error


async def test_the_api_host_issues_tokens_as_the_id_host_asks_for_them(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """The id host sends on what it is asked, and is answered 201 (contract §2.3)."""
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    code, client = acme.received[0].body["oauth_grant"]["code"], {"secret": CLIENT_SECRET}
    grant = {"code": code, "type": "authorization_code"}
    first = await wire.send("POST", "/oauth/tokens", token=None, json={"client": client, "grant": grant})
    refresh = {"grant": {"type": "refresh_token"}, "refresh_token": {"token": first.body["refresh_token"]["token"]}}
    second = await wire.send("POST", "/oauth/tokens", token=None, json={"client": client} | refresh)

    assert (201, 201, grant, 28799) == (
        first.status,
        second.status,
        first.body["grant"],
        first.body["access_token"]["expires_in"],
    )
    for reply in (first, second):
        token = reply.body["access_token"]["token"]
        assert 200 == (await wire.get(f"/addons/{addon.id}", token=token)).status


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"client": {"secret": "wrong"}, "grant": {"code": "x"}}, (401, "unauthorized")),
        ({"client": {"secret": CLIENT_SECRET}, "grant": {"code": "x"}}, (401, "unauthorized")),
        ({"client": {"secret": CLIENT_SECRET}}, (422, "invalid_params")),
        ({"client": "text"}, (400, "bad_request")),
    ],
)
async def test_the_api_host_refuses_tokens_as_the_id_host_does(
    wire: Wire, body: dict[str, object], error: tuple[int, str]
) -> None:
    assert error == (await wire.send("POST", "/oauth/tokens", token=None, json=body)).error


async def test_the_traffic_shows_no_token_of_a_user(heroku: Emulator, wire: Wire) -> None:
    client = (await wire.send("POST", "/oauth/clients", json=CLIENT)).body
    token = (await authorize(wire, client=client["id"]))["access_token"]["token"]
    kept = [text for exchange in heroku.traffic for text in (exchange.request, exchange.response)]

    assert not [text for text in kept if token in text or client["secret"] in text]
