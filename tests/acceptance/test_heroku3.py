"""PyPI's heroku3, through its own objects, against the emulator."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from heroku3.api import Heroku  # type: ignore[import-untyped]

from emulator.partner import RawPartner
from emulator.wire import ADA
from headrace.emulator import Emulator
from headrace.emulator.world.populate import WORLD_BEGAN_AT

pytestmark = pytest.mark.acceptance

# More than Heroku puts on a page when it is not asked for a number.
MANY = 250


@pytest.fixture
def session() -> Iterator[Any]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


async def log_in(heroku: Emulator, session: Any, token: str = ADA) -> Any:
    """Do what `heroku3.from_key` does; it is the one that cannot be told where Heroku is."""
    client = Heroku(session)
    client._heroku_url = heroku.url  # noqa: SLF001 - it knows no other way
    await asyncio.to_thread(client.authenticate, token)
    return client


async def test_it_logs_in_and_reads_its_pool_and_account(heroku: Emulator, session: Any) -> None:
    """The token is the password of a user without a name; logging in is free of charge."""
    client = await log_in(heroku, session)
    remaining = await asyncio.to_thread(client.ratelimit_remaining)
    account = await asyncio.to_thread(client.account)
    stranger = await log_in(heroku, session, "nobodys-token")

    assert client.is_authenticated
    assert 4500 == remaining
    assert ("ada@lumen.example", "Ada", WORLD_BEGAN_AT) == (account.email, account.name, account.created_at)
    assert not stranger.is_authenticated


async def test_it_makes_finds_renames_and_deletes_apps(heroku: Emulator, session: Any) -> None:
    """It asks for the stack `cedar`, and a name that is taken makes it read the app of that name."""
    client = await log_in(heroku, session)

    def work() -> None:
        made = client.create_app("kiosk", region_id_or_name="eu")
        taken = client.create_app("storefront")
        renamed = made.rename("kiosk-two")
        found = client.app("kiosk-two")
        names = {app.name for app in client.apps()}

        assert ("kiosk", "eu", "ada@lumen.example") == (made.name, made.region.name, made.owner.email)
        assert timedelta(0) == made.created_at.utcoffset()
        assert ("storefront", "lumen") == (taken.name, taken.team.name)
        assert made.id == renamed.id == found.id
        assert {"kiosk-two", "storefront", "ada-notes", "atlas"} <= names
        assert "billing" not in names
        assert found.delete()
        with pytest.raises(requests.HTTPError, match="404"):
            client.app("kiosk-two")

    await asyncio.to_thread(work)

    assert "kiosk-two" not in heroku.state.apps


async def test_it_follows_lists_to_their_last_page(heroku: Emulator, session: Any) -> None:
    """A page ends at 200; `Next-Range` leads on."""
    for number in range(MANY):
        heroku.create_app(f"many-{number}", owner="ada@lumen.example")
    client = await log_in(heroku, session)
    apps = await asyncio.to_thread(client.apps)
    first = await asyncio.to_thread(lambda: client.apps(order_by="name", limit=3, sort="desc"))

    seen = [app.name for app in apps if app.name.startswith("many-")]
    assert MANY == len(seen) == len(set(seen))
    assert ["storefront-staging", "storefront-pr-422", "storefront-pr-418"] == [app.name for app in first]


async def test_it_sets_config_vars_and_reads_the_releases_they_make(heroku: Emulator, session: Any) -> None:
    """None removes one."""
    client = await log_in(heroku, session)

    def work() -> None:
        app = client.app("ada-notes")
        config = app.config()
        config["GREETING"] = "hello"
        config.update({"LIMIT": "10", "GREETING": None})
        rewritten = app.update_config({"LIMIT": "20"})
        releases = list(app.releases())
        newest = list(app.releases(order_by="version", limit=1, sort="desc"))

        assert {"LIMIT": "10"} == config.to_dict()
        assert {"LIMIT": "20"} == rewritten.to_dict() == app.config().to_dict()
        assert [1, 2, 3, 4] == [release.version for release in releases]
        assert ("Set GREETING config vars", "ada@lumen.example") == (releases[1].description, releases[1].user.email)
        assert [(4, True)] == [(release.version, release.current) for release in newest]

    await asyncio.to_thread(work)


async def test_it_shares_an_app(heroku: Emulator, session: Any) -> None:
    client = await log_in(heroku, session)

    def work() -> None:
        app = client.app("ada-notes")
        added = app.add_collaborator("grace@lumen.example", silent=True)
        shared = {each.user.email for each in app.collaborators()}

        assert "grace@lumen.example" == added.user.email
        assert {"ada@lumen.example", "grace@lumen.example"} == shared
        assert app.remove_collaborator("grace@lumen.example")
        assert ["ada@lumen.example"] == [each.user.email for each in app.collaborators()]

    await asyncio.to_thread(work)


async def test_it_adds_upgrades_and_removes_an_addon(heroku: Emulator, acme: RawPartner, session: Any) -> None:
    """It names a plan as text, and an add-on by its id under its app's."""
    client = await log_in(heroku, session)

    def work() -> None:
        (service,) = client.addon_services()
        app = client.app("ada-notes")
        addon = app.install_addon("acme-search:basic", config={"index-size": 10}, attachment_name="FIND")
        listed = app.addons()
        upgraded = addon.upgrade("acme-search:premium")

        assert ("acme-search", "acme-search") == (service.name, client.addon_services("acme-search").name)
        assert "acme-search:basic" == addon.plan.name
        assert [addon.id] == [each.id for each in listed] == [each.id for each in client.addons("ada-notes")]
        assert {"FIND_URL": f"https://in.acme/{addon.id}"} == app.config().to_dict()
        assert (addon.id, "acme-search:premium") == (upgraded.id, upgraded.plan.name)
        assert addon.delete()
        assert [] == list(app.addons())

    await asyncio.to_thread(work)

    assert ["POST", "PUT", "DELETE"] == [received.method for received in acme.received]
    assert {"index-size": "10"} == acme.received[0].body["options"]


