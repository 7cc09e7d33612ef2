"""Recording the traffic of a run, and replaying to a provider what was sent to it."""

import asyncio
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from starlette.responses import JSONResponse, Response

from emulator.partner import RawPartner, Reaction, Received, answer, provision_at_once, serve_partner
from emulator.wire import ADA, Wire
from headrace.emulator import (
    BUILT_IN_WORLD,
    Declined,
    Emulator,
    Fault,
    Report,
    load_world,
    read_recording,
    record,
    replay,
    run,
)
from headrace.errors import ConfigurationError

SOON = timedelta(seconds=0.2)


@pytest.fixture
async def other() -> AsyncIterator[RawPartner]:
    """The provider to which is replayed: another process of the same add-on service, knowing nothing yet."""
    async with serve_partner() as partner:
        yield partner


def provision_later(heroku_url: str, tasks: list["asyncio.Task[None]"]) -> Reaction:
    """Accept, then exchange the grant, set the config vars and mark the add-on provisioned."""

    async def work(received: Received) -> None:
        async with aiohttp.ClientSession() as session:
            wire, path = Wire(heroku_url, session), f"/addons/{received.body['uuid']}"
            token = await wire.authorize(received)
            config = {"config": [{"name": "ACME_SEARCH_URL", "value": "https://u:planted-config@in.acme"}]}
            assert 200 == (await wire.send("PATCH", f"{path}/config", token=token, json=config)).status
            assert 200 == (await wire.send("POST", f"{path}/actions/provision", token=token)).status

    async def react(received: Received) -> Response:
        tasks.append(asyncio.create_task(work(received)))
        return JSONResponse({"id": received.body["uuid"], "message": "Soon"}, 202)

    return react


async def refuse_shrinking(received: Received) -> Response:
    if received.body["plan"] == "free":
        return JSONResponse({"message": "Your data does not fit."}, 422)
    return JSONResponse({"message": "Done"})


async def play_life(heroku: Emulator, acme: RawPartner, path: Path) -> None:
    """Provision two add-ons, one of them later, change plans, move an app, and deprovision."""
    tasks: list[asyncio.Task[None]] = []
    acme.reactions["PUT"] = refuse_shrinking
    with record(heroku, path):
        acme.reactions["POST"] = provision_later(heroku.url, tasks)
        heroku.create_app("newcomer", owner="lumen")
        first = await heroku.create_addon("newcomer", "acme-search:basic", options={"size": "big"}, name="first")
        await asyncio.gather(*tasks)
        acme.reactions["POST"] = provision_at_once
        second = await heroku.create_addon("storefront-staging", "acme-search:free", name="second")
        await heroku.change_plan(first, "premium")
        heroku.move("storefront-staging", "production")
        with pytest.raises(Declined):
            await heroku.change_plan(first, "free")
        await heroku.deprovision(second)


async def replay_to(other: RawPartner, path: Path, *, reaction: Reaction | None = None, **options: Any) -> Report:
    """Replay to another provider, which takes the first provision for later as the recorded one did."""
    async with run(load_world(BUILT_IN_WORLD)) as heroku:
        heroku.point("acme-search", base_url=f"{other.url}/heroku/resources")
        later = provision_later(heroku.url, [])

        async def provision(received: Received) -> Response:
            return await (later if received.body["name"] == "first" else provision_at_once)(received)

        other.reactions |= {"POST": reaction or provision}
        return await replay(heroku, read_recording(path), **options)


async def test_what_was_sent_to_a_provider_is_sent_again(
    heroku: Emulator, acme: RawPartner, other: RawPartner, tmp_path: Path
) -> None:
    """The same calls in the same order about the same resources, with grants that work."""
    await play_life(heroku, acme, tmp_path / "run.jsonl")
    other.reactions["PUT"] = refuse_shrinking
    report = await replay_to(other, tmp_path / "run.jsonl")
    calls = [(received.method, received.path) for received in acme.received]
    [before], [after] = ([r.body for r in side.received if r.body.get("name") == "first"] for side in (acme, other))

    assert calls == [(received.method, received.path) for received in other.received]
    assert (before["uuid"], "basic", {"size": "big"}) == (after["uuid"], after["plan"], after["options"])
    assert before["oauth_grant"]["code"] != after["oauth_grant"]["code"]
    assert report.is_good, str(report)
    assert str(report).endswith("\n5 calls, 5 answered as recorded.")


