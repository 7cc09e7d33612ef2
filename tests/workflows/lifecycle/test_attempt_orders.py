"""What an operator orders while attempts are still made: the next one at once, or none any more.

There is one rule where the order and an attempt meet: an attempt that has begun counts.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from headrace import AddonService
from headrace.clock import read_clock
from headrace.emulator import Addon, Fault
from headrace.errors import NothingToDo, UnknownResource
from headrace.models import State
from headrace.protocol.retries import TABLE, Policy
from headrace.service import find_assembly
from headrace.store.sql.database import Database
from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.notices import list_open_notices
from headrace.store.state.people.api_tokens import Scope, add_api_token
from headrace.store.state.resources import AttemptOrder, AttemptOrderKind, find_resource, save_attempt_order
from headrace.store.state.timeline import TimelineName
from headrace.testing import eventually
from headrace.workflows.lifecycle.operations import Operations
from headrace.workflows.lifecycle.waiting import find_waiting
from ordering import TOKEN, provision, script, settle_order, worker
from pair import Acme, Pair, play_pair
from workers import Site, prepare_site, read_calls, serve_process, work_process

UUID = "01234567-89ab-cdef-0123-456789abcdef"
# Whoever waits for the next attempt waits for longer than any test lasts.
HOURS = Policy(timedelta(hours=1), timedelta(hours=1), timedelta(hours=11))
SLOW_RETRIES = {kind: HOURS if policy.within else policy for kind, policy in TABLE.items()}


@dataclass
class HeldAcme(Acme):
    """The first attempt at a provision fails; the second says that it has begun, and waits for a word."""

    has_begun: threading.Event = field(default_factory=threading.Event)

    def _behave(self) -> None:
        if len(self.created) == 1:
            raise ConnectionError("Our cloud is away.")
        self.has_begun.set()
        super()._behave()


@asynccontextmanager
async def web_process(pair: Pair) -> AsyncIterator[Operations]:
    """Give orders as a process does that runs no workflow."""
    service = AddonService(pair.parts.settings)
    async with service.connected():
        yield find_assembly(service).find_parts().operations


async def fail_first(pair: Pair, app: str = "shop") -> Addon:
    """Have a provision wait for its second attempt."""
    pair.acme.error, pair.acme.failures_left = ConnectionError("Our cloud is away."), 1
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await wait_until_failed(pair, addon.id, times=1)
    return addon


async def wait_until_failed(pair: Pair, uuid: str, *, times: int) -> None:
    async def has_failed() -> bool:
        waiting = await pair.parts.database.read(find_waiting, await pair.find(uuid))
        return waiting is not None and waiting.attempts == times

    await eventually(has_failed)


async def list_orders_told(pair: Pair, uuid: str) -> list[tuple[str, str, str, int]]:
    """Return what the timeline tells of orders: which, of whom, about which step, after how many attempts."""
    ordered = (TimelineName.OPERATOR_HURRIED, TimelineName.OPERATOR_GAVE_UP)
    events = [event for event in await pair.list_events(uuid) if event.name in ordered]
    return [(event.name, *(event.detail[name] for name in ("by", "step", "attempts"))) for event in events]


async def test_what_waits_for_an_hour_is_tried_now(database_url: str) -> None:
    """The order is given in another process, and the worker that waits hears of it."""
    async with play_pair(database_url, retries=SLOW_RETRIES) as pair, web_process(pair) as operations:
        addon = await fail_first(pair)
        waiting = await operations.try_now(addon.id, by="grace")
        await pair.settle()

        assert ("provision", "run_hook", 1, "ConnectionError") == (
            waiting.kind,
            waiting.step,
            waiting.attempts,
            waiting.reason,
        )
        assert State.PROVISIONED == (await pair.find(addon.id)).state
        assert (2, None) == (len(pair.acme.created), (await pair.find(addon.id)).ordered)
        assert [("operator.hurried", "grace", "run_hook", 1)] == await list_orders_told(pair, addon.id)


async def test_what_is_given_up_fails_as_it_would_have_in_the_end(database_url: str) -> None:
    """Heroku is told, what the hook may have made is removed, and a notice stays open."""
    async with play_pair(database_url, retries=SLOW_RETRIES) as pair, web_process(pair) as operations:
        addon = await fail_first(pair)
        await operations.give_up(addon.id, by="grace")
        await pair.settle()
        [notice] = await pair.parts.database.read(list_open_notices)
        told = [event.name for event in await pair.list_events(addon.id)]

        assert (State.FAILED, None) == ((await pair.find(addon.id)).state, (await pair.find(addon.id)).ordered)
        assert ("provision.failed", {"step": "run_hook", "reason": "ConnectionError"}) == (notice.kind, notice.detail)
        assert ["operator.gave_up", "provision.failed", "heroku.asked", "heroku.told"] == told[-4:]
        assert (1, [addon.id]) == (len(pair.acme.created), [each.uuid for each in pair.acme.dropped])
        assert [("operator.gave_up", "grace", "run_hook", 1)] == await list_orders_told(pair, addon.id)


async def test_a_plan_change_that_is_given_up_is_answered_as_one_that_failed(sqlite_url: str) -> None:
    """While Heroku still waits for the answer it hears that the change failed, and keeps the plan."""
    async with play_pair(sqlite_url, retries=SLOW_RETRIES) as pair:
        addon = await provision(pair, plan="free")
        pair.acme.error, pair.acme.failures_left = ConnectionError("Our cloud is away."), 1
        change = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "basic"}))
        await wait_until_failed(pair, addon.id, times=1)
        await pair.parts.operations.give_up(addon.id)
        status, _ = await change
        await pair.settle()

        assert (503, "free") == (status, (await pair.find(addon.id)).plan)
        assert ["plan_change.failed"] == [row.kind for row in await pair.parts.database.read(list_open_notices)]


async def test_a_deprovision_that_is_given_up_waits_for_an_operator(sqlite_url: str) -> None:
    """As one whose hook has failed for an hour: it may be tried again."""
    acme = Acme(drop_error=ConnectionError("Our cloud is away."))
    async with play_pair(sqlite_url, acme=acme, retries=SLOW_RETRIES) as pair:
        addon = await provision(pair)
        await pair.call("DELETE", f"/{addon.id}")
        await wait_until_failed(pair, addon.id, times=1)
        await pair.parts.operations.give_up(addon.id)
        await pair.settle()

        assert State.FAILED == (await pair.find(addon.id)).state
        assert ["deprovision.failed"] == [row.kind for row in await pair.parts.database.read(list_open_notices)]


async def test_config_that_is_given_up_stays_as_it_was(sqlite_url: str) -> None:
    """What a partner ordered ends as failed, and the next order is carried out."""
    async with play_pair(sqlite_url, retries=SLOW_RETRIES) as pair, script(pair) as service:
        addon = await provision(pair)
        pair.heroku.faults.add(Fault(kind="status", status=503, method="PATCH", path="/addons/*/config", count=1))
        first = await service.set_config(addon.id, {TOKEN: "t-1"})
        await wait_until_failed(pair, addon.id, times=1)
        second = await service.set_config(addon.id, {TOKEN: "t-2"})
        await pair.parts.operations.give_up(addon.id)
        await settle_order(pair, second)
        orders = await pair.parts.database.read(list_config_changes, addon.id)

        assert [(first.number, "failed", "HerokuBroken"), (second.number, "done", None)] == [
            (row.number, row.outcome, row.reason) for row in orders
        ]
        assert "t-2" == addon.config[TOKEN]


@pytest.mark.parametrize("is_good", [True, False], ids=["done", "failed"])
async def test_an_attempt_that_has_begun_counts(database_url: str, *, is_good: bool) -> None:
    """Given up while the hook runs: if it is done the order came too late, and if it fails no other follows."""
    acme = HeldAcme(error=ConnectionError("Our cloud is away."), failures_left=0 if is_good else 1)
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme, retries=SLOW_RETRIES) as pair:
        addon = await begin_second(pair, acme)
        await pair.parts.operations.give_up(addon.id)
        acme.may_go_on.set()
        await pair.settle()
        found = await pair.find(addon.id)

        assert (State.PROVISIONED if is_good else State.FAILED, None, 2) == (
            found.state,
            found.ordered,
            len(acme.created),
        )


async def test_an_attempt_under_way_is_the_one_that_was_to_be_made_at_once(sqlite_url: str) -> None:
    """Ordered again while it runs, and failing: the next one waits for its time."""
    acme = HeldAcme(error=ConnectionError("Our cloud is away."), failures_left=1)
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme, retries=SLOW_RETRIES) as pair:
        addon = await begin_second(pair, acme)
        await pair.parts.operations.try_now(addon.id)
        acme.may_go_on.set()
        await wait_until_failed(pair, addon.id, times=2)
        found = await pair.find(addon.id)

        assert (State.PROVISIONING, None, 2) == (found.state, found.ordered, len(acme.created))
        assert [("operator.hurried", "operator", "run_hook", 1)] == await list_orders_told(pair, addon.id)


async def test_an_order_about_an_attempt_that_is_over_makes_no_other_one(sqlite_url: str) -> None:
    """It was committed just as the attempt that it meant was recorded: it is dropped."""
    async with play_pair(sqlite_url, retries=SLOW_RETRIES) as pair:
        addon = await fail_first(pair)
        workflow = (await pair.find(addon.id)).running
        assert workflow is not None
        late = AttemptOrder(kind=AttemptOrderKind.TRY_NOW, workflow=workflow, step="run_hook", attempts=0)
        await pair.parts.database.write(save_attempt_order, addon.id, late)

        async def is_dropped() -> bool:
            return (await pair.find(addon.id)).ordered is None

        await eventually(is_dropped)

        assert 1 == len(pair.acme.created)


async def begin_second(pair: Pair, acme: HeldAcme) -> Addon:
    """Have a provision whose first attempt failed hang in its second one."""
    addon = await pair.heroku.create_addon("shop", "acme-search:basic")
    await wait_until_failed(pair, addon.id, times=1)
    await pair.parts.operations.try_now(addon.id)
    await eventually(acme.has_begun.is_set)
    return addon


async def test_an_order_that_fits_nothing_changes_nothing(sqlite_url: str) -> None:
    """Each error names the resource, and why there is nothing to order."""
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, retries=SLOW_RETRIES) as pair:
        gone, live = await provision(pair), await provision(pair, "blog")
        await pair.call("DELETE", f"/{gone.id}")
        await pair.settle()
        acme.may_go_on.clear()
        busy = await pair.heroku.create_addon("ada-notes", "acme-search:basic")
        await eventually(lambda: len(acme.created) == 3)
        operations = pair.parts.operations
        for order in (operations.try_now, operations.give_up):
            with pytest.raises(UnknownResource, match=UUID):
                await order(UUID)
            with pytest.raises(NothingToDo, match=rf"{gone.name} is deprovisioned, and nothing of it is under way"):
                await order(gone.id)
            with pytest.raises(NothingToDo, match=rf"{live.name} is provisioned, and nothing of it is under way"):
                await order(live.id)
            with pytest.raises(NothingToDo, match=rf"provision of {busy.name} waits for no other attempt"):
                await order(busy.id)
        acme.may_go_on.set()
        await pair.settle()

        assert [[], [], []] == [await list_orders_told(pair, each.id) for each in (gone, live, busy)]
        assert State.PROVISIONED == (await pair.find(busy.id)).state


async def test_what_is_being_given_up_is_not_tried_now(sqlite_url: str) -> None:
    """And given up twice it is told once; without a worker the order waits for one."""
    async with play_pair(sqlite_url, has_worker=False, retries=SLOW_RETRIES) as pair:
        async with worker(pair, retries=SLOW_RETRIES):
            addon = await fail_first(pair)
        await pair.parts.operations.try_now(addon.id)
        for _ in range(2):
            await pair.parts.operations.give_up(addon.id)
        with pytest.raises(NothingToDo, match=r"is being given up already"):
            await pair.parts.operations.try_now(addon.id)
        told = [name for name, *_ in await list_orders_told(pair, addon.id)]
        async with worker(pair, retries=SLOW_RETRIES):
            await pair.settle()

        assert ["operator.hurried", "operator.gave_up"] == told
        assert (State.FAILED, 1) == ((await pair.find(addon.id)).state, len(pair.acme.created))


# Its hook fails while its cloud is away, and whoever waits for the next attempt waits for an hour.
AWAY = """
import os
from datetime import timedelta
from pathlib import Path
from headrace import AddonService
from headrace.protocol.retries import TABLE, Policy
from headrace.service import find_assembly

