"""Heroku's three calls: each is recorded, with the workflow it needs, in one transaction, and then answered."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from headrace.errors import ResourceGone, UnknownResource
from headrace.models import State
from headrace.protocol.lifecycle import TABLE, Call, Reply, WorkflowKind
from headrace.protocol.partner import Answer, ProvisionRequest
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.plan_changes import (
    PlanChangeOutcome,
    PlanChangeRow,
    add_plan_change,
    find_last_plan_change,
    find_plan_change,
    overtake_plan_change,
)
from headrace.store.state.resources import ResourceRow, find_resource, insert_resources, lock_resource
from headrace.store.state.secrets import GRANT, LOG_DRAIN_TOKEN, LOG_DRAIN_URL, LOG_INPUT_URL, MESSAGE, Sealing
from headrace.store.state.timeline import TimelineName, add_event, add_events
from headrace.telemetry.context import carry, keep_context
from headrace.workflows.engine.ids import build_id
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.deprovisions import begin_deprovision, is_end_promised
from headrace.workflows.lifecycle.handover import start_due
from headrace.workflows.lifecycle.plan_changes import is_promised

T = TypeVar("T")

# How often a request that waits for its workflow looks whether it is done.
POLL_SECONDS = 0.05
FOREVER = timedelta.max
# What comes again so soon after its change was settled is a repeat: its answer was lost. Later it is a new wish.
ANSWERED_AGAIN_WITHIN = timedelta(minutes=1)
# A provision that Heroku shows as done has one answer to read and one row to write.
ENDING_OF_A_PROVISION = timedelta(seconds=2)
TRY_AGAIN = "This is taking longer than expected. Please try again in a minute."
FAILED = "This could not be done. The add-on's support has been told."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """What recording a provision came to: the row of the table, and of the resource what the answer depends on."""

    reply: Reply
    is_synchronous: bool
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """What recording a call came to: the row of the table, the resource after it, and the plan change, if any."""

    reply: Reply
    resource: ResourceRow | None
    change: PlanChangeRow | None = None
    # Of a deprovision: whether Heroku waits for its end.
    is_promised: bool = False


class Calls:
    """Answers Heroku's calls. A reply of 2xx means that the call is on disk, whatever happens next."""

    def __init__(self, core: Core, *, answer_within: timedelta, removes_later: bool = False) -> None:
        """`removes_later` tells that a deprovision may be answered 202, and Heroku be told of its end."""
        self._core = core
        self._answer_within = answer_within
        self._removes_later = removes_later

    async def provision(self, request: ProvisionRequest) -> Answer:
        """Create a resource, or answer a repeat as the first time.

        With a grant the answer is 202 and the rest happens in the background. Without one nobody could
        tell Heroku later, so the answer waits for the hook.

        Raises:
            ResourceGone: it was deprovisioned.
        """
        write = self._core.database.write_together
        arrived = await write(self._record_provisions, (request, carry()), gathered_for=0.0)
        if arrived.reply is Reply.GONE:
            raise ResourceGone(request.uuid)
        if arrived.reply is Reply.CONFLICT:
            return Answer(status=409, message="This uuid belongs to a resource with another plan, region or options.")
        if arrived.reply is Reply.FAILED:
            return Answer(status=422, message=arrived.message or FAILED)
        if not arrived.is_synchronous:
            return Answer(status=202, provider_id=request.uuid, message=f"{self._core.manifest.name} is being set up.")
        return await self._answer_synchronously(request.uuid)

    async def change_plan(self, uuid: str, plan: str) -> Answer:
        """Change a resource's plan: 200 when the hook is done, 422 when it refuses, 202 when it takes longer.

        Heroku shows an add-on as provisioned a moment before our workflow ends, and a refusal has to reach the
        customer then as well: that moment is waited for.

        Raises:
            UnknownResource, ResourceGone: there is no such resource, or no more.
        """
        recorded = await self._core.database.write(keep_context(self._record_plan_change), uuid, plan)
        if recorded.reply is Reply.UNKNOWN:
            raise UnknownResource(uuid)
        if recorded.reply is Reply.GONE or recorded.resource is None:
            raise ResourceGone(uuid)
        if recorded.change is None:
            return Answer(status=200, message=f"The plan is {plan} already.")
        if await self._wait(lambda connection: _find_settled(connection, uuid), within=ENDING_OF_A_PROVISION) is None:
            message = f"The plan will be {plan} when the add-on is set up."
            return await self._promise(recorded.resource, recorded.change, message)
        return await self._answer_plan_change(recorded.resource, recorded.change)

    async def deprovision(self, uuid: str) -> Answer:
        """Remove a resource; the hook runs in the background.

        With 204 Heroku takes the add-on away at once. With 202, which is a beta of Heroku's, it waits until it is told
        that the hook is done, and the customer's app goes on meanwhile (contract §1.4).

        Raises:
            ResourceGone: there is no such resource, or no more.
        """
        recorded = await self._core.database.write(keep_context(self._record_deprovision), uuid)
        if recorded.reply is Reply.GONE:
            raise ResourceGone(uuid)
        if recorded.is_promised:
            return Answer(status=202, message=f"{self._core.manifest.name} is being removed.")
        return Answer(status=204)

    def _record_provisions(
        self, connection: sa.Connection, asked: Sequence[tuple[ProvisionRequest, Mapping[str, Any]]]
    ) -> list[_Arrived]:
        """Record provisions that came at the same time; of two for the same uuid the later one repeats the first.

        With each comes what its workflow takes over of the request.
        """
        now = self._core.clock()
        requests = [request for request, _ in asked]
        firsts = {request.uuid: place for place, request in reversed(list(enumerate(requests)))}
        new = self._begin_all(connection, [asked[place] for place in firsts.values()], now=now)
        arrived: list[_Arrived | None] = [None] * len(requests)
        # Resources are locked in one order, so that of two processes with repeats in common one waits for the other.
        for place, request in sorted(enumerate(requests), key=lambda each: each[1].uuid):
            is_new = request.uuid in new and firsts[request.uuid] == place
            arrived[place] = _accept(request) if is_new else self._record_repeat(connection, request)
        return [each for each in arrived if each is not None]

    def _begin_all(
        self, connection: sa.Connection, asked: Sequence[tuple[ProvisionRequest, Mapping[str, Any]]], *, now: datetime
    ) -> Collection[str]:
        """Record those of these resources that are new, with what goes with them; return their uuids."""
        kind = WorkflowKind.PROVISION
        ids = {build_id(kind, request.uuid, which=1): request for request, _ in asked}
        uuids = insert_resources(connection, ids, now=now)
        new = {workflow_id: request for workflow_id, request in ids.items() if request.uuid in uuids}
        if new:
            sealings = [sealing for request in new.values() for sealing in _list_secrets(request)]
            self._core.secrets.save_all(connection, sealings)
            details = {each.uuid: _describe(each) for each in new.values()}
            add_events(connection, TimelineName.PROVISION_REQUESTED, details, now=now)
            arguments = {workflow_id: (each.uuid, each.grant is None) for workflow_id, each in new.items()}
            carried = dict(zip(ids, (each for _, each in asked), strict=True))
            self._core.engine.enqueue_all(connection, kind, arguments, carried=carried)
        return uuids

    def _record_repeat(self, connection: sa.Connection, request: ProvisionRequest) -> _Arrived:
        row = lock_resource(connection, request.uuid)
        if row is None:
            raise UnknownResource(request.uuid)
        is_same = row.was_requested_by(request)
        if is_same and row.state is State.PROVISIONING:
            self._keep_fresh_grant(connection, request)
        reply = TABLE[row.state, Call.PROVISION if is_same else Call.PROVISION_OTHER].reply
        return _Arrived(reply=reply, is_synchronous=row.is_synchronous, message=row.message)

    def _keep_fresh_grant(self, connection: sa.Connection, request: ProvisionRequest) -> None:
        """A repeat may bring a new grant; it is worth having until there is a token."""
        if request.grant is not None and self._core.secrets.find_token(connection, request.uuid) is None:
            self._core.secrets.save_grant(connection, request.uuid, request.grant)

    def _record_plan_change(self, connection: sa.Connection, uuid: str, plan: str) -> _Recorded:
        row = lock_resource(connection, uuid)
        last = find_last_plan_change(connection, uuid)
        is_wanted = row is not None and plan == find_wanted_plan(row, last)
        transition = TABLE[row.state if row else None, Call.PLAN_SAME if is_wanted else Call.PLAN_CHANGE]
        if row is None or transition.reply in (Reply.GONE, Reply.UNKNOWN):
            return _Recorded(reply=transition.reply, resource=row)
        now = self._core.clock()
        if last is not None and _is_repeat(last, plan, row, now=now):
            return _Recorded(reply=transition.reply, resource=row, change=last)
        if is_wanted:
            self._record_no_change(connection, uuid, last, now=now)
            return _Recorded(reply=transition.reply, resource=row)
        number = add_plan_change(connection, uuid, old_plan=row.plan, new_plan=plan, now=now)
        add_event(connection, uuid, TimelineName.PLAN_CHANGE_REQUESTED, now=now, old_plan=row.plan, new_plan=plan)
        start_due(connection, self._core.engine, row)
        return _Recorded(reply=transition.reply, resource=row, change=find_plan_change(connection, uuid, number))

    def _record_no_change(
        self, connection: sa.Connection, uuid: str, last: PlanChangeRow | None, *, now: datetime
    ) -> None:
        """Whatever Heroku thought the plan to be, from now on it is the one that there is on both sides."""
        settle_notices(connection, uuid, by="plan change", now=now, kinds=[NoticeKind.PLAN_CHANGE_FAILED])
        if last is not None and last.overtaken_at is None:
            overtake_plan_change(connection, uuid, last.number, now=now)

    def _record_deprovision(self, connection: sa.Connection, uuid: str) -> _Recorded:
        row = lock_resource(connection, uuid)
        transition = TABLE[row.state if row else None, Call.DEPROVISION]
        if row is None or transition.state is None or transition.state is row.state:
            # A repeat is answered as the first time, whatever is set by now.
            is_promised = is_end_promised(connection, uuid)
            return _Recorded(reply=transition.reply, resource=row, is_promised=is_promised)
        changed = begin_deprovision(connection, self._core, row, event=TimelineName.DEPROVISION_REQUESTED)
        # Without a token nobody could tell of the end.
        is_promised = self._removes_later and self._core.secrets.find_token(connection, uuid) is not None
        if is_promised:
            add_event(connection, uuid, TimelineName.DEPROVISION_PROMISED, now=self._core.clock())
        return _Recorded(reply=transition.reply, resource=changed, is_promised=is_promised)

    async def _answer_synchronously(self, uuid: str) -> Answer:
        row = await self._wait(lambda connection: _find_settled(connection, uuid))
        if row is None:
            return Answer(status=503, message=TRY_AGAIN)
        if row.state is State.PROVISIONED:
            return await self._core.database.read(self._describe_done, uuid)
        if row.state is State.FAILED:
            return Answer(status=422 if row.message else 503, message=row.message or FAILED)
        raise ResourceGone(uuid)

    def _describe_done(self, connection: sa.Connection, uuid: str) -> Answer:
        """Return what Heroku is told of a resource that it has waited for."""
        secrets = self._core.secrets
        return Answer(
            status=200,
            provider_id=uuid,
            message=secrets.find(connection, uuid, MESSAGE),
            config=secrets.find_config(connection, uuid) or {},
            log_drain_url=secrets.find(connection, uuid, LOG_DRAIN_URL),
        )

    async def _answer_plan_change(self, row: ResourceRow, change: PlanChangeRow) -> Answer:
        settled = await self._wait(lambda connection: _find_settled_change(connection, row.uuid, change.number))
        if settled is None:
            return await self._promise(row, change, f"The plan is being changed to {change.new_plan}.")
        return await self._tell(row, settled)

    async def _promise(self, row: ResourceRow, change: PlanChangeRow, message: str) -> Answer:
        """Answer 202, after which Heroku shows the new plan whatever the hook says: that it may is on record first."""
        settled = await self._core.database.write(self._record_promise, row.uuid, change.number)
        return Answer(status=202, message=message) if settled is None else await self._tell(row, settled)

    def _record_promise(self, connection: sa.Connection, uuid: str, number: int) -> PlanChangeRow | None:
        lock_resource(connection, uuid)
        settled = _find_settled_change(connection, uuid, number)
        if settled is None and not is_promised(connection, uuid, number):
            add_event(connection, uuid, TimelineName.PLAN_CHANGE_PROMISED, now=self._core.clock(), number=number)
        return settled

    async def _tell(self, row: ResourceRow, settled: PlanChangeRow) -> Answer:
        find_config = self._core.secrets.find_config
        if settled.outcome is PlanChangeOutcome.DONE:
            # Where there is a token the config vars were set through the Platform API.
            config = await self._core.database.read(find_config, row.uuid) if row.is_synchronous else None
            return Answer(status=200, message=settled.message or f"The plan is {settled.new_plan} now.", config=config)
        if settled.outcome is PlanChangeOutcome.DROPPED:
            raise ResourceGone(row.uuid)
        return Answer(status=422 if settled.message else 503, message=settled.message or FAILED)

    async def _wait(self, find: Callable[[sa.Connection], T | None], *, within: timedelta = FOREVER) -> T | None:
        """Look until something is found, at most as long as Heroku may be kept waiting."""
        try:
            async with asyncio.timeout(min(within, self._answer_within).total_seconds()):
                # The worker may be another process, so there is nothing here to be told by.
                while (found := await self._core.database.read(find)) is None:
                    await asyncio.sleep(POLL_SECONDS)
                return found
        except TimeoutError:
            return None


