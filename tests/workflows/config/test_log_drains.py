"""Log drains: named by the provision's hook before the add-on is marked, and pointed elsewhere later."""

import asyncio
from typing import Any

import pytest

from headrace import AddonService, ConfigChangeOutcome, MisuseError, NothingToDo, Provisioned, UnknownResource
from headrace.emulator import Addon, Fault
from headrace.models import State
from ordering import SOON, URL, list_secret_kinds, provision, script, settle_order
from pair import Acme, Pair, play_pair

DRAINED = ["many_per_app", "attachable", "syslog_drain"]
ONE, TWO = "https://one.acme.example/in?key=s3cr3t", "syslog://two.acme.example:514"
NOBODY = "01234567-89ab-4def-8123-456789abcdef"


def draining(url: Any = ONE) -> Acme:
    return Acme(config=Provisioned(config={URL: "https://search.acme.example/1"}, log_drain_url=url))


def list_urls(pair: Pair, app: str = "shop") -> list[str]:
    return [drain.url for drain in pair.heroku.state.apps[app].log_drains.values()]


def list_told(pair: Pair, addon: Addon) -> list[str]:
    """Return what Heroku was told of an add-on, in order."""
    paths = [sent.path for sent in pair.heroku.traffic if sent.method in {"PUT", "PATCH", "POST"}]
    return [path.split("/")[3] for path in paths if path.startswith(f"/addons/{addon.id}/")]


async def test_the_drain_is_named_before_the_add_on_is_marked(database_url: str) -> None:
    """Heroku is told once each; the timeline says that it was, and not where; the store has it sealed."""
    async with play_pair(database_url, acme=draining(), requires=DRAINED) as pair:
        addon = await provision(pair)
        events = [event.name for event in await pair.list_events(addon.id)]
        async with script(pair) as service:
            known = await service.resources.find_log_drain(addon.id)

        assert (State.PROVISIONED, [ONE]) == (addon.state, list_urls(pair))
        assert ["config", "log-drains", "actions"] == list_told(pair, addon)
        assert ["config.set", "log_drain.set", "provision.done"] == events[-3:]
        assert known is not None
        assert ONE == known.reveal()
        assert {"log_drain_token", "log_drain_url"} <= await list_secret_kinds(pair, addon.id)


async def test_heroku_that_does_not_take_it_at_first_is_told_again(database_url: str) -> None:
    async with play_pair(database_url, acme=draining(), requires=DRAINED) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=503, method="PUT", path="/addons/*/log-drains/*", count=2))
        addon = await provision(pair)

        assert (State.PROVISIONED, [ONE], 1) == (addon.state, list_urls(pair), len(pair.acme.created))
        assert ["config", *["log-drains"] * 3, "actions"] == list_told(pair, addon)


async def test_a_hook_that_forgets_its_drain_fails_and_says_what_to_return(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with play_pair(sqlite_url, requires=DRAINED) as pair:
        addon = await provision(pair)

        assert (State.FAILED, []) == ((await pair.find(addon.id)).state, list_urls(pair))
        [record] = [record for record in caplog.records if record.msg == "step.failed"]
        assert "log_drain_url" in vars(record)["error"]


@pytest.mark.parametrize("url", ["http://one.acme.example", "one.acme.example", "", 7])
async def test_a_drain_that_heroku_would_refuse_is_refused_before(sqlite_url: str, url: object) -> None:
    async with play_pair(sqlite_url, acme=draining(url), requires=DRAINED) as pair:
        addon = await provision(pair)

        assert State.FAILED == (await pair.find(addon.id)).state
        assert ["actions"] == list_told(pair, addon)


async def test_an_app_without_log_drains_goes_without(sqlite_url: str) -> None:
    """One of the Fir generation: Heroku names no token, and the same hook serves both."""
    async with play_pair(sqlite_url, acme=draining(), requires=DRAINED) as pair:
        pair.heroku.state.apps["blog"].generation = "fir"
        addon = await provision(pair, "blog")
        async with script(pair) as service:
            with pytest.raises(NothingToDo, match="Fir"):
                await service.set_log_drain(addon.id, TWO)

        assert (State.PROVISIONED, []) == (addon.state, list_urls(pair, "blog"))
        assert ["config", "actions"] == list_told(pair, addon)


async def test_who_waits_for_the_answer_is_told_in_it(sqlite_url: str) -> None:
    """Without a grant nothing can be told later: all of it is in the answer, and in that of a repeat."""
    config = Provisioned(config={URL: "https://search.acme.example/1"}, log_drain_url=ONE, message="Welcome.")
    body = {"uuid": NOBODY, "name": "acme-1", "plan": "basic", "region": "amazon-web-services::us-east-1"}
    async with play_pair(sqlite_url, acme=Acme(config=config), requires=DRAINED) as pair:
        answers = [await pair.call("POST", json={**body, "log_drain_token": "d.1"}) for _ in range(2)]

        expected = {
            "id": NOBODY,
            "message": "Welcome.",
            "config": {URL: "https://search.acme.example/1"},
            "log_drain_url": ONE,
        }
        assert [(200, expected)] * 2 == answers


async def test_a_log_is_sent_elsewhere_by_an_order(database_url: str) -> None:
    """What Heroku was last told is what the store has; a deprovision leaves nothing."""
    async with play_pair(database_url, acme=draining(), requires=DRAINED) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            change = await service.set_log_drain(addon.id, TWO, by="grace", wait=SOON)
            known = await service.resources.find_log_drain(addon.id)
        await settle_order(pair, change)
        found = [(event.name, event.detail) for event in await pair.list_events(addon.id)]
        events = [each for each in found if each[0].startswith("log_drain.")][1:]
        told = list_urls(pair)
        await pair.heroku.deprovision(addon)
        await pair.settle()

        assert (ConfigChangeOutcome.DONE, (), [TWO]) == (change.outcome, change.names, told)
        assert known is not None
        assert TWO == known.reveal()
        assert [("log_drain.requested", {"number": 1, "by": "grace"}), ("log_drain.set", {"number": 1})] == events
        assert [] == list_urls(pair)
        assert set() == await list_secret_kinds(pair, addon.id)


async def test_plain_code_orders_it_too(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, acme=draining(), requires=DRAINED) as pair:
        addon = await provision(pair)

        def order() -> tuple[Any, Any]:
            with AddonService(pair.parts.settings).connected() as acme:
                change = acme.set_log_drain(addon.id, TWO, wait=SOON)
                return change.outcome, acme.resources.find_log_drain(addon.id)

        outcome, known = await asyncio.to_thread(order)

        assert (ConfigChangeOutcome.DONE, TWO) == (outcome, known.reveal())


async def test_an_order_that_cannot_be_is_refused(sqlite_url: str) -> None:
    """Each names the thing, and nothing changes."""
    async with play_pair(sqlite_url, acme=draining(), requires=DRAINED) as pair:
        addon = await provision(pair)
        async with script(pair) as service:
            with pytest.raises(MisuseError, match="https://"):
                await service.set_log_drain(addon.id, "http://logs.acme.example")
            with pytest.raises(UnknownResource, match=NOBODY):
                await service.set_log_drain(NOBODY, TWO)
            with pytest.raises(UnknownResource, match=NOBODY):
                await service.resources.find_log_drain(NOBODY)

        assert [ONE] == list_urls(pair)
    async with play_pair(sqlite_url) as pair, script(pair) as service:
        with pytest.raises(MisuseError, match="syslog_drain"):
            await service.set_log_drain(addon.id, TWO)
