"""`siblings` and `lock`: who else stands in the pipeline, and one hook at a time where they share something."""

import asyncio
from typing import Any

import pytest

from headrace import AddonService, MisuseError, PlanChange, Provision, Resource, Stage, StageChange
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.state.hook_locks import give_hook_lock_back, keep_hook_lock, take_hook_lock
from headrace.testing import eventually
from headrace.workflows.lifecycle.siblings import LEASE, build_company
from ordering import provision
from pair import Acme, play_pair
from store.making import NOON


class FamilyAcme(Acme):
    """A partner whose hooks note whom they see around them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str | None, Any, str]]]] = []
        self.inside, self.most_inside = 0, 0

    async def look(self, hook: str, argument: Resource) -> None:
        found = await argument.siblings()
        self.seen.append((hook, [(str(each.app and each.app.name), each.stage, each.plan) for each in found]))
        assert all(each.checked_at is not None for each in found)

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            await self.look("provision", provision)
            async with provision.lock("the cloud"):
                self.inside += 1
                self.most_inside = max(self.most_inside, self.inside)
                await asyncio.sleep(0.05)
                self.inside -= 1
            return {"ACME_SEARCH_URL": "https://search.acme.example/"}

        @service.on_plan_change
        async def resize(change: PlanChange) -> None:
            await self.look("plan change", change)

        @service.on_deprovision
        async def drop(resource: Resource) -> None:
            await self.look("deprovision", resource)

        @service.on_stage_change
        async def move(change: StageChange) -> None:
            await self.look("stage change", change)


async def test_every_hook_sees_the_others_of_its_pipeline(database_url: str) -> None:
    """With app, stage and plan; not itself, nobody of another pipeline, nobody who has gone."""
    acme = FamilyAcme()
    async with play_pair(database_url, acme=acme) as pair:
        first = await provision(pair, "shop-staging", plan="free")
        await provision(pair, "blog")
        second = await provision(pair, "shop", plan="free")
        await pair.heroku.change_plan(first, "basic")
        await pair.settle()
        pair.heroku.move("shop", "staging")
        await pair.parts.inspector.inspect(second.id)
        await eventually(lambda: "stage change" == acme.seen[-1][0])
        await pair.heroku.deprovision(first)
        await pair.settle()
        await provision(pair, "shop-dev")
        staging, shop = ("shop-staging", Stage.STAGING), ("shop", Stage.PRODUCTION)

        assert [
            ("provision", []),
            ("provision", []),
            ("provision", [(*staging, "free")]),
            ("plan change", [(*shop, "free")]),
            ("stage change", [(*staging, "basic")]),
            ("deprovision", [("shop", Stage.STAGING, "free")]),
            ("provision", [("shop", Stage.STAGING, "free")]),
        ] == acme.seen


async def test_one_hook_at_a_time_holds_a_lock(database_url: str) -> None:
    """However many come at the same moment."""
    acme = FamilyAcme()
    async with play_pair(database_url, acme=acme) as pair:
        apps = ("shop", "shop-staging", "shop-dev", "blog")
        addons = await asyncio.gather(*(pair.heroku.create_addon(app, "acme-search:free") for app in apps))
        await pair.settle()

        assert [State.PROVISIONED] * 4 == [addon.state for addon in addons]
        assert 1 == acme.most_inside


async def test_a_lock_is_had_by_one_until_it_is_given_back_or_not_kept(database: Database) -> None:
    """Who dies with it loses it; who keeps it goes on holding it."""

    def take(holder: str, *, now: Any = NOON) -> bool:
        with database.transaction() as connection:
            return take_hook_lock(connection, "cloud", holder, now=now, lease=LEASE)

    had = [take("a"), take("b"), take("b", now=NOON + LEASE / 2)]
    with database.transaction() as connection:
        is_kept = keep_hook_lock(connection, "cloud", "a", now=NOON + LEASE / 2, lease=LEASE)
    later = [take("b", now=NOON + LEASE), take("b", now=NOON + 2 * LEASE)]
    with database.transaction() as connection:
        is_still_kept = keep_hook_lock(connection, "cloud", "a", now=NOON + 2 * LEASE, lease=LEASE)
        give_hook_lock_back(connection, "cloud", "a")
        give_hook_lock_back(connection, "cloud", "b")

    assert ([True, False, False], True, [False, True], False) == (had, is_kept, later, is_still_kept)
    assert take("c")


async def test_a_lock_without_a_name_is_refused(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair:
        company = build_company(pair.parts, "u-1")
        for name in ("", "x" * 201):
            with pytest.raises(MisuseError, match="1 to 200 characters"):
                async with company.lock(name):
                    pass


async def test_in_a_test_of_a_hook_there_is_nobody_else() -> None:
    """Nor anybody to wait for."""
    resource = Resource(uuid="u-1", name="acme-1", plan="free", region="us", options={})
    async with resource.lock("cloud"):
        assert [] == await resource.siblings()