FOLDER = Path(os.environ["ACME_FOLDER"])
HOURS = Policy(timedelta(hours=1), timedelta(hours=1), timedelta(hours=11))
service = AddonService.from_env()
find_assembly(service).retries = {kind: HOURS if policy.within else policy for kind, policy in TABLE.items()}

@service.on_provision
def create(provision):
    with (FOLDER / "calls").open("a") as file:
        file.write(f"{provision.uuid}\\n")
    if not (FOLDER / "may-go-on").exists():
        raise ConnectionError("Our cloud is away.")
    return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""


@pytest.mark.long
async def test_an_order_survives_the_death_of_whoever_gave_it_and_of_whoever_waits(
    database_url: str, tmp_path: Path
) -> None:
    """The worker is killed as it waits, the web process once it has answered; the next worker heeds the order."""
    async with prepare_site(database_url, tmp_path, acme=AWAY) as site:
        async with serve_process(tmp_path, site.environment, site.port, "--web-only") as web:
            async with work_process(tmp_path, site.environment) as first:
                addon = await site.heroku.create_addon("shop", "acme-search:basic")
                await eventually(partial(is_waiting, site, addon.id))
                first.kill()
                first.wait()
            site.let_hooks_go_on()
            status = await order_now(site, web.url, addon.id)
            web.kill()
            web.wait()
        async with (
            serve_process(tmp_path, site.environment, site.port, "--web-only"),
            work_process(tmp_path, site.environment),
        ):
            await eventually(lambda: addon.state == State.PROVISIONED)
            await site.heroku.settle()

        assert (202, [addon.id] * 2) == (status, read_calls(tmp_path))


def is_waiting(site: Site, uuid: str) -> bool:
    """Whether a resource of processes beside this one waits for another attempt."""
    database = Database(site.environment["DATABASE_URL"])
    with database.reads.connect() as connection:
        row = find_resource(connection, uuid)
        found = row is not None and find_waiting(connection, row) is not None
    database.close()
    return found


async def order_now(site: Site, url: str, uuid: str) -> int:
    """Order by the API of a web process that the next attempt be made now, and return how it was answered."""
    database = Database(site.environment["DATABASE_URL"])
    with database.transaction() as connection:
        token = add_api_token(connection, "grace", [Scope.OPERATE], now=read_clock())
    database.close()
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{url}/api/resources/{uuid}/try-now") as answer,
    ):
        return answer.status
