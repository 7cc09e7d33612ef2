"""`service.resources`: one, a page, or one after the other, now and as of a moment, by whatever is wanted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace import (
    AddonService,
    KnownResource,
    MisuseError,
    SeveralResources,
    Stage,
    State,
    UnknownResource,
)
from headrace.errors import ConfigurationError, Malformed
from headrace.settings import read_settings
from headrace.store.sql.database import Database
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.plan_changes import PlanChangeOutcome, add_plan_change, settle_plan_change
from headrace.store.state.resources import update_resource
from headrace.store.state.timeline import TimelineName, add_event
from installations import set_version
from settings.test_settings import GOOD, LOCAL
from store.making import HOUR, NOON, add_resource, id_of, place

DONE: dict[str, Any] = {"state": State.PROVISIONED, "provisioned_at": NOON}


@pytest.fixture
def service(database_url: str) -> AddonService:
    return AddonService(read_settings({**GOOD, **LOCAL, "DATABASE_URL": database_url}))


@pytest.fixture
def fleet(database: Database) -> Database:
    """Three resources of an hour each: shop's in staging, blog's in no pipeline, and one that has gone."""
    with database.transaction() as connection:
        add_resource(connection, "acme-1", at=NOON, **DONE)
        add_resource(connection, "acme-2", at=NOON + HOUR, **DONE, plan="free", region="eu")
        add_resource(
            connection, "acme-3", at=NOON + 2 * HOUR, state=State.DEPROVISIONED, deprovisioned_at=NOON + 3 * HOUR
        )
        save_inspection(connection, place("acme-1"), next_check_at=NOON)
        save_inspection(connection, place("acme-2", None, app="blog"), next_check_at=NOON)
    return database


async def list_names(service: AddonService, **filters: Any) -> list[str]:
    async with service.connected():
        return [each.name async for each in service.resources.iterate(**filters)]


async def test_one_is_found_by_uuid_by_name_and_by_app(service: AddonService, fleet: Database) -> None:
    """What is found is typed, and is a `Resource` as hooks have them."""
    async with service.connected():
        by_uuid = await service.resources.get(id_of("acme-1").upper())
        by_name = await service.resources.get(name="acme-1")
        by_app = [await service.resources.get(app=app) for app in ("shop", id_of("shop"))]

    assert [by_uuid] * 3 == [by_name, *by_app]
    assert isinstance(by_uuid, KnownResource)
    assert ("basic", State.PROVISIONED, Stage.STAGING, NOON) == (
        by_uuid.plan,
        by_uuid.state,
        by_uuid.stage,
        by_uuid.created_at,
    )
    assert ("shop", "storefront") == (by_uuid.app and by_uuid.app.name, by_uuid.pipeline and by_uuid.pipeline.name)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["acme-1", "acme-2", "acme-3"]),
        ({"state": "provisioned"}, ["acme-1", "acme-2"]),
        ({"state": [State.FAILED, State.DEPROVISIONED]}, ["acme-3"]),
        ({"plan": "free"}, ["acme-2"]),
        ({"plan": ["free", "basic"]}, ["acme-1", "acme-2", "acme-3"]),
        ({"region": "eu"}, ["acme-2"]),
        ({"stage": Stage.STAGING}, ["acme-1"]),
        ({"stage": "none"}, ["acme-2"]),
        ({"stage": "unknown"}, ["acme-3"]),
        ({"pipeline": "storefront"}, ["acme-1"]),
        ({"pipeline": id_of("storefront")}, ["acme-1"]),
        ({"app": ["shop", "blog"]}, ["acme-1", "acme-2"]),
        ({"app": id_of("blog")}, ["acme-2"]),
        ({"uuid": [id_of("acme-3"), id_of("nothing")]}, ["acme-3"]),
        ({"name": "acme-2"}, ["acme-2"]),
        ({"made_after": NOON + HOUR}, ["acme-2", "acme-3"]),
        ({"made_before": NOON + HOUR}, ["acme-1"]),
        ({"state": "provisioned", "plan": "basic"}, ["acme-1"]),
        ({"plan": []}, []),
    ],
)
async def test_each_filter_wants_what_it_says(
    service: AddonService, fleet: Database, filters: dict[str, Any], names: list[str]
) -> None:
    """Several in a list are any of them, several filters all of them; nothing in a list is none."""
    assert names == await list_names(service, **filters)


async def test_pages_hold_each_resource_once_in_the_order_in_which_they_were_made(
    service: AddonService, database: Database
) -> None:
    """Those of one moment too, however small the page."""
    with database.transaction() as connection:
        for number in range(7):
            add_resource(connection, f"acme-{number}", at=NOON + (number // 3) * HOUR)
    seen: list[str] = []
    async with service.connected():
        after, pages = None, 0
        while pages == 0 or after is not None:
            page = await service.resources.list(after=after, limit=2)
            seen += [each.name for each in page.resources]
            after, pages = page.next, pages + 1

    assert (4, 7) == (pages, len(seen))
    assert [f"acme-{number}" for number in range(7)] == sorted(seen)
    assert [number // 3 for number in range(7)] == [int(name[-1]) // 3 for name in seen]


async def test_as_of_a_moment_everything_is_as_it_was(service: AddonService, fleet: Database) -> None:
    """State, plan and place; from is inside, to is outside, and what was made later is not there."""
    uuid = id_of("acme-1")
    with fleet.transaction() as connection:
        add_event(connection, uuid, TimelineName.PROVISION_DONE, now=NOON)
        number = add_plan_change(connection, uuid, old_plan="basic", new_plan="standard", now=NOON + HOUR)
        settle_plan_change(connection, uuid, number, outcome=PlanChangeOutcome.DONE, message=None, now=NOON + HOUR)
        save_inspection(connection, place("acme-1", stage="production", at=NOON + 2 * HOUR), next_check_at=NOON)
        add_event(connection, uuid, TimelineName.DEPROVISION_REQUESTED, now=NOON + 4 * HOUR)
        add_event(connection, uuid, TimelineName.DEPROVISION_DONE, now=NOON + 5 * HOUR)
        update_resource(connection, uuid, plan="standard", state=State.DEPROVISIONED, deprovisioned_at=NOON + 5 * HOUR)
        close_placement(connection, uuid, now=NOON + 5 * HOUR)

    async def look(hours: float) -> tuple[State, str, object]:
        found = await service.resources.get(uuid, as_of=NOON + hours * HOUR)
        return found.state, found.plan, found.stage

    async with service.connected():
        assert (State.PROVISIONED, "basic", Stage.STAGING) == await look(0.5)
        assert (State.PROVISIONED, "standard", Stage.STAGING) == await look(1)
        assert (State.PROVISIONED, "standard", Stage.PRODUCTION) == await look(2)
        assert (State.DEPROVISIONING, "standard", Stage.PRODUCTION) == await look(4.5)
        assert (State.DEPROVISIONED, "standard", None) == await look(5)
        assert None is (await service.resources.get(uuid, as_of=NOON)).deprovisioned_at
    assert ["acme-1"] == await list_names(service, as_of=NOON + 0.5 * HOUR)
    assert ["acme-1"] == await list_names(service, as_of=NOON + HOUR, state="provisioned", plan="standard")
    assert [] == await list_names(service, as_of=NOON + HOUR, stage="production")
    with pytest.raises(UnknownResource):
        async with service.connected():
            await service.resources.get(uuid, as_of=NOON - HOUR)


async def test_a_resource_that_lives_goes_before_those_of_its_name_that_have_gone(
    service: AddonService, database: Database
) -> None:
    """Heroku gives a name again once its add-on is gone."""
    with database.transaction() as connection:
        add_resource(connection, "second", at=NOON, **DONE)
        add_resource(connection, "third", at=NOON + HOUR, state=State.DEPROVISIONED)
        for each in ("second", "third"):
            update_resource(connection, id_of(each), name="acme-1")
    async with service.connected():
        lives = await service.resources.get(name="acme-1")
    with database.transaction() as connection:
        update_resource(connection, id_of("second"), state=State.DEPROVISIONED)
    async with service.connected():
        is_last = await service.resources.get(name="acme-1")

    assert (id_of("second"), id_of("third")) == (lives.uuid, is_last.uuid)


async def test_several_on_one_app_are_named(service: AddonService, database: Database) -> None:
    """Whoever asked for one reads which there are."""
    with database.transaction() as connection:
        for name in ("acme-1", "acme-2"):
            add_resource(connection, name, **DONE)
            save_inspection(connection, place(name), next_check_at=NOON)
    async with service.connected():
        with pytest.raises(SeveralResources, match="2 resources on app shop: acme-1, acme-2") as caught:
            await service.resources.get(app="shop")

    assert ("acme-1", "acme-2") == caught.value.names


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"uuid": id_of("nothing")}, UnknownResource, f"There is no resource {id_of('nothing')}"),
        ({"name": "nothing"}, UnknownResource, "There is no resource nothing"),
        ({"app": "nothing"}, UnknownResource, "There is no resource on app nothing"),
        ({"uuid": "acme-1"}, Malformed, "not a UUID"),
        ({}, MisuseError, "one of them"),
        ({"name": "acme-1", "app": "shop"}, MisuseError, "one of them"),
    ],
)
async def test_what_cannot_be_found_is_named(
    service: AddonService, fleet: Database, asked: dict[str, Any], error: type[Exception], told: str
) -> None:
    async with service.connected():
        with pytest.raises(error, match=told):
            await service.resources.get(**asked)


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"colour": "red"}, "cannot be found by colour; there are app, as_of, made_after"),
        ({"state": "gone"}, "no state 'gone'; there are provisioning, provisioned"),
        ({"plan": 3}, "`plan` takes a text, or several in a list, not 3"),
        ({"made_after": datetime(2026, 1, 1)}, "`made_after` takes a datetime with a time zone"),  # noqa: DTZ001
        ({"as_of": "2026-01-01"}, "`as_of` takes a datetime"),
        ({"after": "nothing"}, "`after` takes the `next` of a page"),
        ({"limit": 0}, "1 to 1,000 resources, not 0"),
    ],
)
async def test_a_filter_that_is_none_is_refused_with_those_there_are(
    service: AddonService, filters: dict[str, Any], told: str
) -> None:
    async with service.connected():
        with pytest.raises(MisuseError, match=told):
            await service.resources.list(**filters)


async def test_without_a_service_it_says_how_to_have_one(service: AddonService) -> None:
    """Neither before nor after the block."""
    for _ in range(2):
        with pytest.raises(MisuseError, match=r"async with service.connected\(\)"):
            await service.resources.list()
        async with service.connected():
            assert () == (await service.resources.list()).resources


async def test_a_database_without_tables_is_said_in_a_line(service: AddonService, database: Database) -> None:
    """Nothing is made by somebody who only looks."""
    with database.engine.begin() as connection:
        set_version(connection, "0001")
    with pytest.raises(ConfigurationError, match="run `headrace migrate`"):
        async with service.connected():
            pass


def test_plain_code_has_the_same(service: AddonService, fleet: Database) -> None:
    """A script without an event loop."""
    with service.connected() as acme:
        found = acme.resources.get(name="acme-2")
        page = acme.resources.list(limit=2)

        assert ("acme-2", "free") == (found.name, found.plan)
        assert ["acme-1", "acme-2"] == [each.name for each in page.resources]
        assert ["acme-3"] == [each.name for each in acme.resources.list(after=page.next).resources]
        assert ["acme-1", "acme-2", "acme-3"] == [each.name for each in acme.resources.iterate()]
        assert {} == acme.resources.find_config(found.uuid)


async def test_plain_code_in_an_event_loop_is_told_of_async_with(service: AddonService) -> None:
    with pytest.raises(MisuseError, match=r"async with service\.connected"), service.connected():
        pass


async def test_several_who_are_connected_share_what_is_there(service: AddonService, fleet: Database) -> None:
    """The first to leave takes nothing from the others."""
    async with service.connected():
        async with service.connected():
            pass
        assert "acme-1" == (await service.resources.get(name="acme-1")).name


async def test_what_is_asked_for_as_of_now_is_as_it_is(service: AddonService, fleet: Database) -> None:
    """The two ways agree where nothing has changed since."""
    now = datetime.now(UTC) + timedelta(days=3650)
    async with service.connected():
        plainly = [each async for each in service.resources.iterate()]
        dated = [each async for each in service.resources.iterate(as_of=now)]

    assert [(each.uuid, each.state, each.plan, each.stage) for each in plainly] == [
        (each.uuid, each.state, each.plan, each.stage) for each in dated
    ]


async def test_what_was_found_knows_its_pipeline_and_has_no_steps(service: AddonService, database: Database) -> None:
    """As in a hook; but nothing of it runs again, so nothing is kept."""
    with database.transaction() as connection:
        for name, app in (("acme-1", "shop"), ("acme-2", "shop-staging")):
            add_resource(connection, name, **DONE)
            save_inspection(connection, place(name, app=app), next_check_at=NOON)
    async with service.connected():
        found = await service.resources.get(name="acme-1")
        siblings = await found.siblings()

        assert ["acme-2"] == [each.name for each in siblings]
        assert ["acme-1"] == [each.name for each in await siblings[0].siblings()]
        with pytest.raises(MisuseError, match="belongs to no hook"):
            await found.step("make", str)
