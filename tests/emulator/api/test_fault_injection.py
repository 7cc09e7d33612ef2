"""Faults on demand: each kind of them does what it says, and no more than that."""

import aiohttp
import msgspec
import pytest

from emulator.partner import RawPartner
from emulator.wire import ADA, Wire
from headrace.emulator import Declined, Emulator, Fault


async def test_a_status_is_answered_so_often_and_nothing_is_done(heroku: Emulator, wire: Wire) -> None:
    """A fault with a count hits that many calls, in Heroku's error shape."""
    heroku.faults.add(Fault(kind="status", status=503, method="POST", path="/apps", count=1))
    first = await wire.send("POST", "/apps", json={"name": "late-app"})
    second = await wire.send("POST", "/apps", json={"name": "late-app"})

    assert ((503, "unavailable"), 201) == (first.error, second.status)
    assert ["503", ""] == [exchange.fault for exchange in heroku.traffic]


async def test_an_answer_can_be_lost_after_its_effect(heroku: Emulator, wire: Wire) -> None:
    """The worst of faults: done, and the caller does not know."""
    heroku.faults.add(Fault(kind="status", status=500, method="POST", path="/apps", after_effect=True))
    reply = await wire.send("POST", "/apps", json={"name": "there-app"})

    assert (500, "internal_server_error") == reply.error
    assert "there-app" in heroku.state.apps


async def test_a_429_shows_an_empty_pool(heroku: Emulator, wire: Wire) -> None:
    """Status, error id and header tell the same (contract §9)."""
    heroku.faults.add(Fault(kind="status", status=429))
    reply = await wire.get("/apps")

    assert ((429, "rate_limit"), "0") == (reply.error, reply.headers["RateLimit-Remaining"])
    assert "Retry-After" not in reply.headers


async def test_a_refusal_may_say_when_to_come_back(heroku: Emulator, wire: Wire) -> None:
    """Heroku documents no Retry-After; a fault may carry one, so that a test need not wait long."""
    heroku.faults.add(Fault(kind="status", status=429, retry_after=2))
    reply = await wire.get("/apps")

    assert (429, "2") == (reply.status, reply.headers["Retry-After"])


@pytest.mark.parametrize(
    ("kind", "error"),
    [("drop", aiohttp.ServerDisconnectedError), ("truncate", aiohttp.ClientPayloadError)],
)
async def test_a_connection_ends_without_or_in_the_middle_of_an_answer(
    heroku: Emulator, kind: str, error: type[Exception]
) -> None:
    """The client sees what it would see of a broken network; the next call is answered."""
    heroku.faults.add(msgspec.convert({"kind": kind, "path": "/filters/apps", "count": 1}, Fault))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADA}"}) as session:
        # A POST, because the client itself repeats a GET.
        with pytest.raises(error):
            await (await session.post(f"{heroku.url}/filters/apps", json={"in": {"id": []}})).read()
        again = await session.post(f"{heroku.url}/filters/apps", json={"in": {"id": []}})

    assert 200 == again.status
    assert [None, 200] == [exchange.status for exchange in heroku.traffic]


async def test_a_body_can_be_no_json(heroku: Emulator) -> None:
    """Half a JSON text under a 200."""
    heroku.faults.add(Fault(kind="malform", path="/apps/*"))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADA}"}) as session:
        reply = await session.get(f"{heroku.url}/apps/storefront")
        text = await reply.text()

    assert 200 == reply.status
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(text)


async def test_a_token_can_end_in_the_middle(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """An expired token is replaced by a refresh; when all is revoked, nothing helps."""
    await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.exchange(acme.received[0].body["oauth_grant"]["code"])
    heroku.faults.add(Fault(kind="expired_token", path="/addons", count=1))
    expired = await wire.get("/addons", token=token.body["access_token"])
    fresh = await wire.refresh(token.body["refresh_token"])
    heroku.faults.add(Fault(kind="revoked_token", path="/addons", count=1))
    revoked = await wire.get("/addons", token=fresh.body["access_token"])

    assert [401, 200, 401] == [expired.status, fresh.status, revoked.status]
    assert 401 == (await wire.refresh(token.body["refresh_token"])).status


async def test_a_grant_can_arrive_dead(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """The next provision's code is over; the one after it works."""
    heroku.faults.add(Fault(kind="expired_grant", direction="to partner", count=1))
    for app in ("storefront", "storefront-dev"):
        await heroku.create_addon(app, "acme-search:basic")
    replies = [await wire.exchange(received.body["oauth_grant"]["code"]) for received in acme.received]

    assert [401, 200] == [reply.status for reply in replies]


async def test_a_provision_can_be_delivered_twice(heroku: Emulator, acme: RawPartner) -> None:
    """Heroku delivers at least once: the same bytes, one add-on (contract §1.1)."""
    heroku.faults.add(Fault(kind="duplicate", direction="to partner", method="POST"))
    await heroku.create_addon("storefront", "acme-search:basic")

    assert 2 == len(acme.received)
    assert acme.received[0].raw == acme.received[1].raw


@pytest.mark.parametrize(
    ("fault", "received"),
    [
        (Fault(kind="drop", direction="to partner"), 0),
        (Fault(kind="drop", direction="to partner", after_effect=True), 1),
    ],
)
async def test_a_call_to_the_partner_can_be_lost_before_or_after_it(
    heroku: Emulator, acme: RawPartner, fault: Fault, received: int
) -> None:
    """Heroku knows nothing either way; the partner may know."""
    heroku.faults.add(fault)
    with pytest.raises(Declined, match="Could not provision"):
        await heroku.create_addon("storefront", "acme-search:basic")

    assert received == len(acme.received)
