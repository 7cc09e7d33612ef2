"""Saving, loading and resetting: what comes back is all that was there, and goes on."""

import asyncio
import importlib
import os
import pkgutil
import stat
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from string import Formatter
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec
import pytest

import headrace.emulator
from emulator.partner import RawPartner, accept_for_later, provision_at_once
from emulator.wire import Wire
from headrace.emulator import Clock, Emulator, Fault, Switches, load_world, run
from headrace.emulator.front.endpoints import ENDPOINTS
from headrace.emulator.heroku.assembly import Heroku, build_heroku
from headrace.emulator.heroku.snapshot import BOOKS, FORGOTTEN, OTHERS, Snapshot, find_shared, read_file
from headrace.emulator.kit.graph import find_records, is_record
from headrace.emulator.world.records import Addon
from headrace.emulator.world.state import Registry
from headrace.emulator.world.traffic import Traffic
from headrace.errors import ConfigurationError
from headrace.models import State

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORLD = """
users = [{ email = "ada@a.example", token = "ada-token" }, { email = "li@a.example", token = "li-token" }]
teams = [{ name = "team", members = { "ada@a.example" = "admin", "li@a.example" = "member" } }]
pipelines = [{ name = "shop", owner = "team" }, { name = "nobodys" }]
apps = [
    { name = "staging", owner = "team", formation = { web = 1 } },
    { name = "shop", owner = "ada@a.example", collaborators = ["li@a.example"], config = { KEY = "kept" } },
    { name = "bare", owner = "ada@a.example" },
]
couplings = [
    { app = "staging", pipeline = "shop", stage = "staging" },
    { app = "shop", pipeline = "shop", stage = "production" },
]
[[addon_services]]
slug = "acme-search"
password = "acme-manifest-password"
sso_salt = "acme-sso-salt"
client_secret = "acme-client-secret"
config_vars = ["ACME_SEARCH_URL"]
requires = ["many_per_app", "attachable"]
base_url = "SERVICE/heroku/resources"
sso_url = "SERVICE/sso/login"
plans = [{ name = "free", default = true }, { name = "basic", price = 900 }]
"""

# What stands for each part of a path, when everything is read.
PARTS: dict[str, Callable[[Emulator], Iterable[str]]] = {
    "addon": lambda heroku: [addon.id for addon in heroku.state.addons],
    "app": lambda heroku: [app.name for app in heroku.state.apps],
    "attachment": lambda heroku: heroku.state.attachments,
    "authorization": lambda heroku: [
        each for user in heroku.state.users.values() for each in heroku.state.authorizations.of(user)
    ],
    "client": lambda heroku: heroku.state.authorizations.clients,
    "delivery": lambda heroku: list_webhooks(heroku.state, "deliveries"),
    "domain": lambda heroku: [each.hostname for app in heroku.state.apps for each in app.domains.values()],
    "drain": lambda heroku: [drain for app in heroku.state.apps for drain in app.log_drains],
    "dyno": lambda _heroku: ["web.1"],
    "event": lambda heroku: list_webhooks(heroku.state, "events"),
    "process": lambda _heroku: ["web"],
    "region": lambda _heroku: ["us"],
    "stack": lambda _heroku: ["heroku-24"],
    "webhook": lambda heroku: list_webhooks(heroku.state, "subscriptions"),
    "collaborator": lambda heroku: heroku.state.users_by_email,
    "coupling": lambda heroku: heroku.state.couplings,
    "pipeline": lambda heroku: [pipeline.id for pipeline in heroku.state.pipelines],
    "plan": lambda heroku: heroku.state.plans,
    "promotion": lambda heroku: heroku.state.promotions,
    "release": lambda _heroku: ["1", "2", "3"],
    "service": lambda heroku: [service.name for service in heroku.state.addon_services],
    "team": lambda heroku: [team.name for team in heroku.state.teams],
    "user": lambda heroku: ["~", *heroku.state.users_by_email],
    "branch": lambda _heroku: ["main"],
    "number": lambda _heroku: ["1"],
    "review_app": lambda heroku: heroku.flow.review_apps,
    "setup": lambda heroku: heroku.flow.setups,
    "stage": lambda _heroku: ["review", "test"],
    "test_run": lambda heroku: heroku.flow.test_runs,
    "build": lambda _heroku: ["1"],
    "feature": lambda _heroku: ["preboot"],
    "slug": lambda _heroku: ["1"],
    "space": lambda _heroku: ["inner"],
    "telemetry_drain": lambda heroku: [drain for app in heroku.state.apps for drain in app.telemetry_drains],
    "transfer": lambda heroku: [app.transfer.id for app in heroku.state.apps if app.transfer],
}


