import re
from base64 import b64encode
from datetime import timedelta

import pytest

from emulator.partner import RawPartner
from emulator.wire import CLIENT_SECRET, Wire
from headrace.emulator import Emulator


@pytest.fixture
async def code(heroku: Emulator, acme: RawPartner) -> str:
    await heroku.create_addon("storefront", "acme-search:basic")
    text: str = acme.received[0].body["oauth_grant"]["code"]
    return text


async def test_a_code_becomes_a_token_of_todays_shape(wire: Wire, code: str) -> None:
    reply = await wire.exchange(code)

    assert 200 == reply.status
    assert re.fullmatch(r"HRKU-AA[0-9A-Za-z_-]{58}", reply.body["access_token"])
    assert (28799, "Bearer", None) == tuple(reply.body[name] for name in ("expires_in", "token_type", "session_nonce"))


async def test_a_code_works_once(wire: Wire, code: str) -> None:
    await wire.exchange(code)

    assert (401, "unauthorized") == (await wire.exchange(code)).error


async def test_a_code_lives_five_minutes(heroku: Emulator, wire: Wire, code: str) -> None:
    heroku.clock.advance(timedelta(minutes=5))

    assert (401, "unauthorized") == (await wire.exchange(code)).error


@pytest.mark.parametrize("place", ["query", "basic"])
async def test_the_secret_may_stand_elsewhere(wire: Wire, code: str, place: str) -> None:
    if place == "query":
        path, headers = f"/oauth/token?code={code}&client_secret={CLIENT_SECRET}", {}
    else:
        header = "Basic " + b64encode(f":{CLIENT_SECRET}".encode()).decode()
        path, headers = f"/oauth/token?code={code}", {"Authorization": header}

    assert 200 == (await wire.send("POST", path, token=None, **headers)).status


async def test_a_wrong_secret_is_answered_401_and_spends_nothing(wire: Wire, code: str) -> None:
    assert (401, "unauthorized") == (await wire.exchange(code, client_secret="wrong")).error
    assert 200 == (await wire.exchange(code)).status


@pytest.mark.parametrize("missing", ["code", "client_secret"])
async def test_a_missing_field_is_answered_422(wire: Wire, code: str, missing: str) -> None:
    reply = await wire.exchange(code, **{missing: ""})

    assert (422, "invalid_params") == reply.error
    assert f"{missing} is required." == reply.body["message"]


async def test_an_access_token_lives_as_long_as_it_said(heroku: Emulator, wire: Wire, code: str) -> None:
    heroku.clock.freeze()
    token = (await wire.exchange(code)).body["access_token"]
    heroku.clock.advance(timedelta(seconds=28798))
    assert 200 == (await wire.get("/apps", token=token)).status
    heroku.clock.advance(timedelta(seconds=1))

    assert (401, "unauthorized") == (await wire.get("/apps", token=token)).error


async def test_a_refresh_gives_a_new_access_token_and_the_same_refresh_token(wire: Wire, code: str) -> None:
    first = (await wire.exchange(code)).body
    second = (await wire.refresh(first["refresh_token"])).body

    assert first["refresh_token"] == second["refresh_token"]
    assert 200 == (await wire.get("/apps", token=second["access_token"])).status


async def test_a_refresh_token_can_be_made_to_rotate(heroku: Emulator, wire: Wire, code: str) -> None:
    heroku.switches.rotate_refresh = True
    first = (await wire.exchange(code)).body
    second = (await wire.refresh(first["refresh_token"])).body

    assert first["refresh_token"] != second["refresh_token"]
    assert (401, "unauthorized") == (await wire.refresh(first["refresh_token"])).error
    assert 200 == (await wire.refresh(second["refresh_token"])).status


async def test_tokens_can_be_ended_early_and_refreshed(heroku: Emulator, wire: Wire, code: str) -> None:
    first = (await wire.exchange(code)).body
    [addon] = heroku.state.addons
    heroku.expire_tokens(addon)

    assert (401, "unauthorized") == (await wire.get("/apps", token=first["access_token"])).error
    assert 200 == (await wire.refresh(first["refresh_token"])).status
