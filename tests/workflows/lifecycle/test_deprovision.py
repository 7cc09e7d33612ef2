"""Removing a resource: dropped once at the partner's, its secrets forgotten, its history kept."""

import asyncio
import threading

import sqlalchemy as sa

from headrace.emulator import Fault
from headrace.errors import Refused
from headrace.hooks.arguments import PlanChange, Provision, Resource
from headrace.models import State
from headrace.service import AddonService
from headrace.store.sql.tables.schema import secret
from headrace.store.state.placements import find_current_placement, list_placements
from headrace.testing import eventually
from pair import HELD_SECONDS, Acme, Pair, play_pair


class DroppingAcme(Acme):
    """A partner whose hook for the end may be held or fail."""

    def __init__(self, *, drop_errors: int = 0) -> None:
        super().__init__()
        self.may_drop = threading.Event()
        self.may_drop.set()
        self.drop_errors = drop_errors

    def register(self, service: AddonService) -> None:
        @service.on_provision
        def create(provision: Provision) -> dict[str, str]:
            self.created.append(provision)
            return {"ACME_SEARCH_URL": "https://search.acme.example"}

        @service.on_plan_change
        def resize(change: PlanChange) -> None:
            self.changed.append(change)
            self._behave()

        @service.on_deprovision
        def drop(resource: Resource) -> None:
            self.dropped.append(resource)
            assert self.may_drop.wait(timeout=HELD_SECONDS)
            if self.drop_errors:
                self.drop_errors -= 1
                raise Refused("This index is locked.")


async def test_a_deprovision_drops_the_resource_once_and_forgets_its_secrets(database_url: str) -> None:
    """204, the hook once with all that is known, no secret left, the placement closed but not forgotten; then 410."""
    async with play_pair(database_url) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic", options={"size": "10"})
        await pair.settle()
        kept = await _list_secrets(pair, addon.id)
        removed = await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        again = await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()

        row = await pair.find(addon.id)
        places = await pair.parts.database.read(list_placements, addon.id)
        dropped = pair.acme.dropped[0]
        assert (204, None) == removed
        assert 410 == again[0]
        assert (1, addon.id, "basic", {"size": "10"}, "staging") == (
            len(pair.acme.dropped),
            dropped.uuid,
            dropped.plan,
            dropped.options,
            dropped.stage,
        )
        assert ({"config", "token"}, set()) == (kept, await _list_secrets(pair, addon.id))
        assert [row.deprovisioned_at] == [place.valid_to for place in places]
        assert (State.DEPROVISIONED, None) == (row.state, row.running)


async def test_heroku_removes_the_addon_and_the_apps_config_goes(sqlite_url: str) -> None:
    """From the customer's `addons:destroy` to the end, on both sides."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await pair.heroku.deprovision(addon)
        await pair.settle()

        assert addon.id not in pair.heroku.state.addons
        assert {} == pair.heroku.state.apps["shop"].config_vars
        names = [event.name for event in await pair.list_events(addon.id)]
        assert ["deprovision.requested", "deprovision.done"] == names[-2:]


async def test_a_repeat_while_the_hook_runs_is_answered_like_the_first(sqlite_url: str) -> None:
    """204 each time and one run of the hook."""
    acme = DroppingAcme()
    acme.may_drop.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        first = await asyncio.gather(*(pair.call("DELETE", f"/{addon.id}") for _ in range(3)))
        await eventually(lambda: acme.dropped)
        during = await pair.call("DELETE", f"/{addon.id}")
        state = (await pair.find(addon.id)).state
        acme.may_drop.set()
        await pair.settle()

        assert [(204, None)] * 4 == [*first, during]
        assert State.DEPROVISIONING == state
        assert 1 == len(acme.dropped)


async def test_a_deprovision_waits_for_the_running_plan_change(database_url: str) -> None:
    """Two hooks of one resource never run side by side: the change ends, then the drop begins."""
    acme = DroppingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        acme.may_go_on.clear()
        change = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "free"}))
        await eventually(lambda: acme.changed)
        removed = await pair.call("DELETE", f"/{addon.id}")
        before = list(acme.dropped)
        acme.may_go_on.set()
        changed = await change
        await pair.settle()

        row = await pair.find(addon.id)
        assert ((204, None), 410) == (removed, changed[0])
        assert [] == before
        assert (State.DEPROVISIONED, "basic") == (row.state, row.plan)
        assert (1, 1) == (len(acme.changed), len(acme.dropped))
        assert set() == await _list_secrets(pair, addon.id)


async def test_a_drop_that_fails_is_recorded_and_a_repeat_tries_again(database_url: str) -> None:
    """The resource ends as failed, with its secrets for another try; the next DELETE is that try."""
    acme = DroppingAcme(drop_errors=1)
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        first = await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        failed, kept = await pair.find(addon.id), await _list_secrets(pair, addon.id)
        events = [event for event in await pair.list_events(addon.id) if event.name == "deprovision.failed"]
        second = await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()

        row = await pair.find(addon.id)
        assert [(204, None), (204, None)] == [first, second]
        assert (State.FAILED, None, "This index is locked.") == (failed.state, failed.running, failed.message)
        assert [{"step": "run_hook", "reason": "Refused"}] == [event.detail for event in events]
        assert {"config", "token"} == kept
        assert (State.DEPROVISIONED, None, 2) == (row.state, row.running, len(acme.dropped))
        assert set() == await _list_secrets(pair, addon.id)


async def test_a_look_that_comes_too_late_brings_nothing_back(sqlite_url: str) -> None:
    """An answer of Heroku that was under way when the resource was removed opens no placement and keeps no token."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        token = await pair.parts.database.read(pair.parts.secrets.find_token, addon.id)
        assert token is not None
        pair.heroku.faults.add(Fault(kind="latency", seconds=3.0, path="/pipelines/*", count=1))
        looking = asyncio.create_task(pair.parts.inspector.inspect(addon.id))
        await eventually(lambda: not list(pair.heroku.faults))
        await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        late = await looking
        await pair.parts.database.write(pair.parts.secrets.save_token, addon.id, token)

        assert late.placement is not None
        assert None is await pair.parts.database.read(find_current_placement, addon.id)
        assert set() == await _list_secrets(pair, addon.id)


async def _list_secrets(pair: Pair, uuid: str) -> set[str]:
    query = sa.select(secret.c.kind).where(secret.c.resource_uuid == uuid)
    return await pair.parts.database.read(lambda connection: set(connection.execute(query).scalars()))
