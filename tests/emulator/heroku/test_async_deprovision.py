"""The beta in which a partner may take its time to clean up (contract §1.4)."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from emulator.partner import RawPartner, answer
from emulator.wire import Wire
from headrace.emulator import Emulator
from headrace.emulator.world.records import Addon


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """An add-on whose partner answered 202 to its removal."""

    addon: Addon
    token: str

    @property
    def path(self) -> str:
        return f"/addons/{self.addon.id}"


@pytest.fixture
async def leaving(heroku: Emulator, acme: RawPartner, wire: Wire) -> Leaving:
    heroku.switches.async_deprovision = True
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])
    acme.reactions["DELETE"] = answer(202, {})
    reply = await wire.send("DELETE", f"/apps/storefront/addons/{addon.id}")
    assert (200, "deprovisioning") == (reply.status, reply.body["state"])
    return Leaving(addon=addon, token=token)


async def test_the_partner_keeps_its_tokens_while_it_cleans_up(wire: Wire, leaving: Leaving) -> None:
    reply = await wire.get(leaving.path, token=leaving.token)

    assert (200, "deprovisioning") == (reply.status, reply.body["state"])
    assert ["ACME_SEARCH_URL"] == list((await wire.get("/apps/storefront/config-vars")).body)


async def test_the_partner_ends_it(wire: Wire, leaving: Leaving) -> None:
    """Only then is the add-on detached and the app restarted."""
    releases = len((await wire.get("/apps/storefront/releases")).body)
    ended = await wire.send("POST", f"{leaving.path}/actions/deprovision", token=leaving.token)

    assert (200, "deprovisioned") == (ended.status, ended.body["state"])
    assert (401, "unauthorized") == (await wire.get(leaving.path, token=leaving.token)).error
    assert {} == (await wire.get("/apps/storefront/config-vars")).body
    assert releases + 1 == len((await wire.get("/apps/storefront/releases")).body)


async def test_it_ends_by_itself_after_twelve_hours(heroku: Emulator, wire: Wire, leaving: Leaving) -> None:
    heroku.clock.advance(timedelta(hours=11, minutes=59))
    before = (await wire.get(leaving.path)).status
    heroku.clock.advance(timedelta(minutes=2))

    assert (200, 404) == (before, (await wire.get(leaving.path)).status)


async def test_what_is_being_removed_is_neither_changed_nor_finished_nor_removed_again(
    acme: RawPartner, wire: Wire, leaving: Leaving
) -> None:
    path = f"/apps/storefront/addons/{leaving.addon.id}"
    changed = await wire.send("PATCH", path, json={"plan": "acme-search:premium"})
    finished = await wire.send("POST", f"{leaving.path}/actions/provision", token=leaving.token)
    again = await wire.send("DELETE", path)

    assert [422, 422] == [changed.status, finished.status]
    assert (200, "deprovisioning") == (again.status, again.body["state"])
    assert ["POST", "DELETE"] == [received.method for received in acme.received]


async def test_an_app_that_is_destroyed_does_not_wait(heroku: Emulator, wire: Wire, leaving: Leaving) -> None:
    assert 200 == (await wire.send("DELETE", "/apps/storefront")).status
    assert leaving.addon.id not in heroku.state.addons


async def test_without_the_beta_a_202_ends_the_add_on(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    acme.reactions["DELETE"] = answer(202, {})
    reply = await wire.send("DELETE", f"/apps/storefront/addons/{addon.id}")

    assert (200, "deprovisioned") == (reply.status, reply.body["state"])
    assert addon.id not in heroku.state.addons
