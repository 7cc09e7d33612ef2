"""Webhook deliveries that fail, wait, repeat and overtake each other."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from emulator.partner import RawPartner, Reaction, Received, answer
from emulator.wire import Wire
from headrace.emulator import Emulator, Fault
from headrace.emulator.world.records import Delivery

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def answer_each(statuses: Iterable[int]) -> Reaction:
    """Answer with one status after the other, and 204 when there are no more."""
    left = iter(statuses)

    async def react(_received: Received) -> Response:
        return Response(status_code=next(left, 204))

    return react


async def subscribe(wire: Wire, acme: RawPartner, *, level: str = "sync", paths: str = "a") -> None:
    for path in paths:
        wanted = {"include": ["api:app"], "level": level, "url": f"{acme.url}/webhooks/{path}"}
        assert 201 == (await wire.send("POST", "/apps/storefront/webhooks", json=wanted)).status


async def rename(heroku: Emulator, *names: str) -> None:
    """Make one event for each name, and deliver what is due."""
    app = next(app for app in heroku.state.apps if app.webhooks.subscriptions)
    for name in names:
        heroku.rename_app(app, name)
    await heroku.settle()


async def advance(heroku: Emulator, by: timedelta) -> None:
    heroku.clock.advance(by)
    await heroku.settle()


def list_names(acme: RawPartner, *, path: str = "a") -> list[str]:
    """What the apps were called in the deliveries to a path."""
    delivered = (received for received in acme.delivered if received.path == f"/webhooks/{path}")
    return [received.body["data"]["name"] for received in delivered]


def list_deliveries(heroku: Emulator) -> list[Delivery]:
    return heroku.deliveries(next(app.name for app in heroku.state.apps if app.webhooks.subscriptions))


async def test_a_failing_delivery_holds_back_the_rest(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """The deliveries of one subscription keep their order; another's go on (contract §8.4)."""
    heroku.clock.freeze(NOON)
    await subscribe(wire, acme, paths="ab")
    failing, good = answer(503), answer(204, raw=b"")

    async def react(received: Received) -> Response:
        return await (failing if received.path.endswith("/a") else good)(received)

    acme.reactions["webhook"] = react
    await rename(heroku, "shop-1", "shop-2")
    states = [delivery.status for delivery in list_deliveries(heroku)]
    acme.reactions["webhook"] = good
    await advance(heroku, timedelta(seconds=1))

    # Each event has a delivery to either subscription.
    assert ["retrying", "succeeded", "pending", "succeeded"] == states
    assert ["shop-1", "shop-1", "shop-2"] == list_names(acme, path="a")
    assert ["shop-1", "shop-2"] == list_names(acme, path="b")


