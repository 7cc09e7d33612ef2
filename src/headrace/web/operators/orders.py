"""An operator's orders about a resource: the page that asks whether one is meant, and the form that gives it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import NothingToDo
from headrace.logs import LogName
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeRow
from headrace.store.state.resources import ResourceRow
from headrace.web.ground.addresses import Redirect
from headrace.web.ground.bodies import OwnForm
from headrace.web.ground.openapi import (
    FORM_REJECTED,
    FORM_TYPE,
    NOT_FOUND,
    DescribedRoute,
    Operation,
    Scheme,
    show_page,
)
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import DONE_OR_LOG_IN, HOME, Guard
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import LOG_IN_FIRST, require_resource
from headrace.workflows.lifecycle.operations import Operations, Order

log = logging.getLogger(__name__)

# What each order does, as the page that asks for confirmation says it.
MEANINGS = {
    Order.RETRY: "What failed is tried again, from its first step; the partner's hooks run again.",
    Order.ABANDON: (
        "The resource counts as deprovisioned and its secrets are forgotten. No hook is called: "
        "what it has at the partner's stays there until somebody removes it."
    ),
}
_ORDER = {"order": {"type": "string", "enum": [*Order]}}

SHOW_ORDER = Operation(
    id="show_order",
    summary="Ask whether an order about a resource is meant.",
    scheme=Scheme.OPERATOR,
    path=_ORDER,
    replies=LOG_IN_FIRST | NOT_FOUND | {200: show_page("The question.")},
)
GIVE_ORDER = Operation(
    id="give_order",
    summary="Give an order about a resource.",
    scheme=Scheme.OPERATOR,
    path=_ORDER,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND | {409: show_page("The order does not fit the resource.")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderContext(OperatorContext):
    """The question whether an order is meant; `what` is what it does."""

    template: ClassVar[str] = "operator_order.html"

    order: Order
    what: str
    resource: ResourceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOrders:
    """The routes of the orders."""

    guard: Guard
    database: Database
    operations: Operations

    def routes(self) -> list[DescribedRoute]:
        path = f"{HOME}/resources/{{uuid}}/{{order}}"
        return [
            DescribedRoute(path, self.guard.page(self.show_order), "GET", SHOW_ORDER),
            DescribedRoute(path, self.guard.form(self.give_order), "POST", GIVE_ORDER),
        ]

    async def show_order(self, request: Request, session: OperatorSession) -> Response:
        """Ask whether the order is meant; nothing happens before its form is sent."""
        order = _require_order(request)
        resource = await require_resource(request, self.database)
        return await self.guard.show(session, OrderContext(order=order, what=MEANINGS[order], resource=resource))

    async def give_order(self, request: Request, session: OperatorSession) -> Response:
        order = _require_order(request)
        resource = await require_resource(request, self.database)
        try:
            give = self.operations.retry if order is Order.RETRY else self.operations.abandon
            await give(resource.uuid, by=session.by)
        except NothingToDo as error:
            return self.guard.show_message("Nothing was done", str(error), status=409)
        log.info(LogName.OPERATOR_ORDERED, extra={"order": order, "resource": resource.uuid, "by": session.by})
        return Redirect(f"{HOME}/resources/{resource.uuid}", status_code=303)


def list_orders(state: State, notices: Sequence[NoticeRow]) -> list[Order]:
    """Return the orders that may help a resource of this state, with these open notices."""
    if state is State.FAILED:
        return [*Order]
    return [Order.RETRY] if any(notice.is_of_retriable_change for notice in notices) else []


def _require_order(request: Request) -> Order:
    try:
        return Order(request.path_params["order"])
    except ValueError:
        raise HTTPException(404) from None
