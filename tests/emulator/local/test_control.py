"""The control API, as a program on the same machine uses it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from emulator.partner import RawPartner, accept_for_later, answer
from emulator.wire import CLIENT_SECRET, Reply, Wire
from headrace.emulator import BUILT_IN_WORLD, Emulator, Fault, load_world
from headrace.emulator.local.control import CONTROLS
from headrace.models import Secret, Stage, State
from headrace.protocol.sso import verify_sso

DOCS = Path(__file__).parents[3] / "docs" / "emulator.md"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def order(wire: Wire, method: str, path: str, /, json: object = None, **headers: str) -> Reply:
    return await wire.send(method, f"/__emulator__{path}", token=None, json=json, **headers)


async def provision(wire: Wire, app: str = "storefront-staging", **more: Any) -> dict[str, Any]:
    reply = await order(wire, "POST", "/addons", json={"app": app, "plan": "acme-search:basic"} | more)
    assert 200 == reply.status, reply.raw
    found: dict[str, Any] = reply.body
    return found


async def test_an_addon_lives_and_ends(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Provision, repeat, plan change, deprovision: the partner is called as for a customer."""
    addon = await provision(wire, options={"region": "north"}, name="acme-one", user="ada@lumen.example")
    path = f"/addons/{addon['id']}"
    repeated = await order(wire, "POST", f"{path}/provision", json={"times": 2})
    changed = await order(wire, "PATCH", path, json={"plan": "premium"})
    shown = await order(wire, "GET", "/addons/acme-one")
    ended = await order(wire, "DELETE", path)

    assert ("acme-one", "storefront-staging", "provisioned") == (addon["name"], addon["app"], addon["state"])
    assert [200, 200] == [one["status"] for one in repeated.body]
    assert "acme-search:premium" == changed.body["plan"] == shown.body["plan"]
    assert (204, b"") == (ended.status, ended.raw)
    assert ["POST", "POST", "POST", "PUT", "DELETE"] == [received.method for received in acme.received]
    assert {"region": "north"} == acme.received[0].body["options"]
    assert 1 == len({received.raw for received in acme.received[:3]})
    assert [] == list(heroku.state.addons)


async def test_what_a_partner_answers_shows_no_secret(acme: RawPartner, wire: Wire) -> None:
    """Config vars are secrets, be it in an answer that is shown."""
    addon = await provision(wire)
    reply = await order(wire, "POST", f"/addons/{addon['id']}/provision")

    assert "https://in.acme" not in reply.raw.decode()
    assert "•••" in reply.body[0]["body"]


async def test_what_heroku_declines_is_told(acme: RawPartner, wire: Wire) -> None:
    """The status and the words that a customer would get, the partner's own among them."""
    acme.reactions["POST"] = answer(422, {"message": "No room in this region."})
    reply = await order(wire, "POST", "/addons", json={"app": "storefront", "plan": "acme-search:basic"})

    assert (422, "No room in this region.") == (reply.status, reply.body["message"])


async def test_an_app_is_made_moved_and_ended(heroku: Emulator, wire: Wire) -> None:
    """What its owner does with an app: create, couple, move, take out, rename, destroy."""
    pipeline = await order(wire, "POST", "/pipelines", json={"name": "kiosk", "owner": "lumen"})
    made = await order(wire, "POST", "/apps", json={"name": "kiosk-one", "owner": "lumen", "pipeline": "kiosk"})
    moved = await order(wire, "PATCH", "/apps/kiosk-one/coupling", json={"stage": "staging"})
    taken = await order(wire, "DELETE", "/apps/kiosk-one/coupling")
    put = await order(wire, "POST", "/apps/kiosk-one/coupling", json={"pipeline": "storefront", "stage": "test"})
    renamed = await order(wire, "PATCH", "/apps/kiosk-one", json={"name": "kiosk-two"})
    shown = await order(wire, "GET", "/apps/kiosk-two")
    ended = await order(wire, "DELETE", "/apps/kiosk-two")

    assert "kiosk" == pipeline.body["name"]
    assert [("kiosk", "development"), ("kiosk", "staging"), (None, None), ("storefront", "test")] == [
        (reply.body["pipeline"], reply.body["stage"]) for reply in (made, moved, taken, put)
    ]
    assert "kiosk-two" == renamed.body["name"] == shown.body["name"]
    assert 204 == ended.status
    assert "kiosk-two" not in heroku.state.apps