def list_webhooks(state: Registry, kind: str) -> list[str]:
    return [each for owner in (*state.apps, *state.addons) for each in getattr(owner.webhooks, kind)]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a test holds of a Heroku at which much has happened."""

    heroku: Emulator
    token: str
    refresh: str
    code: str
    late: Addon


@pytest.fixture
async def history(acme: RawPartner) -> AsyncIterator[History]:
    """A Heroku on a stopped clock, with something of everything."""
    async with serve_heroku(acme) as (heroku, wire):
        yield await play_history(heroku, wire, acme)


@asynccontextmanager
async def serve_heroku(acme: RawPartner) -> AsyncIterator[tuple[Emulator, Wire]]:
    clock = Clock()
    clock.freeze(NOON)
    async with (
        run(load_world(WORLD.replace("SERVICE", acme.url)), clock=clock) as heroku,
        aiohttp.ClientSession() as session,
    ):
        yield heroku, Wire(heroku.url, session)


async def play_history(heroku: Emulator, wire: Wire, acme: RawPartner) -> History:
    await wire.send("PATCH", "/apps/shop/config-vars", json={"MODE": "fast", "KEY": None})
    for path, body in (
        ("/oauth/clients", {"name": "bot", "redirect_uri": "https://bot.example"}),
        ("/oauth/authorizations", {"scope": ["read"], "description": "for CI", "expires_in": 60}),
        ("/apps/shop/log-drains", {"url": "https://drain.example"}),
        # Not of the app: what an event tells is kept as it was told, and the address of this run is part of an app.
        ("/apps/shop/webhooks", {"include": ["api:domain"], "level": "sync", "url": f"{acme.url}/webhooks/shop"}),
        ("/apps/shop/domains", {"hostname": "shop.example.com"}),
        ("/account/app-transfers", {"app": "bare", "recipient": "li@a.example"}),
        ("/telemetry-drains", build_telemetry_drain(heroku)),
    ):
        assert 201 == (await wire.send("POST", path, json=body)).status
    await heroku.settle()
    heroku.create_app("fresh", owner="team", region="eu")
    heroku.move("staging", "development")
    addon = await heroku.create_addon("shop", "acme-search:basic", options={"size": "big"}, name="search")
    token = (await wire.exchange(acme.received[-1].body["oauth_grant"]["code"])).body
    heroku.attach(addon, "staging", "SECOND")
    await heroku.change_plan(addon, "free")
    await heroku.deprovision(await heroku.create_addon("fresh", "acme-search"))
    promotion = {
        "pipeline": {"id": heroku.state.pipelines["shop"].id},
        "source": {"app": {"id": heroku.state.apps["staging"].id}},
        "targets": [{"app": {"id": heroku.state.apps["shop"].id}}],
    }
    assert 201 == (await wire.send("POST", "/pipeline-promotions", json=promotion)).status
    await play_flow(heroku, wire)
    acme.reactions["POST"] = accept_for_later
    late = await heroku.create_addon("bare", "acme-search", name="late")
    heroku.reset_secret("acme-search")
    token = (await wire.refresh(token["refresh_token"], client_secret=read_secret(heroku))).body
    heroku.faults.add(Fault(kind="status", path="/never", count=3))
    heroku.switches.rate_limit = 100_000
    return History(
        heroku=heroku,
        token=token["access_token"],
        refresh=token["refresh_token"],
        code=acme.received[-1].body["oauth_grant"]["code"],
        late=late,
    )


async def play_flow(heroku: Emulator, wire: Wire) -> None:
    """A pipeline's review app and test run, both of which are there still, and a source."""
    heroku.connect("shop", "team/shop", {"addons": ["acme-search"]})
    path = f"/pipelines/{heroku.state.pipelines['shop'].id}/stage/review/config-vars"
    assert 200 == (await wire.send("PATCH", path, json={"MODE": "review"})).status
    heroku.switches.test_run_lasts = HOUR
    await heroku.open_pull_request("shop", 7)
    await heroku.run_tests("shop", "ada@a.example")
    assert 201 == (await wire.send("POST", "/sources")).status


def build_telemetry_drain(heroku: Emulator) -> dict[str, object]:
    """Return the request for one, of a Fir app that is made for it."""
    app = heroku.state.add_app("aurora", owner=heroku.state.users_by_email["ada@a.example"], generation="fir")
    exporter = {"type": "otlphttp", "endpoint": "https://otel.example", "headers": {"x-key": "k"}}
    return {"owner": {"id": app.id, "type": "app"}, "signals": ["logs"], "exporter": exporter}


def read_secret(heroku: Emulator) -> str:
    return heroku.state.addon_services["acme-search"].client_secret.reveal()