async def test_every_difference_is_told(heroku: Emulator, acme: RawPartner, other: RawPartner, tmp_path: Path) -> None:
    """Another status, a member that is gone or new, and a call-back that does not come."""
    await play_life(heroku, acme, tmp_path / "run.jsonl")

    async def provision(received: Received) -> Response:
        status = 202 if received.body["name"] == "first" else 200
        return JSONResponse({"id": received.body["uuid"], "extra": 1}, status)

    report = await replay_to(other, tmp_path / "run.jsonl", reaction=provision, callback_within=SOON)
    uuid = other.received[0].body["uuid"]

    assert not report.is_good
    assert [
        ("message: recorded, and not in the answer", "extra: in the answer, and not recorded"),
        (
            "config: recorded, and not in the answer",
            "config.ACME_SEARCH_URL: recorded, and not in the answer",
            "message: recorded, and not in the answer",
            "extra: in the answer, and not recorded",
        ),
        ("message: recorded, and not in the answer",),
        ("status: 200; recorded 422",),
        (),
    ] == [replayed.problems for replayed in report.replayed]
    assert (f"PATCH /addons/{uuid}/config", f"POST /addons/{uuid}/actions/provision") == report.missing


async def test_a_call_waits_for_what_the_provider_had_called_back_with(
    heroku: Emulator, acme: RawPartner, other: RawPartner, tmp_path: Path
) -> None:
    """A plan change that came after a provision was finished is not sent before it is finished again."""
    await play_life(heroku, acme, tmp_path / "run.jsonl")
    states = []

    async def note_state(received: Received) -> Response:
        states.append([(exchange.method, exchange.path) for exchange in played.traffic])
        return await refuse_shrinking(received)

    other.reactions |= {"PUT": note_state}
    async with run(load_world(BUILT_IN_WORLD)) as played:
        played.point("acme-search", base_url=f"{other.url}/heroku/resources")
        other.reactions["POST"] = provision_later(played.url, [])
        await replay(played, read_recording(tmp_path / "run.jsonl"), callback_within=timedelta(seconds=5))
    uuid = other.received[0].body["uuid"]

    assert ("POST", f"/addons/{uuid}/actions/provision") in states[0]


async def test_calls_keep_their_distances_on_demand(
    heroku: Emulator, acme: RawPartner, other: RawPartner, tmp_path: Path
) -> None:
    """At 100 times the recorded speed a second takes a hundredth."""
    path = tmp_path / "run.jsonl"
    with record(heroku, path):
        await heroku.create_addon("storefront", "acme-search:free")
    head, line = path.read_bytes().splitlines()
    recorded = msgspec.json.decode(line)
    path.write_bytes(head + b"\n" + msgspec.json.encode(recorded | {"at": 60.0}))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await replay_to(other, path, speed=100.0)

    assert 0.6 <= loop.time() - began < 60


async def test_a_provision_that_fails_and_what_follows_is_replayed(
    heroku: Emulator, acme: RawPartner, other: RawPartner, tmp_path: Path
) -> None:
    """Whatever became of the add-on at the emulated Heroku."""
    acme.reactions["POST"] = answer(503, {"message": "Full"})
    heroku.switches.delete_after_failure = True
    with record(heroku, tmp_path / "run.jsonl"), pytest.raises(Declined):
        await heroku.create_addon("storefront", "acme-search:free")
    report = await replay_to(other, tmp_path / "run.jsonl", reaction=answer(503, {"message": "Full"}))

    assert ["POST", "DELETE"] == [received.method for received in other.received]
    assert report.is_good, str(report)


