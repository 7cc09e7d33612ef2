"""Ordering by `/api`: config vars of a resource, its credentials, actions, and what is stuck.

What is ordered is on disk once it is answered, and a worker does it; nothing is changed by what is refused.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import ResourceGone, UnknownResource
from headrace.logs import LogName
from headrace.models import State
from headrace.protocol.partner import parse_uuid
from headrace.protocol.wire import read_number
from headrace.resources.ordering import ConfigChange, Orders, describe_change
from headrace.store.sql.database import Database
from headrace.store.state.config.changes import ConfigChangeKind, ConfigChangeOutcome, find_config_change
from headrace.store.state.people.api_tokens import Scope
from headrace.store.state.resources import find_state
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.finding import ONE
from headrace.web.programs.gate import (
    BAD_BODY,
    BAD_REQUEST,
    GONE,
    NOT_FITTING,
    UNKNOWN,
    Gate,
    describe,
    read_json,
    respond,
)
from headrace.workflows.lifecycle.operations import Operations, Order, Retried
from headrace.workflows.lifecycle.waiting import WaitingStep

log = logging.getLogger(__name__)


class ConfigBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Config vars to set, by name; null removes one, and those that are not named stay."""

    config: dict[str, str | None]


class ConfigOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order about one resource, which a worker carries out: `outcome` is null while it waits.

    `names` are the config vars that it is about, or the action. Orders of a resource are numbered, and carried out one
    after the other. Of one that failed, `step` says where it stopped and `reason` is the kind of error; one that is
    `dropped` was overtaken by the resource's end.
    """

    uuid: str
    number: int
    kind: ConfigChangeKind
    names: list[str]
    ordered_by: str
    requested_at: datetime
    settled_at: datetime | None
    outcome: ConfigChangeOutcome | None
    step: str | None
    reason: str | None


class ActionListing(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's own actions that can be ordered of a resource, by name."""

    uuid: str
    actions: list[str]