def find_wanted_plan(row: ResourceRow, last: PlanChangeRow | None) -> str:
    """The plan a resource will have once every waiting change is done."""
    return last.new_plan if last is not None and last.outcome is None else row.plan


def _is_repeat(last: PlanChangeRow, plan: str, row: ResourceRow, *, now: datetime) -> bool:
    """Whether Heroku asks again for the latest change: it waits, or was settled moments ago and nothing came since.

    Only the latest: what is asked for after another change is wanted anew, however often it was before.
    """
    if last.new_plan != plan:
        return False
    if last.settled_at is None:
        return True
    is_as_it_was = (last.outcome is PlanChangeOutcome.DONE) == (row.plan == plan)
    is_recent = now - last.settled_at <= ANSWERED_AGAIN_WITHIN
    return is_as_it_was and is_recent and last.overtaken_at is None and last.outcome is not PlanChangeOutcome.DROPPED


def _accept(request: ProvisionRequest) -> _Arrived:
    return _Arrived(reply=TABLE[None, Call.PROVISION].reply, is_synchronous=request.grant is None)


def _describe(request: ProvisionRequest) -> dict[str, Any]:
    """Return what the timeline tells of a request."""
    return {"plan": request.plan, "region": request.region, "grant": request.grant is not None}


def _list_secrets(request: ProvisionRequest) -> list[Sealing]:
    """Return what a provision brings that is to be sealed."""
    uuid, grant = request.uuid, request.grant
    secrets = [] if grant is None else [Sealing(uuid, GRANT, grant.code.reveal(), grant.expires_at)]
    kept = ((LOG_INPUT_URL, request.log_input_url), (LOG_DRAIN_TOKEN, request.log_drain_token))
    return secrets + [Sealing(uuid, kind, value.reveal()) for kind, value in kept if value is not None]


def _find_settled(connection: sa.Connection, uuid: str) -> ResourceRow | None:
    row = find_resource(connection, uuid)
    return row if row is not None and row.state is not State.PROVISIONING else None


def _find_settled_change(connection: sa.Connection, uuid: str, number: int) -> PlanChangeRow | None:
    change = find_plan_change(connection, uuid, number)
    return change if change.outcome is not None else None