async def test_retries_are_further_and_further_apart_up_to_an_hour(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """One second, doubled each time, then hourly: about 180 tries in 7 days if it went on so long (contract §8.4)."""
    heroku.clock.freeze(NOON)
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer(500)
    await rename(heroku, "shop-1")
    (delivery,) = list_deliveries(heroku)
    delays = []
    while delivery.next_attempt_at is not None:
        delays.append((delivery.next_attempt_at - heroku.clock.now()).total_seconds())
        await advance(heroku, delivery.next_attempt_at - heroku.clock.now())
    last = delivery.last_attempt

    assert [2**n for n in range(12)] == delays[:12]
    assert {3600} == set(delays[12:])
    assert len(delays) + 1 == len(acme.delivered) == delivery.attempt_count
    assert 71 * HOUR < heroku.clock.now() - NOON <= 72 * HOUR
    assert last is not None
    assert ("failed", "failed", 500) == (delivery.status, last.status, last.code)


async def test_after_72_hours_what_waited_gets_a_single_try(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Events as old as that are skipped when their one try fails; younger ones are tried on (changelog item 2525)."""
    heroku.clock.freeze(NOON)
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer(500)
    await rename(heroku, "shop-1", "shop-2")
    await advance(heroku, 2 * HOUR)
    await rename(heroku, "shop-3")
    await advance(heroku, 70 * HOUR)
    before = [(delivery.status, delivery.attempt_count) for delivery in list_deliveries(heroku)]
    acme.reactions["webhook"] = answer(204, raw=b"")
    await advance(heroku, HOUR)

    assert [("failed", 3), ("skipped", 1), ("retrying", 1)] == before
    assert ["failed", "skipped", "succeeded"] == [delivery.status for delivery in list_deliveries(heroku)]


async def test_72_hours_pass_in_a_moment(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """On a clock that runs fast the emulator retries by itself."""
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer(500)
    await rename(heroku, "shop-1")
    (delivery,) = list_deliveries(heroku)
    heroku.clock.run(1_000_000)
    async with asyncio.timeout(120):
        while delivery.status != "failed":
            await asyncio.sleep(0)

    assert delivery.attempt_count > 2


async def test_notify_is_one_attempt(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Fire and forget: what fails is over, and the next one goes (contract §8.2)."""
    await subscribe(wire, acme, level="notify")
    acme.reactions["webhook"] = answer_each([500])
    await rename(heroku, "shop-1", "shop-2")

    assert ["shop-1", "shop-2"] == list_names(acme)
    assert [("failed", 1), ("succeeded", 1)] == [
        (delivery.status, delivery.attempt_count) for delivery in list_deliveries(heroku)
    ]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_delivered(heroku: Emulator, acme: RawPartner, wire: Wire, status: int) -> None:
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer(status, raw=b"")
    await rename(heroku, "shop-1")

    assert ["succeeded"] == [delivery.status for delivery in list_deliveries(heroku)]


@pytest.mark.parametrize("status", [301, 401, 404, 410, 500])
async def test_anything_else_is_not(heroku: Emulator, acme: RawPartner, wire: Wire, status: int) -> None:
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer(status)
    await rename(heroku, "shop-1")

    assert ["retrying"] == [delivery.status for delivery in list_deliveries(heroku)]


async def test_a_receiver_that_takes_too_long_has_failed(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Its time to answer is a switch, and none of the Partner API's (contract §8.4)."""
    release = asyncio.Event()

    async def wait(_received: Received) -> Response:
        await release.wait()
        return Response()

    heroku.switches.webhook_cut_off = timedelta(milliseconds=20)
    acme.reactions["webhook"] = wait
    await subscribe(wire, acme)
    await rename(heroku, "shop-1")
    release.set()
    (shown,) = (await wire.get("/apps/shop-1/webhook-deliveries")).body

    assert ("retrying", "failed", None) == (
        shown["status"],
        shown["last_attempt"]["status"],
        shown["last_attempt"]["code"],
    )
    assert "Timeout" in shown["last_attempt"]["error_class"]


@pytest.mark.parametrize(
    ("fault", "received", "state"),
    [
        ({"kind": "duplicate"}, ["shop-1", "shop-1"], "succeeded"),
        ({"kind": "status", "status": 502}, [], "retrying"),
        ({"kind": "drop"}, [], "retrying"),
        ({"kind": "drop", "after_effect": True}, ["shop-1"], "retrying"),
    ],
)
async def test_what_goes_wrong_with_a_delivery_on_purpose(
    heroku: Emulator, acme: RawPartner, wire: Wire, fault: dict[str, Any], received: list[str], state: str
) -> None:
    """A duplicate carries the same bytes; what is lost is tried again."""
    heroku.clock.freeze(NOON)
    heroku.faults.add(Fault(direction="to partner", path="/webhooks/*", count=1, **fault))
    await subscribe(wire, acme)
    await rename(heroku, "shop-1")
    names, states = list_names(acme), [delivery.status for delivery in list_deliveries(heroku)]
    await advance(heroku, HOUR)

    assert (received, [state]) == (names, states)
    assert 1 == len({received.raw for received in acme.delivered[: len(names)]} or {b""})
    assert ["succeeded"] == [delivery.status for delivery in list_deliveries(heroku)]


async def test_a_delivery_can_be_overtaken(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """It waits until the next event's delivery has gone out; the order of the rest stays."""
    heroku.faults.add(Fault(kind="reorder", direction="to partner", count=1))
    await subscribe(wire, acme)
    await rename(heroku, "shop-1")
    alone = list_names(acme)
    await rename(heroku, "shop-2", "shop-3")

    assert [] == alone
    assert ["shop-2", "shop-1", "shop-3"] == list_names(acme)


async def test_when_all_are_to_be_overtaken_they_go_in_turn_about(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """Who overtakes is not overtaken."""
    heroku.faults.add(Fault(kind="reorder", direction="to partner"))
    await subscribe(wire, acme)
    await rename(heroku, *(f"shop-{number}" for number in range(1, 5)))

    assert ["shop-2", "shop-1", "shop-4", "shop-3"] == list_names(acme)


async def test_what_waits_goes_on_after_a_stop(heroku: Emulator, acme: RawPartner, wire: Wire, tmp_path: Path) -> None:
    """The agenda begins empty and is filled from the records that were saved."""
    heroku.clock.freeze(NOON)
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer_each([500])
    await rename(heroku, "shop-1", "shop-2")
    heroku.save(tmp_path / "saved.json")
    heroku.load(tmp_path / "saved.json")
    before = list_names(acme)
    await advance(heroku, HOUR)

    assert ["shop-1"] == before
    assert ["shop-1", "shop-1", "shop-2"] == list_names(acme)


async def test_an_app_that_nobody_asked_about_makes_no_events(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Only what somebody includes is kept and sent."""
    await subscribe(wire, acme)
    for old, new in pairwise(("help-centre", "help-1", "help-2")):
        heroku.rename_app(old, new)
    await heroku.create_addon("storefront", "acme-search:basic")
    await heroku.settle()

    assert ([], {}) == (acme.delivered, heroku.state.apps["storefront"].webhooks.events)


async def test_the_oldest_events_are_forgotten(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """A long run does not fill the memory; what still waits is sent though it is no longer listed."""
    heroku.clock.freeze(NOON)
    await subscribe(wire, acme)
    acme.reactions["webhook"] = answer(500)
    await rename(heroku, *(f"shop-{number}" for number in range(1001)))
    acme.reactions["webhook"] = answer(204, raw=b"")
    listed = len(list_deliveries(heroku))
    await advance(heroku, HOUR)

    assert 1000 == listed
    assert [f"shop-{number}" for number in (0, *range(1001))] == list_names(acme)
