"""Batches: the plain changes of jobs, told to Heroku many at a time, so that each costs little more than its request.

A batch is a workflow, and the running one of every resource in it: no plan change, no removal and no other order comes
in between. Which changes are in it is its argument. It is tried once. Whatever Heroku does not take at once has a
workflow of its own from then on, which asks first what Heroku was told, tries again as the retry table says, and tells
of failures: that a batch can fail in part is nobody else's matter. A batch that ends begins the next.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from operator import attrgetter
from time import monotonic
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.inspector.concurrency import gather_bounded
from headrace.logs import LogName
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.platform import build_config, build_config_update, has_config, raise_for_status, read_config
from headrace.store.sql.database import plan_anew
from headrace.store.state.config.batches import (
    BatchedChange,
    begin_telling,
    claim_config_batch,
    count_config_batches,
    forget_tried,
    list_with_more_due,
    release_config_batch,
)
from headrace.store.state.notices import settle_notices_of
from headrace.store.state.resources import lock_resource, lock_resources
from headrace.store.state.secrets import SealedOrder
from headrace.workflows.config.recording import Told, is_known, record_told
from headrace.workflows.engine.ids import SEPARATOR, build_id
from headrace.workflows.engine.port import EVENT_QUEUE
from headrace.workflows.engine.run import Run
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import hand_over
from headrace.workflows.lifecycle.steps import OVER_AT_THE_END

log = logging.getLogger(__name__)

BATCH = 250
IN_FLIGHT = 32
# Of all processes; each holds the turns of its resources.
MOST_BATCHES = 4
# What of a batch has not begun by then gives its turn back, and is in another batch: where Heroku is slow a customer's
# change of plan does not wait for the others.
TOLD_WITHIN_SECONDS = 10.0
# A worker that was taken over tells Heroku nothing for longer than this.
PROVED_FOR_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Telling:
    """What becomes of a batch while Heroku is told of it: what is `left` has not begun, what is `told` is told."""

    batch: str
    uuids: list[str]
    began_at: float
    proved_at: float
    left: list[BatchedChange] = field(default_factory=list)
    orders: Mapping[str, SealedOrder] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)


def begin_batch(connection: sa.Connection, core: Core, *, after: str = "") -> bool:
    """Begin a batch of what waits for one, from behind a uuid on; return whether there was anything."""
    batch, kind = str(uuid4()), WorkflowKind.CONFIG_BATCH
    workflow_id = build_id(kind, batch)
    numbers = claim_config_batch(connection, workflow_id, after=after, limit=BATCH)
    if numbers:
        core.engine.enqueue(connection, kind, workflow_id, batch, list(numbers.items()), queue=EVENT_QUEUE)
    return bool(numbers)


def has_room(connection: sa.Connection) -> bool:
    """Whether another batch may begin."""
    prefix = f"{WorkflowKind.CONFIG_BATCH}{SEPARATOR}"
    return count_config_batches(connection, prefix=prefix) < MOST_BATCHES


class ConfigBatches:
    """Tells Heroku of batches; how long that takes is read from `stopwatch`, in seconds."""

    def __init__(self, core: Core, client: HerokuClient, *, stopwatch: Callable[[], float] = monotonic) -> None:
        self._core = core
        self._client = client
        self._stopwatch = stopwatch
        core.engine.register(WorkflowKind.CONFIG_BATCH, self.run)

    async def run(self, run: Run, _batch: str, argument: Any) -> None:
        """Tell Heroku of a batch, whose changes the argument names by uuid and number."""
        numbers = dict(argument)
        await run.step("set_config", partial(self._set_config, run.workflow_id, numbers), leaves_traces=True)

    async def _set_config(self, batch: str, numbers: Mapping[str, int]) -> None:
        database = self._core.database
        telling = await database.write(self._open, batch, numbers)
        await gather_bounded(partial(self._tell, telling), list(telling.left), limit=IN_FLIGHT)
        await database.write(self._record, telling)

    def _open(self, connection: sa.Connection, batch: str, numbers: Mapping[str, int]) -> Telling:
        plan_anew(connection)
        left = begin_telling(connection, batch, numbers, now=self._core.clock())
        orders = self._core.secrets.load_orders(connection, {each.uuid: each.number for each in left})
        now = self._stopwatch()
        return Telling(batch=batch, uuids=list(numbers), left=left, orders=orders, began_at=now, proved_at=now)

    async def _tell(self, telling: Telling, change: BatchedChange) -> None:
        if self._stopwatch() - telling.began_at > TOLD_WITHIN_SECONDS:
            return
        await self._prove(telling)
        telling.left.remove(change)
        order = telling.orders.get(change.uuid)
        if order is None:
            return
        try:
            if not is_known(order.known, order.changes) and not await self._is_told(change, order):
                request = build_config_update(change.uuid, order.changes)
                raise_for_status(await self._client.send(change.uuid, request, token=order.token), request)
        except Exception as error:  # noqa: BLE001 - whatever it is, its own workflow meets it too, and says so
            extra = {"resource": change.uuid, "error": type(error).__name__, "will_retry": True}
            log.info(LogName.STEP_FAILED, extra=extra)
        else:
            told = Told(uuid=change.uuid, number=change.number, changes=order.changes, known=order.known)
            telling.told.append(told)

    async def _is_told(self, change: BatchedChange, order: SealedOrder) -> bool:
        """Ask, where a crash has left it open: each PATCH restarts the customer's apps."""
        if change.is_first:
            return False
        request = build_config(change.uuid)
        response = await self._client.send(change.uuid, request, token=order.token)
        raise_for_status(response, request)
        return has_config(read_config(response, request), order.changes)

    async def _prove(self, telling: Telling) -> None:
        """Have nothing told by a worker that was taken over: what it tells may be older than what was told since."""
        now = self._stopwatch()
        if now - telling.proved_at > PROVED_FOR_SECONDS:
            # Before the answer is there: the others need not ask the same.
            telling.proved_at = now
            try:
                await self._core.database.read_behind_fence(_look)
            except BaseException:
                # Nor do the others begin anything more.
                telling.began_at = -inf
                raise

    def _record(self, connection: sa.Connection, telling: Telling) -> None:
        plan_anew(connection)
        core, now = self._core, self._core.clock()
        lock_resources(connection, telling.uuids)
        # In one order, so that whoever stops the job meanwhile waits, or is waited for.
        record_told(connection, core, sorted(telling.told, key=attrgetter("uuid")))
        forget_tried(connection, {each.uuid: each.number for each in telling.left if each.is_first})
        settle_notices_of(connection, telling.uuids, by="worker", now=now, kinds=OVER_AT_THE_END)
        for uuid in list_with_more_due(connection, telling.batch, telling.uuids):
            row = lock_resource(connection, uuid)
            assert row is not None
            hand_over(connection, core.engine, row)
        release_config_batch(connection, telling.batch, telling.uuids)
        if has_room(connection):
            begin_batch(connection, core, after=max(telling.uuids))


def _look(_connection: sa.Connection) -> None:
    """Read nothing: the fence before it is what is looked at."""