async def test_it_reads_dynos_formation_and_domains(heroku: Emulator, session: Any) -> None:
    """It asks for some lists in an order that they do not have, which counts as any other."""
    client = await log_in(heroku, session)

    def work() -> None:
        app = client.app("storefront")
        formation = app.process_formation()

        assert {"web": 2, "worker": 1} == {process.type: process.quantity for process in formation}
        assert ["web.1", "web.2", "worker.1"] == sorted(dyno.name for dyno in app.dynos())
        assert ["storefront.herokuapp.com"] == [domain.hostname for domain in app.domains()]
        assert 1 == formation["web"].scale(1).quantity
        assert 1 == app.process_formation()["web"].quantity

    await asyncio.to_thread(work)


async def test_it_reads_authorizations_and_clients(heroku: Emulator, session: Any) -> None:
    """Making them is beyond it: its own calls for that fail before they send anything."""
    client = await log_in(heroku, session)

    def work() -> None:
        (authorization,) = client.oauthauthorizations()

        assert ADA == authorization.access_token.token
        assert authorization.id == client.oauthauthorization(authorization.id).id
        assert [] == list(client.oauthclients())

    await asyncio.to_thread(work)


async def test_what_the_emulator_has_none_of_is_an_empty_list(heroku: Emulator, session: Any) -> None:
    client = await log_in(heroku, session)

    def work() -> None:
        app = client.app("ada-notes")

        assert [] == [*client.keys(), *client.features(), *app.builds(), *app.features()]

    await asyncio.to_thread(work)


async def test_what_heroku_refuses_is_raised_with_herokus_words(heroku: Emulator, session: Any) -> None:
    client = await log_in(heroku, session)

    def work() -> None:
        app = client.app("ada-notes")
        with pytest.raises(requests.HTTPError, match="Couldn't find either the add-on service or the add-on plan"):
            app.install_addon("acme-search:nope")
        with pytest.raises(requests.HTTPError, match="403"):
            client.app("billing")

    await asyncio.to_thread(work)
