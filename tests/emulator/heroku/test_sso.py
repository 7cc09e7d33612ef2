from dataclasses import replace
from datetime import timedelta
from html import unescape
from re import findall

import pytest

from emulator.wire import Wire
from headrace.emulator import Emulator
from headrace.errors import SsoRejected
from headrace.models import Secret
from headrace.protocol.sso import verify_sso

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


async def test_a_service_without_single_sign_on_has_no_page_to_log_in_at(heroku: Emulator, wire: Wire) -> None:
    service = heroku.state.addon_services["acme-search"]
    service.manifest = replace(service.manifest, sso_url="")
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    shown = (await wire.get(f"/addons/{addon.id}")).body
    form = await wire.get(f"/apps/storefront/addons/{addon.id}/sso")

    assert ("provisioned", None) == (shown["state"], shown["web_url"])
    assert (422, True) == (form.status, "names no sso_url" in form.body["message"])


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


@pytest.mark.parametrize(
    ("app", "person", "status"),
    [
        ("storefront", "ada@lumen.example", 200),
        ("storefront", "grace@lumen.example", 200),
        ("storefront", "linus@orbit.example", 403),
        ("help-centre", "linus@orbit.example", 403),
    ],
)
async def test_the_launch_page_lets_in_whom_heroku_would(
    heroku: Emulator, wire: Wire, app: str, person: str, status: int
) -> None:
    """Collaborators and members of the team, as in the lists that tell who may see the app; others are told why not."""
    addon = await heroku.create_addon(app, "acme-search:basic")
    reply = await wire.get(f"/sso/apps/{app}/addons/{addon.id}?user={person}", token=None)

    assert status == reply.status
    if status == 403:
        assert f"You do not have access to the app {app}" in reply.raw.decode()
        assert "<form" not in reply.raw.decode()


async def test_a_collaborator_of_one_app_is_let_in_there_alone(heroku: Emulator, wire: Wire) -> None:
    """And not to its neighbours in the pipeline."""
    linus = heroku.state.find_user("linus@orbit.example")
    assert linus is not None
    heroku.state.add_collaborator(heroku.find_app("storefront"), linus)
    statuses = []
    for app in ("storefront", "storefront-staging"):
        addon = await heroku.create_addon(app, "acme-search:basic")
        statuses.append((await wire.get(f"/sso/apps/{app}/addons/{addon.id}?user={linus.email}", token=None)).status)

    assert [200, 403] == statuses


@pytest.mark.parametrize(
    ("person", "granted", "status"),
    [
        ("ada@lumen.example", None, 200),
        ("grace@lumen.example", None, 403),
        ("linus@orbit.example", [], 403),
        ("grace@lumen.example", ["manage"], 403),
        ("grace@lumen.example", ["deploy"], 200),
        ("linus@orbit.example", ["operate"], 200),
    ],
    ids=["admin", "member", "collaborator", "may manage", "may deploy", "may operate"],
)
async def test_in_an_enterprise_team_a_login_needs_to_deploy_or_to_operate(
    heroku: Emulator, wire: Wire, person: str, granted: list[str] | None, status: int
) -> None:
    """Everybody may view the app, which is not enough for its add-ons; the form as JSON is refused as the page is."""
    heroku.state.teams["lumen"].is_enterprise = True
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    if granted is not None:
        await wire.send("POST", "/teams/apps/storefront/collaborators", json={"user": person, "permissions": granted})
    token = f"{person.partition('@')[0]}-token"
    page = await wire.get(f"/sso/apps/storefront/addons/{addon.id}?user={person}", token=None)
    form = await wire.get(f"/apps/storefront/addons/{addon.id}/sso", token=token)

    assert (status, status) == (page.status, form.status)
    assert 200 == (await wire.get("/apps/storefront", token=token)).status
    if status == 403:
        assert "needs the permission to deploy or to operate" in page.raw.decode()
