from datetime import timedelta
from html import unescape
from re import findall

import pytest

from headrace.emulator import Emulator
from headrace.errors import SsoRejected
from headrace.models import Secret
from headrace.protocol.sso import verify_sso

from .acme import Wire

SALT = Secret("acme-sso-salt")


def read_page(html: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in findall(r'name="([^"]+)" value="([^"]*)"', html)}


async def test_the_launch_page_posts_a_login_that_verifies(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    web_url = (await wire.get(f"/addons/{addon.id}")).body["web_url"]
    page = await wire.get(web_url.removeprefix(heroku.url), token=None)
    login = verify_sso(read_page(page.raw.decode()), salt=SALT, now=heroku.clock.now())

    assert "text/html; charset=utf-8" == page.headers["Content-Type"]
    assert (addon.id, "ada@lumen.example", "storefront") == (login.resource_id, login.email, login.app)
    assert login.is_user_proven


async def test_another_person_can_be_named_and_extra_values_pass_through(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    path = f"/sso/apps/storefront/addons/{addon.name}?user=grace@lumen.example&tab=%22%3Ckeys"
    form = read_page((await wire.get(path, token=None)).raw.decode())

    assert ("grace@lumen.example", '"<keys') == (form["email"], form["tab"])
    assert verify_sso(form, salt=SALT, now=heroku.clock.now()).is_user_proven


async def test_the_form_comes_as_json_too(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    reply = await wire.get(f"/apps/storefront/addons/{addon.id}/sso")

    assert ("post", addon.service.manifest.sso_url) == (reply.body["method"], reply.body["action"])
    assert "ada@lumen.example" == verify_sso(reply.body["params"], salt=SALT, now=heroku.clock.now()).email


@pytest.mark.parametrize(("switch", "reason"), [("sso_is_stale", "stale"), ("sso_has_bad_token", "bad_token")])
async def test_a_login_can_be_made_wrong(heroku: Emulator, switch: str, reason: str) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    setattr(heroku.switches, switch, True)
    _, form = heroku.sso_form(addon, "ada@lumen.example")

    with pytest.raises(SsoRejected) as caught:
        verify_sso(form, salt=SALT, now=heroku.clock.now())
    assert reason == caught.value.reason


async def test_the_user_scoped_token_can_be_left_out(heroku: Emulator) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.switches.sso_has_user_token = False
    url, form = heroku.sso_form(addon)

    assert addon.service.manifest.sso_url == url
    assert not verify_sso(form, salt=SALT, now=heroku.clock.now()).is_user_proven


async def test_the_stamp_follows_the_emulators_clock(heroku: Emulator) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    real = heroku.clock.now()
    heroku.clock.advance(timedelta(hours=1))
    _, form = heroku.sso_form(addon)

    assert int(form["timestamp"]) - real.timestamp() >= 3599


async def test_there_is_no_login_for_an_add_on_elsewhere(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")

    assert (404, "not_found") == (await wire.get(f"/sso/apps/ledger-api/addons/{addon.id}", token=None)).error