async def test_a_promotion_goes_to_production(heroku: Emulator, wire: Wire) -> None:
    """Every app in production of the pipeline gets the release; without one there is nowhere to go."""
    promoted = await order(wire, "POST", "/apps/storefront-staging/promote")
    heroku.move("storefront", Stage.STAGING)
    nowhere = await order(wire, "POST", "/apps/storefront-staging/promote")
    outside = await order(wire, "POST", "/apps/ada-notes/promote")

    assert ["storefront"] == promoted.body["targets"]
    assert "Promote storefront-staging v1" == heroku.state.apps["storefront"].releases[-1].description
    assert (422, "invalid_params") == nowhere.error == outside.error


async def test_an_addon_is_attached_and_detached(heroku: Emulator, wire: Wire) -> None:
    """Its config vars come and go on another app; the last attachment stays."""
    addon = await provision(wire)
    attached = await order(
        wire, "POST", f"/addons/{addon['id']}/attachments", json={"app": "storefront-dev", "name": "SEARCH"}
    )
    had = dict(heroku.state.apps["storefront-dev"].config_vars)
    detached = await order(wire, "DELETE", f"/attachments/{attached.body['id']}")
    last = await order(wire, "DELETE", f"/attachments/{addon['attachments'][0]['id']}")

    assert ["SEARCH_URL"] == list(had)
    assert (204, {}) == (detached.status, heroku.state.apps["storefront-dev"].config_vars)
    assert (422, "invalid_params") == last.error


