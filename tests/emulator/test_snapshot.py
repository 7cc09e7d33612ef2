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
from typing import Any

import aiohttp
import msgspec
import pytest

import headrace.emulator
from headrace.emulator import Clock, Emulator, Fault, load_world, run
from headrace.emulator.api import ENDPOINTS
from headrace.emulator.graph import find_records, is_record
from headrace.emulator.heroku import Heroku
from headrace.emulator.records import Addon
from headrace.emulator.snapshot import BOOKS, FORGOTTEN, OTHERS, find_shared, read_file, take_snapshot
from headrace.emulator.state import Registry
from headrace.errors import ConfigurationError
from headrace.models import State

from .acme import Acme, Wire, accept_for_later, provision_at_once

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
PARTS: dict[str, Callable[[Registry], Iterable[str]]] = {
    "addon": lambda state: [addon.id for addon in state.addons],
    "app": lambda state: [app.name for app in state.apps],
    "attachment": lambda state: state.attachments,
    "authorization": lambda state: [each for user in state.users.values() for each in state.authorizations.of(user)],
    "client": lambda state: state.authorizations.clients,
    "delivery": lambda state: list_webhooks(state, "deliveries"),
    "domain": lambda state: [each.hostname for app in state.apps for each in app.domains.values()],
    "drain": lambda state: [drain for app in state.apps for drain in app.log_drains],
    "dyno": lambda _state: ["web.1"],
    "event": lambda state: list_webhooks(state, "events"),
    "process": lambda _state: ["web"],
    "region": lambda _state: ["us"],
    "stack": lambda _state: ["heroku-24"],
    "webhook": lambda state: list_webhooks(state, "subscriptions"),
    "collaborator": lambda state: state.users_by_email,
    "coupling": lambda state: state.couplings,
    "pipeline": lambda state: [pipeline.id for pipeline in state.pipelines],
    "plan": lambda state: state.plans,
    "promotion": lambda state: state.promotions,
    "release": lambda _state: ["1", "2", "3"],
    "service": lambda state: [service.name for service in state.addon_services],
    "team": lambda state: [team.name for team in state.teams],
    "user": lambda state: ["~", *state.users_by_email],
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
async def history(acme: Acme) -> AsyncIterator[History]:
    """A Heroku on a stopped clock, with something of everything."""
    async with serve_heroku(acme) as (heroku, wire):
        yield await play_history(heroku, wire, acme)


@asynccontextmanager
async def serve_heroku(acme: Acme) -> AsyncIterator[tuple[Emulator, Wire]]:
    clock = Clock()
    clock.freeze(NOON)
    async with (
        run(load_world(WORLD.replace("SERVICE", acme.url)), clock=clock) as heroku,
        aiohttp.ClientSession() as session,
    ):
        yield heroku, Wire(heroku.url, session)


async def play_history(heroku: Emulator, wire: Wire, acme: Acme) -> History:
    await wire.send("PATCH", "/apps/shop/config-vars", json={"MODE": "fast", "KEY": None})
    for path, body in (
        ("/oauth/clients", {"name": "bot", "redirect_uri": "https://bot.example"}),
        ("/oauth/authorizations", {"scope": ["read"], "description": "for CI", "expires_in": 60}),
        ("/apps/shop/log-drains", {"url": "https://drain.example"}),
        # Not of the app: what an event tells is kept as it was told, and the address of this run is part of an app.
        ("/apps/shop/webhooks", {"include": ["api:domain"], "level": "sync", "url": f"{acme.url}/webhooks/shop"}),
        ("/apps/shop/domains", {"hostname": "shop.example.com"}),
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


def read_secret(heroku: Emulator) -> str:
    return heroku.state.addon_services["acme-search"].client_secret.reveal()


async def read_everything(heroku: Emulator, token: str) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Return the answer to every GET, as each user and as an add-on."""
    paths = [path for endpoint in ENDPOINTS if endpoint.method == "GET" for path in fill(endpoint.path, heroku.state)]
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


def fill(template: str, state: Registry) -> Iterable[str]:
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    return [
        template.format(**dict(zip(names, values, strict=True)))
        for values in product(*(PARTS[name](state) for name in names))
    ]


async def test_everything_that_can_be_read_is_the_same_after_a_load(
    history: History, acme: Acme, tmp_path: Path
) -> None:
    """Every listing and every thing, for each user and for the add-on."""
    before = await read_everything(history.heroku, history.token)
    history.heroku.save(tmp_path / "saved.json")
    async with serve_heroku(acme) as (other, _):
        other.load(tmp_path / "saved.json")
        after = await read_everything(other, history.token)

        assert before == after
        assert {200, 403} <= {status for status, _ in after.values()}
        assert take_snapshot(history.heroku._heroku) == take_snapshot(other._heroku)


async def test_tokens_go_on_working(history: History, acme: Acme, tmp_path: Path) -> None:
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


async def test_deadlines_stand_again(history: History, acme: Acme, tmp_path: Path) -> None:
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
    heroku: Emulator, acme: Acme, tmp_path: Path
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


async def test_a_call_under_way_does_not_reach_what_was_loaded_meanwhile(heroku: Emulator, acme: Acme) -> None:
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
    loaded = take_snapshot(heroku._heroku)
    heroku.clock.advance(HOUR)
    heroku.reset()
    reset = take_snapshot(heroku._heroku)
    fresh = Emulator(load_world(WORLD.replace("SERVICE", "http://127.0.0.1:1")), url=heroku.url, clock=heroku.clock)
    heroku.load(tmp_path / "saved.json")
    heroku.create_app("newest", owner="team")
    heroku.clock.run(60)
    heroku.faults.clear()
    heroku.reset()

    assert reset.records.keys() == take_snapshot(fresh._heroku).records.keys()
    assert (NOON, 4500, ()) == (reset.clock.at, reset.switches.rate_limit, reset.faults)
    assert loaded == take_snapshot(heroku._heroku)


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
    heroku = history.heroku._heroku
    snapshot = take_snapshot(heroku)
    kinds = find_records([type(getattr(heroku, name)) for name in BOOKS], find_shared(heroku).keys())
    modules = [
        importlib.import_module(f"headrace.emulator.{found.name}")
        for found in pkgutil.iter_modules(headrace.emulator.__path__)
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
    assert take_snapshot(history.heroku._heroku) == read_file(path)


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
    before = take_snapshot(history.heroku._heroku)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigurationError) as refused:
        history.heroku.load(path)

    assert any(problem in found for found in refused.value.problems), refused.value.problems
    assert before == take_snapshot(history.heroku._heroku)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_file(Path("nowhere.json"))
