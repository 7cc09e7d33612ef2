"""Plays a history on an emulated Heroku and a service that may be restarted, and keeps what was promised."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial, singledispatchmethod
from itertools import pairwise

import aiohttp
import pytest
import sqlalchemy as sa

from headrace.assembly import Parts
from headrace.emulator import Clock, Declined, Emulator, Switches, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.emulator.world.records import Addon
from headrace.errors import HeadraceError, TokenRejected
from headrace.models import Secret, State
from headrace.process.ports import bind
from headrace.protocol.partner import build_basic_auth
from headrace.protocol.retries import PROVISION_LIMIT, TABLE, Policy
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.reports.figures.kept_count import KeptCount, count_day_from, tell
from headrace.store.reports.figures.roll_up import DAY, count_day
from headrace.store.sql.tables.schema import notice, resource
from headrace.store.state.plan_changes import find_last_plan_change
from headrace.store.state.resources import ResourceRow, find_resource
from headrace.testing import eventually
from pair import PASSWORD, SLUG, WORLD
from stateful.cloud import Cloud, build_address
from stateful.histories import (
    SLOTS,
    Action,
    ChangePlan,
    Deprovision,
    ExpireTokens,
    FailHooks,
    GoWrong,
    LogIn,
    Meanwhile,
    Move,
    PassHours,
    Provision,
    ProvisionOther,
    ProvisionRefused,
    QueuePlans,
    Repeat,
    Restart,
    RevokeTokens,
    find_id,
)

PIPELINE = "shop"
# A repeat has been recorded by then, before another plan is asked for.
ON_ITS_WAY_SECONDS = 0.2
SETTLED_WITHIN = timedelta(seconds=180)
# Retried without the waits of life, and as long: no fault of a history lasts until a provision is given up.
PATIENT = Policy(timedelta(milliseconds=1), timedelta(milliseconds=5), PROVISION_LIMIT)
PATIENT_RETRIES = {kind: PATIENT if policy.within else policy for kind, policy in TABLE.items()}


@dataclass
class Promise:
    """What Heroku has been promised of one resource, and therefore what has to come true."""

    addon: Addon
    plan: str
    stage: str | None
    is_removed: bool = False
    is_refused: bool = False
    is_revoked: bool = False
    # Heroku closes the back-fill to it, and something happened to the call that exchanges its grant.
    may_be_lost: bool = False
    # Heroku was told 202 while the provision ran, and the hook refused later: only an operator can tell it.
    is_plan_refused_late: bool = False


@dataclass(kw_only=True)
class Play:
    """The two roles while a history is played."""

    heroku: Emulator
    http: aiohttp.ClientSession
    database_url: str
    is_backfill_open: bool
    cloud: Cloud = field(default_factory=Cloud)
    promises: dict[int, Promise] = field(default_factory=dict)
    services: AsyncExitStack = field(default_factory=AsyncExitStack)
    url: str = ""
    is_troubled: bool = False
    parts: Parts | None = None

    async def start(self) -> None:
        with bind("127.0.0.1", 0) as bound:
            self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            self.heroku.point(SLUG, base_url=f"{self.url}/heroku/resources", sso_url=f"{self.url}/sso/login")
            environment = describe(self.heroku).addon_services[0].settings | {"DATABASE_URL": self.database_url}
            service = AddonService(read_settings(environment))
            assembly = find_assembly(service)
            assembly.retries, assembly.clock = PATIENT_RETRIES, self.heroku.clock.now
            assembly.database_clock = lambda _connection: self.heroku.clock.now()
            self.cloud.register(service)
            await self.services.enter_async_context(serving(service.asgi(), bound.dup()))
            self.parts = assembly.assemble()

    async def stop(self) -> None:
        await self.services.aclose()

    async def settle(self) -> None:
        """Wait until no workflow of any resource is running."""
        await self.heroku.settle()
        await eventually(self._is_settled, within=SETTLED_WITHIN)

    async def find(self, uuid: str) -> ResourceRow:
        assert self.parts is not None
        row = await self.parts.database.read(find_resource, uuid)
        assert row is not None
        return row

    async def list_notices(self, uuid: str) -> list[str]:
        """The kinds of notices about a resource that are open."""
        assert self.parts is not None
        query = sa.select(notice.c.kind).where(notice.c.resource_uuid == uuid, notice.c.settled_at.is_(None))
        return list(await self.parts.database.read(lambda connection: connection.execute(query).scalars().all()))

    async def inspect_stage(self, uuid: str) -> str | None:
        assert self.parts is not None
        placement = (await self.parts.inspector.inspect(uuid)).placement
        return None if placement is None else str(placement.stage)

    @singledispatchmethod
    async def take(self, action: Action) -> None:
        """Do what the action says, and note what it promised."""
        raise NotImplementedError(action)

    @take.register
    async def _(self, action: Provision) -> None:
        if action.slot not in self.promises:
            await self._provision(action.slot, action.plan)

    @take.register
    async def _(self, action: ProvisionRefused) -> None:
        if action.slot not in self.promises:
            self.cloud.unwanted.add(find_id(action.slot))
            await self._provision(action.slot, "basic")
            self.promises[action.slot].is_refused = True

    @take.register
    async def _(self, action: Repeat) -> None:
        promise = self.promises.get(action.slot)
        if promise is None:
            return
        expected = {None: 202, State.FAILED: 422, State.DEPROVISIONED: 410}[await self._find_end(promise)]
        statuses = {status for status, _ in await self.heroku.send_provision(promise.addon, times=action.times)}
        assert statuses == {expected}

    @take.register
    async def _(self, action: ProvisionOther) -> None:
        promise = self.promises.get(action.slot)
        if promise is not None:
            body = {"uuid": promise.addon.id, "plan": "other", "region": "amazon-web-services::us-east-1"}
            is_gone = await self._find_end(promise) is State.DEPROVISIONED
            assert (await self._ask("POST", "", body))[0] == (410 if is_gone else 409)

    @take.register
    async def _(self, action: ChangePlan) -> None:
        promise = await self._find_living(action.slot)
        if promise is None:
            return
        try:
            await self.heroku.change_plan(promise.addon, action.plan)
        except Declined:
            assert action.plan == "tiny"
        else:
            if action.plan == "tiny" and promise.plan != "tiny":
                promise.is_plan_refused_late = True
            else:
                promise.plan, promise.is_plan_refused_late = action.plan, False

    @take.register
    async def _(self, action: QueuePlans) -> None:
        promise = await self._find_living(action.slot)
        if promise is None:
            return
        await self.settle()
        uuid, plan = promise.addon.id, (await self.find(promise.addon.id)).plan
        # A plan asked for twice in a row is a repeat, and the one there is already is no change.
        plans = [next_plan for before, next_plan in pairwise((plan, *action.plans)) if next_plan != before]
        async with self._hooks_held():
            calls = []
            for wanted in plans:
                first = asyncio.create_task(self._ask("PUT", f"/{uuid}", {"plan": wanted}))
                await eventually(partial(self._has_asked, uuid, wanted))
                calls.append((wanted, first, asyncio.create_task(self._ask("PUT", f"/{uuid}", {"plan": wanted}))))
                await asyncio.wait({calls[-1][2]}, timeout=ON_ITS_WAY_SECONDS)
        for wanted, first, again in calls:
            assert await first == await again
            assert (await first)[0] == (422 if wanted == "tiny" else 200)
        final = "free" if promise.addon.plan.name == "basic" else "basic"
        await self.heroku.change_plan(promise.addon, final)
        promise.plan, promise.is_plan_refused_late = final, False

    @take.register
    async def _(self, action: Meanwhile) -> None:
        if action.slot in self.promises:
            return
        if action.is_refused:
            self.cloud.unwanted.add(find_id(action.slot))
        async with self._hooks_held():
            await self._provision(action.slot, "basic")
            promise = self.promises[action.slot]
            promise.is_refused = action.is_refused
            await eventually(lambda: self._is_in_hook(promise), within=SETTLED_WITHIN)
            self._move(action.slot, action.stage)
            with suppress(HeadraceError):
                await self.inspect_stage(promise.addon.id)
            if action.is_removed and (await self.find(promise.addon.id)).state is State.PROVISIONING:
                await self.heroku.deprovision(promise.addon)
                promise.is_removed = True

    @take.register
    async def _(self, action: Deprovision) -> None:
        promise = await self._find_living(action.slot)
        if promise is not None:
            await self.heroku.deprovision(promise.addon)
            promise.is_removed = True

    @take.register
    async def _(self, action: LogIn) -> None:
        promise = await self._find_living(action.slot)
        if promise is not None:
            url, form = self.heroku.sso_form(promise.addon)
            async with self.http.post(url, data=form, allow_redirects=False) as answer:
                assert answer.status in {302, 303}

    @take.register
    async def _(self, action: Move) -> None:
        promise = await self._find_living(action.slot)
        if promise is None:
            return
        self._move(action.slot, action.stage)

    @take.register
    async def _(self, action: GoWrong) -> None:
        self.heroku.faults.add(action.fault)
        self._note_trouble()

    @take.register
    async def _(self, action: FailHooks) -> None:
        self.cloud.failures_left = action.count

    @take.register
    async def _(self, action: ExpireTokens) -> None:
        promise = await self._find_living(action.slot)
        if promise is not None:
            self.heroku.expire_tokens(promise.addon)

    @take.register
    async def _(self, action: RevokeTokens) -> None:
        await self.settle()
        promise = await self._find_living(action.slot)
        if promise is not None:
            self.heroku.revoke_tokens(promise.addon)
            promise.is_revoked = True

    @take.register
    async def _(self, action: PassHours) -> None:
        await self.settle()
        self.heroku.clock.advance(timedelta(hours=action.hours))

    @take.register
    async def _(self, action: Restart) -> None:
        await self.stop()
        await self.start()
        self._note_trouble()

    def _note_trouble(self) -> None:
        """From now on a provision may lose its grant, where no other can be had."""
        self.is_troubled = True
        for promise in self.promises.values():
            promise.may_be_lost = not self.is_backfill_open

    async def _provision(self, slot: int, plan: str) -> None:
        app = self.heroku.find_app(SLOTS[slot])
        # The id is given, so that a history that fails can be played again as it was.
        addon = await self.heroku.create_addon(app, f"{SLUG}:{plan}", addon_id=find_id(slot))
        stage = None if app.coupling is None else str(app.coupling.stage)
        is_at_risk = self.is_troubled and not self.is_backfill_open
        self.promises[slot] = Promise(addon, plan, stage, may_be_lost=is_at_risk)

    def _move(self, slot: int, stage: str | None) -> None:
        app = self.heroku.find_app(SLOTS[slot])
        if stage is None and app.coupling is not None:
            self.heroku.uncouple(app)
        elif stage is not None and app.coupling is None:
            self.heroku.couple(app, PIPELINE, stage)
        elif stage is not None:
            self.heroku.move(app, stage)
        self.promises[slot].stage = stage

    @asynccontextmanager
    async def _hooks_held(self) -> AsyncIterator[None]:
        self.cloud.may_go_on.clear()
        try:
            yield
        finally:
            self.cloud.may_go_on.set()

    async def _is_in_hook(self, promise: Promise) -> bool:
        uuid = promise.addon.id
        return uuid in self.cloud.begun or (await self.find(uuid)).state is not State.PROVISIONING

    async def _has_asked(self, uuid: str, plan: str) -> bool:
        assert self.parts is not None
        last = await self.parts.database.read(find_last_plan_change, uuid)
        return last is not None and (last.new_plan, last.outcome) == (plan, None)

    async def _find_living(self, slot: int) -> Promise | None:
        promise = self.promises.get(slot)
        if promise is None or promise.is_removed or promise.is_refused:
            return None
        return None if await self._find_end(promise) is State.FAILED else promise

    async def _find_end(self, promise: Promise) -> State | None:
        """The state in which a resource has ended for good; None when it lives."""
        if promise.is_removed:
            return State.DEPROVISIONED
        if promise.may_be_lost or promise.is_refused:
            await self.settle()
            state = (await self.find(promise.addon.id)).state
            return state if state in {State.FAILED, State.DEPROVISIONED} else None
        return None

    async def _ask(self, method: str, path: str, body: dict[str, str]) -> tuple[int, str]:
        headers = {"Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
        url = f"{self.url}/heroku/resources{path}"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def _is_settled(self) -> bool:
        assert self.parts is not None
        busy = resource.select().where(resource.c.running.is_not(None))
        return not await self.parts.database.read(lambda connection: connection.execute(busy).all())


@asynccontextmanager
async def begin_play(database_url: str, *, is_backfill_open: bool) -> AsyncIterator[Play]:
    world = load_world(WORLD.replace("SERVICE", "http://127.0.0.1:9"))
    # An answer cut short burns a grant; with the back-fill open none is lost for good (contract §2.4).
    switches = Switches(grant_backfill=is_backfill_open)
    async with run_emulator(world, switches=switches, clock=Clock()) as heroku, aiohttp.ClientSession() as http:
        play = Play(heroku=heroku, http=http, database_url=database_url, is_backfill_open=is_backfill_open)
        await play.start()
        try:
            yield play
        finally:
            await play.stop()


async def play_history(history: list[Action], database_url: str, *, is_backfill_open: bool) -> None:
    """Play a history and check that all that was promised in it has come true, on both sides."""
    async with begin_play(database_url, is_backfill_open=is_backfill_open) as play:
        nothing = KeptCount(revision=1, as_of=play.heroku.clock.now(), checked_at=play.heroku.clock.now(), counts=())
        for action in history:
            await play.take(action)
        play.heroku.faults.clear()
        await play.settle()
        await _check_counts(play, nothing)
        for promise in play.promises.values():
            await _check(play, promise)


async def _check_counts(play: Play, nothing: KeptCount) -> None:
    """Every day comes out the same, counted by what changed since there was nothing."""
    assert play.parts is not None
    day, today = nothing.day, play.heroku.clock.now().date()
    while day <= today:
        counts = await play.parts.database.read(count_day_from, nothing, day)
        assert {*await play.parts.database.read(count_day, day)} == {*tell(counts or ())}
        day += DAY


async def _check(play: Play, promise: Promise) -> None:
    uuid = promise.addon.id
    row = await play.find(uuid)
    at_heroku = play.heroku.state.addons.find(uuid)
    if promise.is_removed:
        assert (State.DEPROVISIONED, None) == (row.state, at_heroku)
        assert uuid not in play.cloud.plans
        return
    if row.state is State.FAILED:
        assert uuid not in play.cloud.plans
        if promise.may_be_lost and await play.list_notices(uuid):
            # Nobody can tell Heroku: it gives up by itself.
            assert ["grant.lost"] == await play.list_notices(uuid)
        else:
            assert (True, None) == (promise.is_refused, at_heroku)
        return
    assert not promise.is_refused
    assert at_heroku is not None
    assert (State.PROVISIONED, State.PROVISIONED) == (row.state, at_heroku.state)
    assert [promise.plan] * 2 == [row.plan, play.cloud.plans[uuid]]
    assert promise.is_plan_refused_late or at_heroku.plan.name == promise.plan
    assert build_address(uuid) == at_heroku.app.config_vars["ACME_SEARCH_URL"]
    if promise.is_revoked:
        with pytest.raises(TokenRejected):
            await play.inspect_stage(uuid)
    else:
        assert promise.stage == await play.inspect_stage(uuid)
        await eventually(lambda: promise.stage in play.cloud.stages[uuid])