class Retrial(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried again of a resource."""

    uuid: str
    retried: Retried


class OrderedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow of a resource that waits for another attempt at a step, about which something was ordered.

    So many `attempts` had failed, the last one for this `reason`, and the next one was due at `next_at`. An attempt
    that has begun counts: one that is done has come before the order.
    """

    uuid: str
    workflow: str
    step: str
    attempts: int
    reason: str | None
    next_at: datetime | None


_ORDERED = {202: show_json("It is ordered, and a worker does it.", ConfigOrder)}
_NO_ORDER: Mapping[int, Reply] = {404: show_json("There is no such resource, or no such order of it.")}
SET_CONFIG = Operation(
    id="set_config",
    summary="Set config vars of a resource by name.",
    scheme=Scheme.PROGRAM,
    body=(JSON_TYPE, ConfigBody),
    replies=describe(Scope.WRITE, BAD_BODY, UNKNOWN, NOT_FITTING, GONE, _ORDERED),
)
ROTATE = Operation(
    id="rotate_credentials",
    summary="Renew the credentials of a resource: the on_rotate hook makes new ones, which are then set.",
    scheme=Scheme.PROGRAM,
    replies=describe(
        Scope.WRITE, BAD_REQUEST, UNKNOWN, NOT_FITTING, GONE, _ORDERED, {422: show_json("There is no on_rotate hook.")}
    ),
)
SHOW_ORDER = Operation(
    id="show_config_order",
    summary="Return an order about a resource's config vars, and what became of it.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.READ, BAD_REQUEST, _NO_ORDER, {200: show_json("The order.", ConfigOrder)}),
)
_NAMED = {"name": {"type": "string", "maxLength": 60, "description": "The action, such as `Rebuild index`."}}
LIST_ACTIONS = Operation(
    id="list_actions",
    summary="Return the provider's own actions that can be ordered of a resource.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.READ, BAD_REQUEST, UNKNOWN, GONE, {200: show_json("Their names.", ActionListing)}),
)
ORDER_ACTION = Operation(
    id="order_action",
    summary="Have an action of the provider's own done for a resource.",
    scheme=Scheme.PROGRAM,
    path=_NAMED,
    replies=describe(
        Scope.OPERATE, BAD_REQUEST, UNKNOWN, NOT_FITTING, GONE, _ORDERED, {422: show_json("There is no such action.")}
    ),
)
RETRY = Operation(
    id="retry_resource",
    summary="Try again what failed of a resource: its provision, its deprovision or its last plan change.",
    scheme=Scheme.PROGRAM,
    replies=describe(
        Scope.OPERATE, BAD_REQUEST, UNKNOWN, NOT_FITTING, {202: show_json("It is tried again by a worker.", Retrial)}
    ),
)
_WAITS = {202: show_json("It is ordered, and the worker heeds it within seconds.", OrderedAttempt)}
TRY_NOW = Operation(
    id="try_resource_now",
    summary="Have the attempt made at once for which a resource's workflow waits.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.OPERATE, BAD_REQUEST, UNKNOWN, NOT_FITTING, _WAITS),
)
GIVE_UP = Operation(
    id="give_resource_up",
    summary="Have no other attempt made of what waits for one: it fails now, as it would have in the end.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.OPERATE, BAD_REQUEST, UNKNOWN, NOT_FITTING, _WAITS),
)
ABANDON = Operation(
    id="abandon_resource",
    summary="Give a failed resource up: it counts as deprovisioned and its secrets are forgotten. No hook is called.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.OPERATE, BAD_REQUEST, UNKNOWN, NOT_FITTING, {204: Reply("It was given up.")}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """The routes that order something of one resource."""

    gate: Gate
    database: Database
    orders: Orders
    operations: Operations

    def routes(self) -> list[DescribedRoute]:
        guard = self.gate.guard
        return [
            DescribedRoute(f"{ONE}/config", guard(Scope.WRITE, self.set_config), "PATCH", SET_CONFIG),
            DescribedRoute(f"{ONE}/rotate", guard(Scope.WRITE, self.rotate), "POST", ROTATE),
            DescribedRoute(f"{ONE}/orders/{{number:int}}", guard(Scope.READ, self.show), "GET", SHOW_ORDER),
            DescribedRoute(f"{ONE}/actions", guard(Scope.READ, self.list_actions), "GET", LIST_ACTIONS),
            DescribedRoute(f"{ONE}/actions/{{name}}", guard(Scope.OPERATE, self.order_action), "POST", ORDER_ACTION),
            DescribedRoute(f"{ONE}/retry", guard(Scope.OPERATE, self.retry), "POST", RETRY),
            DescribedRoute(f"{ONE}/try-now", guard(Scope.OPERATE, self.try_now), "POST", TRY_NOW),
            DescribedRoute(f"{ONE}/give-up", guard(Scope.OPERATE, self.give_up), "POST", GIVE_UP),
            DescribedRoute(f"{ONE}/abandon", guard(Scope.OPERATE, self.abandon), "POST", ABANDON),
        ]

    async def set_config(self, request: Request, caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        body = await read_json(request, ConfigBody)
        return respond(_describe(await self.orders.set_config(uuid, body.config, by=caller.name)), status=202)

    async def rotate(self, request: Request, caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        return respond(_describe(await self.orders.rotate(uuid, by=caller.name)), status=202)

    async def list_actions(self, request: Request, _caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        state = await self.database.read(find_state, uuid)
        if state is None:
            raise UnknownResource(uuid)
        if state is State.DEPROVISIONED:
            raise ResourceGone(uuid)
        return respond(ActionListing(uuid=uuid, actions=self.orders.list_actions()))

    async def order_action(self, request: Request, caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        action = str(request.path_params["name"])
        change = await self.orders.order_action(uuid, action, by=caller.name)
        log.info(LogName.OPERATOR_ORDERED, extra={"order": action, "resource": uuid, "by": caller.name})
        return respond(_describe(change), status=202)

    async def show(self, request: Request, _caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        # A number that is longer than any is none that a database has.
        number = read_number(str(request.path_params["number"]))
        row = None if number is None else await self.database.read(find_config_change, uuid, number)
        if row is None:
            raise UnknownResource(f"{uuid} with such an order")
        return respond(_describe(describe_change(row)))

    async def retry(self, request: Request, caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        retried = await self.operations.retry(uuid, by=caller.name)
        log.info(LogName.OPERATOR_ORDERED, extra={"order": "retry", "resource": uuid, "by": caller.name})
        return respond(Retrial(uuid=uuid, retried=retried), status=202)

    async def try_now(self, request: Request, caller: Caller) -> Response:
        return await self._order_attempt(request, caller, Order.TRY_NOW, self.operations.try_now)

    async def give_up(self, request: Request, caller: Caller) -> Response:
        return await self._order_attempt(request, caller, Order.GIVE_UP, self.operations.give_up)

    async def _order_attempt(
        self, request: Request, caller: Caller, order: Order, give: Callable[..., Awaitable[WaitingStep]]
    ) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        found = await give(uuid, by=caller.name)
        log.info(LogName.OPERATOR_ORDERED, extra={"order": order, "resource": uuid, "by": caller.name})
        known = {name: getattr(found, name) for name in ("step", "attempts", "reason", "next_at")}
        return respond(OrderedAttempt(uuid=uuid, workflow=found.kind, **known), status=202)

    async def abandon(self, request: Request, caller: Caller) -> Response:
        uuid = parse_uuid(request.path_params["uuid"])
        await self.operations.abandon(uuid, by=caller.name)
        log.info(LogName.OPERATOR_ORDERED, extra={"order": "abandon", "resource": uuid, "by": caller.name})
        return Response(status_code=204)


def _describe(change: ConfigChange) -> ConfigOrder:
    return ConfigOrder(
        uuid=change.uuid,
        number=change.number,
        kind=change.kind,
        names=list(change.names),
        ordered_by=change.ordered_by,
        requested_at=change.requested_at,
        settled_at=change.settled_at,
        outcome=change.outcome,
        step=change.step,
        reason=change.reason,
    )
