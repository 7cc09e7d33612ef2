"""What is ordered of one resource, an operator's order or an action of the partner's own: asked first, then given."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import NothingToDo, ResourceGone
from headrace.logs import LogName
from headrace.models import State
from headrace.resources.ordering import Orders
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeRow
from headrace.store.state.people.share_links import revoke_share_links
from headrace.store.state.resources import ResourceRow
from headrace.web.ground.addresses import Redirect
from headrace.web.ground.bodies import OwnForm
from headrace.web.ground.openapi import FORM_REJECTED, FORM_TYPE, NOT_FOUND, DescribedRoute, Operation, Scheme
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import DONE_OR_LOG_IN, Question, require_resource
from headrace.workflows.lifecycle.operations import Operations, Order

log = logging.getLogger(__name__)

# What each order does, as the page that asks for confirmation says it.
MEANINGS = {
    Order.RETRY: "What failed is tried again, from its first step; the partner's hooks run again.",
    Order.ABANDON: (
        "The resource counts as deprovisioned and its secrets are forgotten. No hook is called: "
        "what it has at the partner's stays there until somebody removes it."
    ),
    Order.TRY_NOW: "The next attempt is made now, and not at its time; if it fails, others follow as before.",
    Order.GIVE_UP: (
        "No other attempt is made: what is under way has failed. Heroku and the customer are told what they are told "
        "of every failure, and a notice stays open. An attempt that has begun already counts if it succeeds."
    ),
}
OF_ACTIONS = (
    "Your own hook for this is called by a worker, after what was ordered of the resource before. The timeline tells "
    "what came of it."
)
GRAVE = (Order.ABANDON, Order.GIVE_UP)

ORDER = Question(
    path=f"{HOME}/resources/{{uuid}}/{{order}}",
    ids=("show_order", "give_order"),
    summaries=("Ask whether an order about a resource is meant.", "Give an order about a resource."),
    names={"order": {"type": "string", "enum": [*Order]}},
    problem="The order does not fit the resource.",
)
ACTION = Question(
    path=f"{HOME}/resources/{{uuid}}/actions/{{action}}",
    ids=("show_action", "give_action"),
    summaries=(
        "Ask whether an action of the provider's own is meant.",
        "Order an action of the provider's own.",
    ),
    names={"action": {"type": "string", "maxLength": 60, "description": "The action, such as `Rebuild index`."}},
    problem="The action does not fit the resource.",
)
REVOKE_LINKS = Operation(
    id="revoke_share_links",
    summary="Let no link that customers gave of a resource show anything from now on.",
    scheme=Scheme.OPERATOR,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderContext(OperatorContext):
    """The question whether something is meant: `question` and the resource's name ask, `what` is what it does.

    `answer` stands on the button of the form, which is sent to `address`.
    """

    template: ClassVar[str] = "operator_order.html"

    question: str
    answer: str
    what: str
    is_grave: bool
    address: str
    resource: ResourceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Something that can be ordered of a resource: how it is asked, how it is given, and its name in the log."""

    name: str
    context: OrderContext
    give: Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOrders:
    """The routes of the orders."""

    guard: Guard
    database: Database
    operations: Operations
    orders: Orders

    def routes(self) -> list[DescribedRoute]:
        revoke = f"{HOME}/resources/{{uuid}}/links/revoke"
        return [
            *self._ask(ACTION, self.find_action),
            *self._ask(ORDER, self.find_order),
            DescribedRoute(revoke, self.guard.form(self.revoke_links), "POST", REVOKE_LINKS),
        ]

    async def find_order(self, request: Request) -> Wanted:
        """Return the order that an address names.

        Raises:
            HTTPException: there is no such order, or no such resource, 404.
        """
        try:
            order = Order(request.path_params["order"])
        except ValueError:
            raise HTTPException(404) from None
        resource = await require_resource(request, self.database)
        words = order.replace("-", " ").capitalize()
        context = OrderContext(
            question=words,
            answer=words,
            what=MEANINGS[order],
            is_grave=order in GRAVE,
            address=f"{HOME}/resources/{resource.uuid}/{order}",
            resource=resource,
        )
        return Wanted(name=order, context=context, give=partial(self._list_gives()[order], resource.uuid))

    async def find_action(self, request: Request) -> Wanted:
        """Return the action that an address names.

        Raises:
            HTTPException: the partner has none of this name, or there is no such resource, 404.
        """
        action = str(request.path_params["action"])
        if action not in self.orders.list_actions():
            raise HTTPException(404)
        resource = await require_resource(request, self.database)
        context = OrderContext(
            question=f"{action} of",
            answer=action,
            what=OF_ACTIONS,
            is_grave=False,
            address=f"{HOME}/resources/{resource.uuid}/actions/{quote(action)}",
            resource=resource,
        )
        return Wanted(name=action, context=context, give=partial(self.orders.order_action, resource.uuid, action))

    def _list_gives(self) -> Mapping[Order, Callable[..., Awaitable[object]]]:
        operations = self.operations
        return {
            Order.RETRY: operations.retry,
            Order.ABANDON: operations.abandon,
            Order.TRY_NOW: operations.try_now,
            Order.GIVE_UP: operations.give_up,
        }

    def _ask(
        self, question: Question, find: Callable[[Request], Awaitable[Wanted]]
    ) -> tuple[DescribedRoute, DescribedRoute]:
        async def ask(request: Request, session: OperatorSession) -> Response:
            return await self.guard.show(session, (await find(request)).context)

        async def give(request: Request, session: OperatorSession) -> Response:
            wanted = await find(request)
            uuid = wanted.context.resource.uuid
            try:
                await wanted.give(by=session.by)
            except (NothingToDo, ResourceGone) as error:
                return self.guard.show_message("Nothing was done", str(error), status=409)
            log.info(LogName.OPERATOR_ORDERED, extra={"order": wanted.name, "resource": uuid, "by": session.by})
            return Redirect(f"{HOME}/resources/{uuid}", status_code=303)

        return self.guard.question(question, ask, give)

    async def revoke_links(self, request: Request, session: OperatorSession) -> Response:
        """Revoke every link by which customers share the board that they see from a resource."""
        resource = await require_resource(request, self.database)
        if await self.database.write(revoke_share_links, resource.uuid):
            log.info(LogName.LINK_REVOKED, extra={"resource": resource.uuid, "by": session.by})
        return Redirect(f"{HOME}/resources/{resource.uuid}", status_code=303)


def list_orders(state: State, notices: Sequence[NoticeRow], *, is_waiting: bool) -> list[Order]:
    """Return the orders that may help a resource of this state, with these open notices.

    `is_waiting` says that its workflow waits for another attempt.
    """
    of_attempts = [Order.TRY_NOW, Order.GIVE_UP] if is_waiting else []
    if state is State.FAILED:
        return [*of_attempts, Order.RETRY, Order.ABANDON]
    return [*of_attempts, *([Order.RETRY] if any(notice.is_of_retriable_change for notice in notices) else [])]