async def test_tokens_and_the_client_secret_can_be_ended(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Expired tokens are refreshed, revoked ones are not, and a new client secret is told once."""
    addon = await provision(wire)
    token = (await wire.exchange(acme.received[0].body["oauth_grant"]["code"])).body
    expired = await order(wire, "POST", f"/addons/{addon['id']}/expire-tokens")
    read = await wire.get("/addons", token=token["access_token"])
    secret = (await order(wire, "POST", "/addon-services/acme-search/reset-secret")).body["client_secret"]
    old = await wire.refresh(token["refresh_token"])
    new = await wire.refresh(token["refresh_token"], client_secret=secret)
    revoked = await order(wire, "POST", f"/addons/{addon['id']}/revoke-tokens")
    gone = await wire.refresh(token["refresh_token"], client_secret=secret)

    assert (204, 401, 204) == (expired.status, read.status, revoked.status)
    assert [401, 200, 401] == [reply.status for reply in (old, new, gone)]
    assert CLIENT_SECRET != secret


async def test_a_login_form_verifies(heroku: Emulator, wire: Wire) -> None:
    """The form that Heroku would post, for the person that is named."""
    addon = await provision(wire)
    reply = await order(wire, "GET", f"/addons/{addon['id']}/sso?user=grace@lumen.example")
    login = verify_sso(reply.body["fields"], salt=Secret("acme-sso-salt"), now=heroku.clock.now())

    assert ("grace@lumen.example", addon["id"]) == (login.email, login.resource_id)
    assert reply.body["action"].endswith("/sso/login")


async def test_the_clock_is_stopped_set_run_and_moved(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """A provision that is not marked ends when its twelve hours are over (contract §3)."""
    acme.reactions["POST"] = accept_for_later
    frozen = await order(wire, "POST", "/clock/freeze", json={"at": NOON.isoformat()})
    addon = await provision(wire)
    advanced = await order(wire, "POST", "/clock/advance", json={"by": "PT11H"})
    before = await order(wire, "GET", f"/addons/{addon['id']}")
    await order(wire, "POST", "/clock/advance", json={"by": 3600})
    after = await order(wire, "GET", f"/addons/{addon['id']}")
    back = await order(wire, "POST", "/clock/set", json={"at": NOON.isoformat()})
    running = await order(wire, "POST", "/clock/run", json={"speed": 60})

    assert {"now": "2026-11-23T12:00:00Z", "speed": 0.0} == frozen.body == back.body
    assert "2026-11-23T23:00:00Z" == advanced.body["now"]
    assert (("provisioning", "2026-11-24T00:00:00Z"), 404) == (
        (before.body["state"], before.body["deadline"]),
        after.status,
    )
    assert 60.0 == running.body["speed"] == heroku.clock.speed
    assert heroku.clock.now() >= NOON
    assert 60.0 == (await order(wire, "GET", "/clock")).body["speed"]


async def test_faults_are_set_listed_and_removed(heroku: Emulator, wire: Wire) -> None:
    """Each has an id, and tells how many calls it has yet to hit."""
    first = await order(wire, "POST", "/faults", json={"kind": "status", "status": 429, "path": "/apps*", "count": 2})
    second = await order(wire, "POST", "/faults", json={"kind": "duplicate", "direction": "to partner"})
    hit = await wire.get("/apps")
    listed = await order(wire, "GET", "/faults")
    removed = await order(wire, "DELETE", f"/faults/{first.body['id']}")
    missing = await order(wire, "DELETE", f"/faults/{first.body['id']}")
    left = [rule.fault.kind for rule in heroku.faults]
    cleared = await order(wire, "DELETE", "/faults")

    assert 429 == hit.status
    assert [(first.body["id"], 1, 429), (second.body["id"], None, 503)] == [
        (rule["id"], rule["left"], rule["fault"]["status"]) for rule in listed.body
    ]
    assert (204, ["duplicate"], 204) == (removed.status, left, cleared.status)
    assert (404, "not_found") == missing.error
    assert [] == list(heroku.faults)


async def test_switches_are_shown_and_changed(heroku: Emulator, wire: Wire) -> None:
    """All of them by name, durations as seconds, each with its default and meaning; a wrong one changes none."""
    before = await order(wire, "GET", "/switches")
    changed = await order(wire, "PATCH", "/switches", json={"cut_off": 30, "user_couplings": "array"})
    refused = await order(wire, "PATCH", "/switches", json={"cut_off": 1, "no_such": True})

    assert (25.0, "object") == (before.body["cut_off"]["value"], before.body["user_couplings"]["value"])
    assert (30.0, 25.0, "array") == (
        changed.body["cut_off"]["value"],
        changed.body["cut_off"]["default"],
        changed.body["user_couplings"]["value"],
    )
    assert before.body["cut_off"]["about"].startswith("How long a partner may take to answer")
    assert (422, "invalid_params") == refused.error
    assert "there is no switch no_such" in refused.body["message"]
    assert timedelta(seconds=30) == heroku.switches.cut_off


async def test_traffic_is_numbered_masked_and_filtered(heroku: Emulator, wire: Wire) -> None:
    """By direction, by failure, and since a number, so that a program reads each exchange once."""
    await provision(wire)
    await wire.get("/apps/none")
    listed = (await order(wire, "GET", "/traffic")).body
    mine = (await order(wire, "GET", "/traffic?direction=to%20partner")).body["exchanges"]
    failed = (await order(wire, "GET", "/traffic?failed=true")).body["exchanges"]
    later = (await order(wire, "GET", "/traffic?since=1")).body["exchanges"]
    await order(wire, "DELETE", "/traffic")
    await wire.get("/account")
    since = (await order(wire, "GET", f"/traffic?since={listed['latest']}")).body

    assert [1, 2] == [exchange["number"] for exchange in listed["exchanges"]]
    assert (["POST"], ["/apps/none"], [2]) == (
        [exchange["method"] for exchange in mine],
        [exchange["path"] for exchange in failed],
        [exchange["number"] for exchange in later],
    )
    assert '"code":"•••"' in mine[0]["request"]
    assert (3, ["/account"]) == (since["latest"], [exchange["path"] for exchange in since["exchanges"]])


async def test_a_summary_tells_what_stands(heroku: Emulator, wire: Wire) -> None:
    """Counts, the clock, and the add-ons by state."""
    await provision(wire)
    heroku.faults.add(Fault(kind="drop", path="/nowhere"))
    await order(wire, "POST", "/settle")
    state = (await order(wire, "GET", "/state")).body

    assert (heroku.url, 1.0, 22, 3, 2, 5, 1) == (
        state["url"],
        state["clock"]["speed"],
        *(state[name] for name in ("apps", "users", "teams", "pipelines", "faults")),
    )
    assert {str(State.PROVISIONED): 1} == state["addons"]


async def test_control_is_no_call_to_heroku(heroku: Emulator, wire: Wire) -> None:
    """It is not recorded, no fault hits it, it costs no rate pool, and it needs no token."""
    heroku.faults.add(Fault(kind="drop"))
    reply = await order(wire, "GET", "/state")

    assert (200, "no-store") == (reply.status, reply.headers["Cache-Control"])
    assert not {"Request-Id", "RateLimit-Remaining"} & set(reply.headers)
    assert [] == list(heroku.traffic)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("GET", "/nothing", None, 404, "docs/emulator.md"),
        ("PUT", "/clock", None, 404, "docs/emulator.md"),
        ("POST", "/addons", b"{", 400, "JSON"),
        ("POST", "/addons", b"[]", 422, "JSON object"),
        ("POST", "/addons", b'{"app": "storefront"}', 422, "missing required field `plan`"),
        ("POST", "/addons", b'{"app": "none", "plan": "acme-search"}', 404, "There is no app none."),
        ("POST", "/addons", b'{"app": "storefront", "plan": "none"}', 422, "none"),
        ("POST", "/addons", b'{"app": "storefront", "plan": "acme-search", "user": "x"}', 404, "There is no user x."),
        ("POST", "/addons", b'{"app": "storefront", "plan": "acme-search", "id": "x"}', 422, "unknown field `id`"),
        ("PATCH", "/addons/none", b'{"plan": "basic"}', 404, "There is no add-on none."),
        ("POST", "/apps", b'{"name": "x", "owner": "nobody"}', 404, "There is no user or team nobody."),
        ("POST", "/apps", b'{"name": "x", "owner": "lumen", "pipeline": "y"}', 404, "There is no pipeline y."),
        ("PATCH", "/apps/storefront/coupling", b'{"stage": "attic"}', 422, "Invalid enum value 'attic'"),
        ("PATCH", "/apps/ada-notes/coupling", b'{"stage": "test"}', 422, "couple it first"),
        ("DELETE", "/attachments/none", None, 404, "There is no attachment none."),
        ("POST", "/addon-services/none/reset-secret", None, 404, "There is no add-on service none."),
        ("POST", "/clock/advance", b'{"by": -1}', 422, "set the clock"),
        ("POST", "/clock/advance", b'{"by": 99999999999}', 422, "duration ahead"),
        ("POST", "/clock/set", b'{"at": "2026-11-23T12:00:00"}', 422, "timezone"),
        ("POST", "/clock/set", b'{"at": "9999-11-23T12:00:00Z"}', 422, "2200"),
        ("POST", "/clock/run", b'{"speed": -1}', 422, ">= 0.0"),
        ("POST", "/faults", b'{"kind": "duplicate"}', 422, 'duplicate happens to calls "to partner" only'),
        ("GET", "/traffic?direction=up", None, 422, "Invalid enum value 'up'"),
    ],
)
async def test_a_mistake_is_explained(
    wire: Wire, method: str, path: str, body: bytes | None, status: int, told: str
) -> None:
    """4xx, with words that say what to do."""
    reply = await wire.send(method, f"/__emulator__{path}", token=None, data=body)

    assert status == reply.status
    assert told in reply.body["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "emulator.example"},
        {"Host": "127.0.0.1.example:80"},
        {"Host": "[::1"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
async def test_another_site_is_refused(heroku: Emulator, wire: Wire, headers: Mapping[str, str]) -> None:
    """Neither a page of another origin nor a name that points here can work the emulator."""
    reply = await order(wire, "POST", "/apps", json={"name": "x", "owner": "lumen"}, **headers)

    assert (403, "forbidden") == reply.error
    assert "x" not in heroku.state.apps


async def test_its_own_pages_are_let_in(heroku: Emulator, wire: Wire) -> None:
    """A browser says where a request comes from; the emulator's own origin is fine, under any loopback name."""
    own = await order(wire, "GET", "/clock", Origin=heroku.url, Sec_Fetch_Site="same-origin")
    named = await order(wire, "GET", "/clock", Host="localhost:5055")

    assert (200, 200) == (own.status, named.status)


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.7", 403)]
)
async def test_another_machine_is_refused(address: str, status: int) -> None:
    """An emulator that listens on every address is still controlled from its own machine only."""
    emulator = Emulator(load_world(BUILT_IN_WORLD), url="http://127.0.0.1")
    transport = httpx2.ASGITransport(app=emulator.asgi(), client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        reply = await client.get("/__emulator__/clock")

    assert status == reply.status_code


def test_no_operation_stands_there_twice() -> None:
    """One method and path is one operation."""
    assert len(CONTROLS) == len({(control.method, control.path) for control in CONTROLS})


def test_every_operation_is_documented() -> None:
    """docs/emulator.md has the list, by method and path."""
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [line.split("|")[1] for line in lines]

    assert [] == [
        f"{control.method} {control.path}"
        for control in CONTROLS
        if not any(f" {control.path}`" in cell and f"`{control.method}" in cell for cell in cells)
    ]
