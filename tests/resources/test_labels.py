"""`service.labels`: what a resource is now, at once; as docs/labels.md has it on spans."""

import re
import sys
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.requests import Request
from starlette.responses import Response

from headrace import AddonService, MisuseError, ResourceLabels, State
from headrace.resources.labels import FRESH_SECONDS, MOST, PAUSE_SECONDS, LabelCache
from headrace.service import find_assembly
from headrace.settings import read_settings
from headrace.store.sql.database import Database
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.resources import update_resource
from headrace.testing import eventually
from house.rooms import ROOT
from settings.test_settings import GOOD, LOCAL
from spans import exporter
from store.making import HOUR, NOON, add_resource, id_of, place

__all__ = ["exporter"]

PAGE = ROOT / "docs" / "labels.md"
SHOP, NOTES, LEFT = id_of("shop"), id_of("notes"), id_of("left")


@pytest.fixture
def service(database_url: str) -> AddonService:
    return AddonService(read_settings({**GOOD, **LOCAL, "DATABASE_URL": database_url}))


@pytest.fixture
def fleet(database: Database) -> Database:
    """One in staging of `storefront`, one in no pipeline, and one that has gone."""
    with database.transaction() as connection:
        for name in ("shop", "notes", "left"):
            add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON)
        save_inspection(connection, place("shop"), next_check_at=NOON)
        save_inspection(connection, place("notes", None, app="notes"), next_check_at=NOON)
        close_placement(connection, LEFT, now=NOON + HOUR)
        update_resource(connection, LEFT, state=State.DEPROVISIONED, deprovisioned_at=NOON + HOUR)
    return database


class Watch:
    """A stopwatch that stands still until it is wound on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def load(service: AddonService, uuid: str) -> ResourceLabels:
    """Return the labels of a resource once they have been read."""
    await eventually(lambda: service.labels(uuid).age is not None)
    return service.labels(uuid)


async def test_labels_are_unknown_at_first_and_read_behind_whoever_asks(service: AddonService, fleet: Database) -> None:
    """The words are those of enriched rows: a stage, or why there is none."""
    async with service.connected():
        first = service.labels(SHOP.upper())
        shop = await load(service, SHOP)
        stages = [(await load(service, uuid)).stage for uuid in (SHOP, NOTES, LEFT, id_of("nobody"))]
        nonsense = service.labels("no-uuid")

    assert ResourceLabels(uuid=SHOP, stage="unknown", age=None) == first
    assert ("basic", "shop", "storefront") == (shop.plan, shop.app_name, shop.pipeline_name)
    assert shop.age is not None
    assert timedelta(0) <= shop.age < timedelta(minutes=5)
    assert ["staging", "none", "gone", "unseen"] == stages
    assert ResourceLabels(uuid="no-uuid", stage="unknown", age=None) == nonsense


def test_code_without_an_event_loop_has_them_too(service: AddonService, fleet: Database) -> None:
    """A plain function is the same there; where nothing is connected it says so."""
    with service.connected() as acme:
        assert SHOP == acme.labels(SHOP).uuid
    with pytest.raises(MisuseError, match="No service runs"):
        service.labels(SHOP)


async def test_labels_get_old_and_are_read_again(service: AddonService, fleet: Database) -> None:
    """A move is told once what is remembered is half a minute old; whoever asks first has the old one, with its age."""
    watch = Watch()
    async with service.connected():
        cache = LabelCache(find_assembly(service).find_parts, stopwatch=watch)
        await eventually(lambda: cache.find(SHOP).age is not None)
        with fleet.transaction() as connection:
            moved = place("shop", stage="production", at=NOON + HOUR)
            save_inspection(connection, moved, next_check_at=NOON)
        watch.seconds += FRESH_SECONDS - 1
        fresh = cache.find(SHOP)
        watch.seconds += 1
        old = cache.find(SHOP)
        await eventually(lambda: cache.find(SHOP).stage == "production")

    assert ("staging", timedelta(seconds=FRESH_SECONDS - 1)) == (fresh.stage, fresh.age)
    assert ("staging", timedelta(seconds=FRESH_SECONDS)) == (old.stage, old.age)


async def test_while_the_database_is_away_the_last_answer_stands(service: AddonService, fleet: Database) -> None:
    """Its age grows, nobody is told of an error, and once the database is back the labels are new."""
    watch, away = Watch(), Database("sqlite:////nowhere/at/all.db")
    async with service.connected():
        parts: list[Any] = [find_assembly(service).find_parts()]
        cache = LabelCache(lambda: parts[-1], stopwatch=watch)
        await eventually(lambda: cache.find(SHOP).age is not None)
        parts.append(SimpleNamespace(database=away))
        watch.seconds += 600
        stale, unread = cache.find(SHOP), cache.find(NOTES)
        parts.pop()
        watch.seconds += PAUSE_SECONDS

        def is_new() -> bool:
            # The read that failed may end only now, and nothing is read for a second after it.
            watch.seconds += PAUSE_SECONDS
            return cache.find(SHOP).age != timedelta(seconds=watch.seconds - 1_000)

        await eventually(is_new)
    away.close()

    assert ("staging", timedelta(seconds=600), None) == (stale.stage, stale.age, unread.age)


def count_read(cache: LabelCache, uuids: list[str]) -> int:
    return sum(cache.find(uuid).age is not None for uuid in uuids)


async def test_no_more_are_remembered_than_may_be(service: AddonService, fleet: Database) -> None:
    """Those asked for longest ago are forgotten first, however many uuids there are to ask for."""
    async with service.connected():
        cache = LabelCache(find_assembly(service).find_parts)
        await eventually(lambda: cache.find(SHOP).age is not None)
        others = [id_of(str(number)) for number in range(MOST)]
        await eventually(lambda: count_read(cache, others) == MOST)

        assert None is cache.find(SHOP).age


async def test_a_middleware_of_three_lines_labels_spans(
    service: AddonService, fleet: Database, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's own, in an application's requests: attributes are on the span around it."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    acme: Any = ModuleType("acme")
    acme.service = service
    monkeypatch.setitem(sys.modules, "acme", acme)
    namespace: dict[str, Any] = {}
    exec(code, namespace)

    async def answer(_request: Request) -> Response:
        return Response("found")

    async with service.connected():
        await load(service, SHOP)
        with trace.get_tracer("acme").start_as_current_span("search"):
            request = Request({"type": "http", "path_params": {"uuid": SHOP}})
            response = await namespace["label"](request, answer)

    (span,) = (each for each in exporter.get_finished_spans() if each.name == "search")
    assert b"found" == response.body
    assert {
        "headrace.resource": SHOP,
        "headrace.stage": "staging",
        "headrace.plan": "basic",
        "headrace.pipeline": id_of("storefront"),
        "headrace.pipeline.name": "storefront",
        "heroku.app.id": id_of("shop"),
        "headrace.app.name": "shop",
    } == span.attributes


def test_every_attribute_is_documented() -> None:
    """What is known has a row in docs/labels.md, and what is not is left out."""
    whole = ResourceLabels(
        uuid=SHOP, plan="basic", app_id="1", app_name="shop", pipeline_id="2", pipeline_name="storefront"
    )
    rows = set(re.findall(r"^\| (`.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE))

    assert set(whole.attributes()) == {name for row in rows for name in re.findall("`([^`]+)`", row)}
    assert {"headrace.resource", "headrace.stage"} == set(ResourceLabels(uuid=SHOP).attributes())
