"""docs/hooks.md: each hook that the page shows, taken as it stands there, and called by an emulated Heroku."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

import headrace
from acceptance.documented import list_blocks
from browsing import log_in, provision, visit
from emulator.partner import answer, serve_partner
from headrace.models import State
from headrace.resources.ordering import Orders
from headrace.service import AddonService
from headrace.testing import eventually
from pair import Acme, play_pair

pytestmark = pytest.mark.acceptance

BLOCKS = [text for kind, text in list_blocks("hooks.md") if kind == "python"]
SHARED = "@service.lifespan"


@dataclass
class Index:
    url: str


@dataclass
class Cloud:
    """What the page takes for granted: a partner's cloud, whose first index cannot be made."""

    passwords: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    rebuilt: list[str] = field(default_factory=list)

    async def create(self, *, key: str, password: str) -> Index:
        self.passwords.append(password)
        if len(self.passwords) == 1:
            raise ConnectionError("the cloud is away")
        return Index(f"https://search.acme.example/{key}")

    async def rename(self, uuid: str, name: str) -> None:
        self.names[uuid] = name

    async def rebuild(self, _uuid: str, *, key: str) -> int:
        self.rebuilt.append(key)
        return 12

    async def count(self, _uuid: str) -> int:
        return 12_345


@dataclass
class Tracker:
    """An error tracker, as the page takes it for granted too."""

    scope: dict[str, Any] = field(default_factory=dict)
    captured: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    @contextmanager
    def new_scope(self, **tags: Any) -> Iterator[None]:
        self.scope = tags
        yield

    def capture_exception(self, error: BaseException) -> None:
        self.captured.append((self.scope, str(error)))


@dataclass
class PageAcme(Acme):
    """The page's hooks, in place of those that every partner has."""

    blocks: list[str] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)

    def register(self, service: AddonService) -> None:
        service.on_plan_change(lambda _change: None)
        if not any("on_deprovision" in block for block in self.blocks):
            service.on_deprovision(lambda _resource: None)
        for block in self.blocks:
            names = {name: getattr(headrace, name) for name in headrace.__all__}
            exec(block, {**names, "service": service, "__name__": "acme", **self.given})


async def test_the_hooks_of_the_page_do_what_it_says(sqlite_url: str) -> None:
    """A step is done once, an error is told, an event is heard, the board has the panel, and the last one drops."""
    cloud, tracker = Cloud(), Tracker()
    indexes: dict[str, str] = {"shop": "an index"}
    given = {
        "cloud": cloud,
        "tracker": tracker,
        "secrets": secrets,
        "indexes": indexes,
        "find_key": lambda resource: resource.pipeline.name,
        "is_review": lambda _resource: False,
        "uses": lambda _sibling: True,
    }
    acme = PageAcme(blocks=[block for block in BLOCKS if SHARED not in block], given=given)
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await provision(pair, "shop")
        await eventually(lambda: bool(addon.webhooks.subscriptions))
        pair.heroku.rename_app("shop", "boutique")
        await eventually(lambda: cloud.names == {addon.id: "boutique"})
        board = (await visit(pair, "/board", cookie=await log_in(pair, addon))).text
        config = dict(addon.config)
        await Orders(lambda: pair.parts, pair.parts.hooks).order_action(addon.id, "Rebuild index")
        await pair.settle()
        told = [event.detail for event in await pair.list_events(addon.id) if event.name == "action.done"]
        await pair.heroku.deprovision(addon)
        await pair.settle()

    assert 2 == len(cloud.passwords)
    assert 1 == len(set(cloud.passwords))
    assert f"https://search.acme.example/{addon.id}" == config["ACME_SEARCH_URL"]
    scope = {"hook": "on_provision", "resource": addon.id, "attempt": 1}
    assert [(scope, "the cloud is away")] == tracker.captured
    assert "12,345" in board
    assert [f"{addon.id}:1"] == cloud.rebuilt
    assert [{"number": 1, "action": "Rebuild index", "message": "12 documents"}] == told
    assert {} == indexes


async def test_what_hooks_share_is_open_when_they_are_called(sqlite_url: str) -> None:
    """The page's session asks a cloud, which here is one on this machine."""
    async with serve_partner() as cloud:
        cloud.reactions["POST"] = answer(200, {"url": "https://search.acme.example/made"})
        blocks = [block.replace("https://cloud.example", cloud.url) for block in BLOCKS if SHARED in block]
        acme = PageAcme(blocks=blocks, given={"aiohttp": aiohttp, "AsyncIterator": AsyncIterator})
        async with play_pair(sqlite_url, acme=acme) as pair:
            addon = await provision(pair, "shop")

    assert State.PROVISIONED == addon.state
    assert "https://search.acme.example/made" == addon.config["ACME_SEARCH_URL"]
    assert [f"/indexes/{addon.id}"] == [received.path for received in cloud.received]