async def read_everything(heroku: Emulator, token: str) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Return the answer to every GET, as each user and as an add-on."""
    paths = [path for endpoint in ENDPOINTS if endpoint.method == "GET" for path in fill(endpoint.path, heroku)]
    async with aiohttp.ClientSession() as session:
        wire = Wire(heroku.url, session)
        replies = {
            (caller, path): await wire.get(path, token=caller)
            for path in paths
            for caller in ("ada-token", "li-token", token)
        }
    # The emulator stands elsewhere after a load, and says so in its links.
    return {
        key: (reply.status, reply.raw.replace(heroku.url.encode(), b"HEROKU"))
        for key, reply in replies.items()
        if not key[1].endswith("rate-limits")
    }


def fill(template: str, heroku: Emulator) -> Iterable[str]:
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    return [
        template.format(**dict(zip(names, values, strict=True)))
        for values in product(*(PARTS[name](heroku) for name in names))
    ]


def take_snapshot(heroku: Emulator) -> Snapshot:
    """Return what a file holds that is saved now."""
    with TemporaryDirectory() as folder:
        heroku.save(Path(folder, "saved.json"))
        return read_file(Path(folder, "saved.json"))


async def test_everything_that_can_be_read_is_the_same_after_a_load(
    history: History, acme: RawPartner, tmp_path: Path
) -> None:
    """Every listing and every thing, for each user and for the add-on."""
    before = await read_everything(history.heroku, history.token)
    history.heroku.save(tmp_path / "saved.json")
    async with serve_heroku(acme) as (other, _):
        other.load(tmp_path / "saved.json")
        after = await read_everything(other, history.token)

        assert before == after
        assert {200, 403} <= {status for status, _ in after.values()}
        assert take_snapshot(history.heroku) == take_snapshot(other)


async def test_tokens_go_on_working(history: History, acme: RawPartner, tmp_path: Path) -> None:
    """An access token, a refresh token, a grant that is not spent, and the new client secret."""
    history.heroku.save(tmp_path / "saved.json")
    async with serve_heroku(acme) as (other, wire):
        other.load(tmp_path / "saved.json")
        secret = read_secret(other)
        replies = [
            await wire.get("/addons/search", token=history.token),
            await wire.refresh(history.refresh, client_secret=secret),
            await wire.exchange(history.code, client_secret=secret),
            await wire.exchange(history.code, client_secret=secret),
            await wire.exchange(history.code),
        ]

    assert [200, 200, 200, 401, 401] == [reply.status for reply in replies]


async def test_deadlines_stand_again(history: History, acme: RawPartner, tmp_path: Path) -> None:
    """An add-on whose partner had twelve hours has what is left of them (contract §3)."""
    history.heroku.clock.advance(11 * HOUR)
    history.heroku.save(tmp_path / "saved.json")
    async with serve_heroku(acme) as (other, _):
        other.load(tmp_path / "saved.json")
        other.clock.advance(HOUR - timedelta(seconds=1))
        before = "late" in other.state.addons
        other.clock.advance(timedelta(seconds=1))

        assert (True, False) == (before, "late" in other.state.addons)


async def test_who_was_being_called_when_it_was_saved_gets_twelve_hours(
    heroku: Emulator, acme: RawPartner, tmp_path: Path
) -> None:
    """The answer is lost with the process that waited for it; the partner may have taken the request."""
    called, may_answer = asyncio.Event(), asyncio.Event()

    async def take_long(received: Any) -> Any:
        called.set()
        await may_answer.wait()
        return await provision_at_once(received)

    acme.reactions["POST"] = take_long
    creating = asyncio.create_task(heroku.create_addon("storefront", "acme-search"))
    await called.wait()
    heroku.save(tmp_path / "saved.json")
    may_answer.set()
    await creating
    heroku.load(tmp_path / "saved.json")
    [addon] = heroku.state.addons

    assert State.PROVISIONING == addon.state
    assert addon.deadline is not None


async def test_a_call_under_way_does_not_reach_what_was_loaded_meanwhile(heroku: Emulator, acme: RawPartner) -> None:
    """Its add-on is not there any more, even if one of its id is."""

    async def reset_first(received: Any) -> Any:
        heroku.reset()
        return await provision_at_once(received)

    acme.reactions["POST"] = reset_first
    with pytest.raises(headrace.emulator.Declined, match="gave up"):
        await heroku.create_addon("storefront", "acme-search")

    assert [] == list(heroku.state.addons)


async def test_reset_returns_to_the_world_or_to_what_was_loaded(history: History, tmp_path: Path) -> None:
    """Everything made, changed and set since is gone: things, tokens, switches, faults, and the time."""
    heroku = history.heroku
    heroku.save(tmp_path / "saved.json")
    loaded = take_snapshot(heroku)
    heroku.clock.advance(HOUR)
    heroku.reset()
    reset = take_snapshot(heroku)
    fresh = Emulator(load_world(WORLD.replace("SERVICE", "http://127.0.0.1:1")), url=heroku.url, clock=heroku.clock)
    heroku.load(tmp_path / "saved.json")
    heroku.create_app("newest", owner="team")
    heroku.clock.run(60)
    heroku.faults.clear()
    heroku.reset()

    assert reset.records.keys() == take_snapshot(fresh).records.keys()
    assert (NOON, 4500, ()) == (reset.clock.at, reset.switches.rate_limit, reset.faults)
    assert loaded == take_snapshot(heroku)


async def test_a_loaded_world_is_as_old_as_it_was(history: History, tmp_path: Path) -> None:
    """With a running clock a file of last week has its deadlines next to now, not last week."""
    path = tmp_path / "saved.json"
    history.heroku.clock.run()
    history.heroku.save(path)
    text = path.read_text()
    saved = msgspec.json.decode(text)
    week_older = datetime.fromisoformat(saved["clock"]["at"]) - timedelta(days=7)
    path.write_text(text.replace(saved["clock"]["at"], week_older.isoformat()))
    left = history.late.deadline - history.heroku.clock.now() if history.late.deadline else None
    history.heroku.load(path)
    deadline = history.heroku.state.addons["late"].deadline

    assert left is not None
    assert deadline is not None
    assert timedelta(days=7) <= deadline - history.heroku.clock.now() - left + timedelta(seconds=1) < timedelta(days=8)


def test_every_part_of_heroku_is_saved_or_left_out_on_purpose() -> None:
    """A new part has to be named in one of the lists."""
    assert {part.name for part in fields(Heroku)} == {*BOOKS, *OTHERS, *FORGOTTEN}


async def test_the_history_has_something_of_everything(history: History) -> None:
    """What is new at the emulated Heroku has to be played here too, or nobody knows that it comes back."""
    snapshot = take_snapshot(history.heroku)
    heroku = build_heroku(load_world(""), url="", clock=Clock(), switches=Switches(), traffic=Traffic())
    kinds = find_records([type(getattr(heroku, name)) for name in BOOKS], find_shared(heroku).keys())
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(headrace.emulator.__path__, "headrace.emulator.")
    ]
    records = {kind.__name__ for module in modules for kind in vars(module).values() if is_record(kind)}

    assert records == set(kinds) == set(snapshot.records)
    assert [] == [f"{book}.{name}" for book, saved in snapshot.books.items() for name in saved if not saved[name]]


async def test_a_file_is_for_its_owner_alone_and_whole_or_not_there(history: History, tmp_path: Path) -> None:
    """It holds tokens; what stood there before is replaced in one step."""
    path = tmp_path / "saved.json"
    path.write_text("old")
    history.heroku.save(path)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ["saved.json"] == os.listdir(tmp_path)  # noqa: PTH208 - read at once
    assert take_snapshot(history.heroku) == read_file(path)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{", "", "is not a saved emulator"),
        ('"version": 1', '"version": 2', "is of version 2; this emulator reads version 1."),
        ('"rate_limit": 100000', '"rate_limit": "many"', "Expected `int`, got `str` - at `$.switches.rate_limit`"),
        ('"apps": [', '"apps": ["App/7", ', "registry, apps: there is no App/7."),
        ('"stage": "production"', '"stage": "moon"', "stage: Invalid enum value 'moon'"),
        ('"region": "eu",', "", "region is missing."),
        ('"region": "eu",', '"regoin": "eu",', "there is no member regoin."),
        ('"records": {', '"records": {"Ghost": {},', "Ghost: there is no such kind of record."),
    ],
)
async def test_a_file_with_mistakes_is_refused_and_changes_nothing(
    history: History, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """The message names the place."""
    path = tmp_path / "saved.json"
    history.heroku.save(path)
    before = take_snapshot(history.heroku)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigurationError) as refused:
        history.heroku.load(path)

    assert any(problem in found for found in refused.value.problems), refused.value.problems
    assert before == take_snapshot(history.heroku)


async def test_a_file_of_an_older_emulator_still_loads(tmp_path: Path) -> None:
    """Records stand in it by the names of their classes, so these names stay."""
    saved = Path(__file__).with_name("saved-by-0.1.0.json")
    async with run(load_world("")) as heroku:
        heroku.load(saved)
        heroku.save(tmp_path / "saved.json")

    before, after = (read_file(path) for path in (saved, tmp_path / "saved.json"))
    assert {kind: set(table) for kind, table in before.records.items()} == {
        kind: set(table) for kind, table in after.records.items()
    }
    assert {kind: table.keys() for kind, table in before.books.items()} == {
        kind: after.books[kind].keys() for kind in before.books
    }
    # A book that is newer than the file is an empty one.
    assert not any(after.books["flow"].values())


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_file(Path("nowhere.json"))
