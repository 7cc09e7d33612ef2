"""Heroku's bad days: whatever goes wrong on its side, and wherever in a provision, the provision comes to its end."""

from datetime import timedelta
from typing import Any

import pytest

from headrace.emulator import Clock, Fault
from headrace.errors import Refused
from headrace.models import State
from headrace.protocol.retries import TABLE
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

REQUESTS = {
    "add-on": ("GET", "/addons/*"),
    "coupling": ("GET", "/apps/*/pipeline-couplings"),
    "pipeline": ("GET", "/pipelines/*"),
    "collaborators": ("GET", "/apps/*/collaborators"),
    "config": ("PATCH", "/addons/*/config"),
    "mark": ("POST", "/addons/*/actions/provision"),
}
MISHAPS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429, "retry_after": 0},
    "500": {"kind": "status", "status": 500},
    "503 after the effect": {"kind": "status", "status": 503, "after_effect": True},
    "dropped": {"kind": "drop"},
    "dropped after the effect": {"kind": "drop", "after_effect": True},
    "cut short": {"kind": "truncate"},
    "wrong JSON": {"kind": "malform"},
    "token ended": {"kind": "expired_token"},
}


@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_a_provision_survives(sqlite_url: str, request_: tuple[str, str], mishap: dict[str, Any]) -> None:
    """Two mishaps in a row at one request: the step is tried again, and its effect is there once."""
    method, path = request_
    async with play_pair(sqlite_url) as pair:
        pair.heroku.faults.add(Fault(**{"method": method, "path": path, "count": 2, **mishap}))
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()

        await _expect_provisioned(pair, addon.id)


@pytest.mark.parametrize("mishap", ["dropped", "dropped after the effect", "503 after the effect"])
async def test_heroku_hears_of_a_failed_provision_and_that_is_the_end_of_it(sqlite_url: str, mishap: str) -> None:
    """The tokens end with the add-on: who did not hear the answer and asks again is refused, and need not go on."""
    acme = Acme(error=Refused("We are full."), failures_left=1)
    async with play_pair(sqlite_url, acme=acme) as pair:
        path = "/addons/*/actions/deprovision"
        pair.heroku.faults.add(Fault(**{"method": "POST", "path": path, "count": 1, **MISHAPS[mishap]}))
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()

        names = [event.name for event in await pair.list_events(addon.id)]
        assert addon.id not in pair.heroku.state.addons
        assert (1, 1) == (names.count("heroku.asked"), names.count("heroku.told"))
        assert [addon.id] == [resource.uuid for resource in acme.dropped]
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_who_cannot_tell_heroku_tells_an_operator(sqlite_url: str) -> None:
    """Heroku forbids it: nothing is tried again, and what the hook made is removed all the same."""
    acme = Acme(error=Refused("We are full."), failures_left=1)
    async with play_pair(sqlite_url, acme=acme) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=403, path="/addons/*/actions/deprovision"))
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        notices = await pair.parts.database.read(list_open_notices)

        assert ["tell_heroku.failed"] == [notice.kind for notice in notices]
        assert [addon.id] == [resource.uuid for resource in acme.dropped]


async def test_a_wrong_secret_is_not_taken_for_the_end_of_an_add_on(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused from the first attempt on, Heroku was not told: it is asked again, until the secret is right."""
    acme = Acme(error=Refused("We are full."), failures_left=1)
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: acme.created)
        pair.heroku.reset_secret("acme-search")
        acme.may_go_on.set()
        await eventually(lambda: [each.msg for each in caplog.records].count("step.failed") > 2)
        names = [event.name for event in await pair.list_events(addon.id)]

        notices = [notice.kind for notice in await pair.parts.database.read(list_open_notices)]

    assert 0 == names.count("heroku.told") == names.count("heroku.refused")
    assert ["client_secret.refused"] == notices


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_provision_survives_an_id_host_that_does_not_answer(sqlite_url: str, status: int) -> None:
    """Nothing was exchanged, so the grant is still good."""
    async with play_pair(sqlite_url) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=status, retry_after=0, path="/oauth/token", count=2))
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()

        await _expect_provisioned(pair, addon.id)


async def test_a_rate_limit_is_obeyed_without_holding_up_anybody_else(sqlite_url: str) -> None:
    """One resource waits for as long as Heroku says; another one is provisioned meanwhile."""
    async with play_pair(sqlite_url, retries=TABLE) as pair:
        limit = Fault(kind="status", status=429, retry_after=3600, method="PATCH", path="/addons/*/config", count=1)
        pair.heroku.faults.add(limit)
        waiting = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: pair.acme.created)
        await eventually(lambda: not list(pair.heroku.faults))
        other = await pair.heroku.create_addon("blog", "acme-search:basic")
        await eventually(lambda: other.state == State.PROVISIONED)

        assert State.PROVISIONING == (await pair.find(waiting.id)).state
        asked = [sent for sent in pair.heroku.traffic if sent.path == f"/addons/{waiting.id}/config"]
        assert 1 == len(asked)


async def test_a_service_whose_clock_is_wrong_provisions_all_the_same(sqlite_url: str) -> None:
    """An hour ahead every grant looks expired and every token about to; it is for Heroku to say."""
    fast = Clock()
    fast.advance(timedelta(hours=1))
    async with play_pair(sqlite_url, service_clock=fast.now) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()

        await _expect_provisioned(pair, addon.id)


async def _expect_provisioned(pair: Pair, uuid: str) -> None:
    """Both sides agree, and what the hook made is there once."""
    row, addon = await pair.find(uuid), pair.heroku.state.addons[uuid]
    assert (State.PROVISIONED, State.PROVISIONED) == (row.state, addon.state)
    config_vars = pair.heroku.state.apps["shop-staging"].config_vars
    assert f"https://search.acme.example/{uuid}" == config_vars["ACME_SEARCH_URL"]
    assert 1 == len(pair.acme.created)
    assert "staging" == pair.acme.created[0].stage
