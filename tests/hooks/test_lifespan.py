"""What hooks share: opened before the first and closed after the last, on the loop that all async hooks run on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headrace import AddonService, Lifespan, MisuseError, Panel, PlanChange, Provision, Resource
from headrace.errors import HeadraceError
from headrace.hooks.registry import Hooks
from headrace.service import find_assembly
from headrace.settings import read_settings
from pair import Acme, play_pair
from settings.test_settings import GOOD, LOCAL

RESOURCE = Resource(uuid="u-1", name="acme-1", plan="free", region="us", options={})


class SharingAcme(Acme):
    """A partner whose hooks share a list, and say on which event loop each runs."""

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()

    def note(self, what: str) -> None:
        self.loops.add(asyncio.get_running_loop())
        self.story.append(what)

    def register(self, service: AddonService) -> None:
        @service.lifespan
        async def shared() -> AsyncIterator[list[str]]:
            self.note("opened")
            yield self.story
            self.note("closed")

        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            shared.value.append("provision")
            self.note(await provision.step("make", self.make))
            return {"ACME_SEARCH_URL": "https://search.acme.example/"}

        @service.on_plan_change
        async def resize(change: PlanChange) -> None:
            self.note("plan change")

        @service.on_deprovision
        async def drop(resource: Resource) -> None:
            self.note("deprovision")

        @service.panel
        async def show(resource: Resource) -> Panel:
            self.note("panel")
            return Panel(sentence=f"{len(shared.value)} of them")

    async def make(self) -> str:
        self.loops.add(asyncio.get_running_loop())
        return "step"


async def test_all_async_hooks_share_a_value_on_one_loop(sqlite_url: str) -> None:
    """Panel and steps too; nobody is called before it is open, nor after it is closed."""
    acme = SharingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        await pair.heroku.change_plan(addon, "basic")
        await pair.settle()
        await pair.parts.hooks.call("panel", RESOURCE)
        await pair.heroku.deprovision(addon)
        await pair.settle()
        loops = set(acme.loops)

    assert ["opened", "provision", "step", "plan change", "panel", "deprovision", "closed"] == acme.story
    assert 1 == len(loops)
    assert asyncio.get_running_loop() not in loops


async def test_a_web_process_without_a_worker_has_one_too(sqlite_url: str) -> None:
    """Its panel hook runs there."""
    acme = SharingAcme()
    async with play_pair(sqlite_url, acme=acme, has_worker=False) as pair:
        await pair.parts.hooks.call("panel", RESOURCE)

    assert ["opened", "panel", "closed"] == acme.story
    assert 1 == len(acme.loops)


async def test_what_cannot_be_opened_keeps_the_service_from_starting(sqlite_url: str) -> None:
    """The error is the partner's own."""
    service = AddonService(read_settings({**GOOD, **LOCAL, "DATABASE_URL": sqlite_url}))

    @service.lifespan
    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        raise LookupError("no cloud")
        yield

    Acme().register(service)
    assembly = find_assembly(service)
    with pytest.raises(LookupError, match="no cloud"):
        async with assembly.running(assembly.assemble(), has_worker=False):
            pass


async def test_what_cannot_be_closed_keeps_nothing_else_from_ending(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log."""
    service = AddonService(read_settings({**GOOD, **LOCAL, "DATABASE_URL": sqlite_url}))

    @service.lifespan
    async def sticky() -> AsyncIterator[str]:
        yield "open"
        raise LookupError("it sticks")

    Acme().register(service)
    assembly = find_assembly(service)
    async with assembly.running(parts := assembly.assemble(), has_worker=False):
        assert "open" == sticky.value

    assert parts.database.is_closed
    assert ["lifespan.failed"] == [record.msg for record in caplog.records if record.levelname == "ERROR"]


def test_a_value_is_there_only_while_the_service_runs() -> None:
    async def open_nothing() -> AsyncIterator[None]:
        yield

    with pytest.raises(MisuseError, match="only while its service runs"):
        Lifespan(open_nothing).value  # noqa: B018


def test_there_is_one_lifespan() -> None:
    """Two have no order of their own."""

    async def open_nothing() -> AsyncIterator[None]:
        yield

    hooks = Hooks()
    hooks.live_for(Lifespan(open_nothing))
    with pytest.raises(HeadraceError, match="registered twice"):
        hooks.live_for(Lifespan(open_nothing))