async def test_what_a_fault_did_is_not_held_against_a_provider(
    heroku: Emulator, acme: RawPartner, other: RawPartner, tmp_path: Path
) -> None:
    """The provider never gave that answer; what the world lacks is told for each call."""
    heroku.faults.add(Fault(kind="drop", direction="to partner", method="PUT", after_effect=True))
    addon = await heroku.create_addon("storefront", "acme-search:free")
    with record(heroku, tmp_path / "run.jsonl"):
        with pytest.raises(Declined):
            await heroku.change_plan(addon, "basic")
        heroku.faults.clear()
        await heroku.change_plan(addon, "basic")
    report = await replay_to(other, tmp_path / "run.jsonl")

    assert [["drop"], []] == [[r.recorded.fault] if r.recorded.fault else [] for r in report.replayed]
    assert [True, True] == ["There is no add-on" in replayed.problems[0] for replayed in report.replayed]
    heroku.faults.clear()
    acme.received.clear()
    report = await replay(heroku, read_recording(tmp_path / "run.jsonl"))
    assert report.is_good, str(report)
    assert 2 == len(acme.received)


async def test_no_secret_is_in_a_recording(heroku: Emulator, acme: RawPartner, wire: Wire, tmp_path: Path) -> None:
    """Tokens, grants, client secret, manifest secrets and config vars are masked; the file is its owner's."""
    path = tmp_path / "run.jsonl"
    tasks: list[asyncio.Task[None]] = []
    acme.reactions["POST"] = provision_later(heroku.url, tasks)
    with record(heroku, path):
        addon = await heroku.create_addon("storefront", "acme-search:basic")
        await asyncio.gather(*tasks)
        token = (await wire.send("GET", "/account")).status
        await wire.send("PATCH", "/apps/storefront/config-vars", json={"KEY": "planted-customer"})
        await wire.get("/apps/storefront/config-vars")
        await wire.send("GET", "/account", token=None, Authorization="Basic planted-header", Cookie="planted-cookie")
        await wire.get(f"/apps/storefront/addons/{addon.id}/sso")
    text = path.read_text()
    [issued] = [msgspec.json.decode(each.raw_response) for each in heroku.traffic if each.path == "/oauth/token"]
    secrets = {issued["access_token"], issued["refresh_token"], acme.received[0].body["oauth_grant"]["code"], ADA}
    secrets |= {"acme-client-secret", "acme-manifest-password", "acme-sso-salt", "planted"}

    assert 200 == token
    assert set() == {secret for secret in secrets if secret in text}
    assert "ACME_SEARCH_URL" in text
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


async def test_a_recording_has_both_directions_with_headers_that_matter(
    heroku: Emulator, wire: Wire, tmp_path: Path
) -> None:
    """One exchange a line, in the order in which they ended; nothing after the block."""
    path = tmp_path / "run.jsonl"
    with record(heroku, path):
        await heroku.create_addon("storefront", "acme-search:free")
        await wire.get("/apps", Range="name ..; max=2")
    await wire.get("/apps")
    provision, listing = read_recording(path)

    assert ("to partner", 200, "storefront") == (
        provision.direction,
        provision.status,
        provision.subject and provision.subject.app,
    )
    assert ("to Heroku", 206, "name ..; max=2") == (
        listing.direction,
        listing.status,
        listing.request_headers["range"],
    )
    assert "next-range" in listing.response_headers
    assert provision.at <= listing.at


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a recording"),
        ('{"headrace_recording": 9, "began_at": "2026-11-23T12:00:00Z"}', "is of version 9"),
        ('{"headrace_recording": 1, "began_at": "2026-11-23T12:00:00Z"}\n{"at": 1}', "missing required field"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        read_recording(path)


async def test_what_addresses_carry_is_masked(heroku: Emulator, wire: Wire, tmp_path: Path) -> None:
    """Of a webhook's or a drain's URL the query, in which its receiver's token stands: in file, traffic and console."""
    url = f"{heroku.url}/hook?token=planted-one&key=planted-two"
    with record(heroku, tmp_path / "run.jsonl"):
        wanted = {"include": ["api:app"], "level": "notify", "url": url}
        replies = [
            await wire.send("POST", "/apps/storefront/webhooks", json=wanted),
            await wire.send("POST", "/apps/storefront/log-drains", json={"url": url}),
        ]
    seen = [text for exchange in heroku.traffic for text in (exchange.request, exchange.response)]
    console = (await wire.get("/__emulator__/")).raw.decode()

    assert [201, 201] == [reply.status for reply in replies]
    for text in ((tmp_path / "run.jsonl").read_text(encoding="utf-8"), *seen, console):
        assert "planted" not in text
    assert 4 == sum(f"{heroku.url}/hook?•••" in text for text in seen)
