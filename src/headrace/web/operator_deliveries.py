"""The operators' deliveries: what Heroku told, what became of it, and what it was asked to tell and does not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from headrace.protocol.webhooks import RETRIED_FOR
from headrace.store.database import Database
from headrace.store.deliveries import (
    PAGE,
    DeliveryKey,
    DeliveryRow,
    SubscriptionKey,
    UnansweredRow,
    list_deliveries,
    list_unanswered,
)
from headrace.web.lists import Address, read_address, read_position, spell_position
from headrace.web.openapi import DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.sessions import OperatorSession
from headrace.workflows.events import name_event_workflow
from headrace.workflows.ledger import Attempt, Status, find_statuses, list_attempts

DELIVERIES = f"{HOME}/deliveries"


class Outcome(StrEnum):
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
    outcome: Outcome
    attempts: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryList:
    """A page of each: events that were taken, the latest first, and subscriptions that Heroku has not confirmed."""

    deliveries: Sequence[ShownDelivery]
    next_deliveries: str | None
    unanswered: Sequence[UnansweredRow]
    next_unanswered: str | None


_QUERY = {
    "before": {"type": "string", "description": "Where the page of events begins, as its `next` says it."},
    "after": {"type": "string", "description": "Where the page of subscriptions begins, as its `next` says it."},
}
SHOW_DELIVERIES = Operation(
    id="show_deliveries",
    summary="Show what Heroku delivered, and what it was asked to tell and does not.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=LOG_IN_FIRST | {200: show_page("A page of each.")},
)
SHOW_DELIVERIES_JSON = Operation(
    id="show_deliveries_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=NO_SESSION | {200: show_json("A page of each.", DeliveryList)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDeliveries:
    """The routes of the deliveries."""

    door: OperatorDoor
    database: Database

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        return [
            DescribedRoute(f"{DELIVERIES}.json", door.twin(self.show_deliveries_json), "GET", SHOW_DELIVERIES_JSON),
            DescribedRoute(DELIVERIES, door.page(self.show_deliveries), "GET", SHOW_DELIVERIES),
        ]

    async def show_deliveries(self, request: Request, session: OperatorSession) -> Response:
        address = read_address(request, *_QUERY)
        listed = await self.database.read(_list, address)
        return self.door.show(
            session, "operator_deliveries.html", here=DELIVERIES, listed=listed, address=address, kept=RETRIED_FOR
        )

    async def show_deliveries_json(self, request: Request, _session: OperatorSession) -> Response:
        return respond_json(await self.database.read(_list, read_address(request, *_QUERY).twin))


def _list(connection: sa.Connection, address: Address) -> DeliveryList:
    before, after = read_position(address.find("before"), parts=3), read_position(address.find("after"))
    rows = list_deliveries(connection, before=DeliveryKey(before[0], *before[1]) if before else None, limit=PAGE + 1)
    unanswered = list_unanswered(
        connection, after=SubscriptionKey(after[0], *after[1]) if after else None, limit=PAGE + 1
    )
    shown, declined = rows[:PAGE], unanswered[:PAGE]
    return DeliveryList(
        deliveries=_tell_outcomes(connection, shown),
        next_deliveries=str(address.at("before", spell_position(*shown[-1].key))) if len(rows) > PAGE else None,
        unanswered=declined,
        next_unanswered=(
            str(address.at("after", spell_position(*declined[-1].key))) if len(unanswered) > PAGE else None
        ),
    )


def _tell_outcomes(connection: sa.Connection, rows: Sequence[DeliveryRow]) -> list[ShownDelivery]:
    ids = [name_event_workflow(row.resource_uuid, row.event_id) for row in rows]
    statuses, attempts = find_statuses(connection, ids), list_attempts(connection, ids)
    return [_tell_outcome(row, statuses.get(id_), attempts.get(id_, ())) for row, id_ in zip(rows, ids, strict=True)]


def _tell_outcome(row: DeliveryRow, status: Status | None, attempts: Sequence[Attempt]) -> ShownDelivery:
    at_hook = [attempt for attempt in attempts if attempt.step == "run_hook"]
    reason = at_hook[-1].reason if at_hook else None
    if status in (None, Status.ENQUEUED):
        outcome = Outcome.NOTED if status is None else Outcome.WAITING
    elif status is Status.RUNNING:
        outcome = Outcome.RUNNING
    else:
        outcome = Outcome.FAILED if reason or status is Status.FAILED else Outcome.TOLD
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
