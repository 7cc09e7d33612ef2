"""The operators' deliveries: what Heroku told, what became of it, and what it was asked to tell and does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

import sqlalchemy as sa
from starlette.requests import Request

from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.webhooks import RETRIED_FOR
from headrace.store.reports.deliveries import (
    DeliveryKey,
    DeliveryRow,
    SubscriptionKey,
    UnansweredRow,
    count_deliveries,
    count_unanswered,
    list_deliveries,
    list_unanswered,
)
from headrace.store.reports.paging import Place, Total, read_page
from headrace.store.sql.database import Database
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    SORT,
    Address,
    Head,
    order_heads,
    read_address,
    read_place,
    read_position,
    spell_position,
    tell_pages,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View
from headrace.workflows.engine.attempts import Attempt, list_attempts
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.ledger import Status, find_statuses


class HookOutcome(StrEnum):
    """What became of an event: for what no hook is registered, it is noted, and that is all."""

    NOTED = "noted"
    WAITING = "hook waits"
    RUNNING = "hook runs"
    TOLD = "hook told"
    FAILED = "hook failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDelivery:
    """A webhook event and what became of it; `reason` is the kind of the error that a hook failed with."""

    resource_uuid: str
    resource_name: str
    event_id: str
    entity: str
    action: str
    created_at: datetime
    received_at: datetime
    outcome: HookOutcome
    attempts: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryList:
    """A page of each: events that were taken, the latest first, and subscriptions that Heroku has not confirmed.

    With the addresses of the pages beside them.
    """

    deliveries: Sequence[ShownDelivery]
    total_deliveries: Total
    previous_deliveries: str | None
    next_deliveries: str | None
    unanswered: Sequence[UnansweredRow]
    total_unanswered: Total
    previous_unanswered: str | None
    next_unanswered: str | None


_QUERY = {
    "sort": {
        "type": "string",
        "description": "happened or -happened: by when the events did; downwards after a minus.",
    },
    "before": {"type": "string", "description": "Where the page of events begins, as its `next` says it."},
    "back_before": {"type": "string", "description": "Where the page of events ends, as its `previous` says it."},
    "after": {"type": "string", "description": "Where the page of subscriptions begins, as its `next` says it."},
    "back_after": {"type": "string", "description": "Where the page of subscriptions ends, as its `previous` says it."},
}
DELIVERIES = View(
    path=f"{HOME}/deliveries",
    id="show_deliveries",
    summary="Show what Heroku delivered, and what it was asked to tell and does not.",
    tells="A page of each.",
    shape=DeliveryList,
    query=_QUERY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesContext(OperatorContext):
    """A page of each, and for how long events are kept."""

    template: ClassVar[str] = "operator_deliveries.html"
    here: ClassVar[str] = DELIVERIES.path

    listed: DeliveryList
    address: Address
    heads: Mapping[str, Head]
    kept_for: timedelta = RETRIED_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDeliveries:
    """The routes of the deliveries."""

    guard: Guard
    database: Database

    def routes(self) -> list[DescribedRoute]:
        page, json = self.guard.view(DELIVERIES, self.load, self.show)
        return [json, page]

    async def load(self, request: Request) -> DeliveryList:
        return await self.database.read(_list, read_address(request, *_QUERY))

    async def show(self, request: Request, listed: DeliveryList) -> OperatorContext:
        address = read_address(request, *_QUERY)
        heads = order_heads(address, {"happened": False}, by="happened", is_ascending=_is_ascending(address))
        return DeliveriesContext(listed=listed, address=address, heads=heads)


def _list(connection: sa.Connection, address: Address) -> DeliveryList:
    def read(place: Place[DeliveryKey] | None, limit: int) -> Sequence[DeliveryRow]:
        return list_deliveries(connection, place=place, is_ascending=_is_ascending(address), limit=limit)

    def read_unanswered(place: Place[SubscriptionKey] | None, limit: int) -> Sequence[UnansweredRow]:
        return list_unanswered(connection, place=place, limit=limit)

    taken = read_page(read, lambda row: row.key, read_place(address, "before", _read_delivery))
    unanswered = read_page(read_unanswered, lambda row: row.key, read_place(address, "after", _read_subscription))
    beside, beside_unanswered = (
        tell_pages(address, "before", taken, _spell_key),
        tell_pages(address, "after", unanswered, _spell_key),
    )
    return DeliveryList(
        deliveries=_tell_outcomes(connection, taken.rows),
        total_deliveries=count_deliveries(connection),
        previous_deliveries=beside.previous,
        next_deliveries=beside.next,
        unanswered=unanswered.rows,
        total_unanswered=count_unanswered(connection),
        previous_unanswered=beside_unanswered.previous,
        next_unanswered=beside_unanswered.next,
    )


def _is_ascending(address: Address) -> bool:
    return address.find(SORT) == "happened"


def _spell_key(key: DeliveryKey | SubscriptionKey) -> str:
    return spell_position(*key)


def _read_delivery(text: str) -> DeliveryKey | None:
    position = read_position(text, parts=3)
    return DeliveryKey(position[0], *position[1]) if position else None


def _read_subscription(text: str) -> SubscriptionKey | None:
    position = read_position(text)
    return SubscriptionKey(position[0], *position[1]) if position else None


def _tell_outcomes(connection: sa.Connection, rows: Sequence[DeliveryRow]) -> list[ShownDelivery]:
    ids = [build_id(WorkflowKind.EVENT, row.resource_uuid, which=row.event_id) for row in rows]
    statuses, attempts = find_statuses(connection, ids), list_attempts(connection, ids)
    return [_tell_outcome(row, statuses.get(id_), attempts.get(id_, ())) for row, id_ in zip(rows, ids, strict=True)]


def _tell_outcome(row: DeliveryRow, status: Status | None, attempts: Sequence[Attempt]) -> ShownDelivery:
    at_hook = [attempt for attempt in attempts if attempt.step == "run_hook"]
    reason = at_hook[-1].reason if at_hook else None
    if status in (None, Status.ENQUEUED):
        outcome = HookOutcome.NOTED if status is None else HookOutcome.WAITING
    elif status is Status.RUNNING:
        outcome = HookOutcome.RUNNING
    else:
        outcome = HookOutcome.FAILED if reason or status is Status.FAILED else HookOutcome.TOLD
    return ShownDelivery(
        resource_uuid=row.resource_uuid,
        resource_name=row.resource_name,
        event_id=row.event_id,
        entity=row.entity,
        action=row.action,
        created_at=row.created_at,
        received_at=row.received_at,
        outcome=outcome,
        attempts=len(at_hook),
        reason=reason,
    )
