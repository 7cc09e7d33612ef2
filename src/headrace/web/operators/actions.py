"""A partner's own actions: the page that asks whether one is meant, and the form that orders it."""

import logging
from dataclasses import dataclass
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import NothingToDo, ResourceGone
from headrace.logs import LogName
from headrace.resources.ordering import Orders
from headrace.store.sql.database import Database
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

log = logging.getLogger(__name__)

_NAMED = {"action": {"type": "string", "maxLength": 60, "description": "The action, such as `Rebuild index`."}}
SHOW_ACTION = Operation(
    id="show_action",
    summary="Ask whether an action of the provider's own is meant.",
    scheme=Scheme.OPERATOR,
    path=_NAMED,
    replies=LOG_IN_FIRST | NOT_FOUND | {200: show_page("The question.")},
)
GIVE_ACTION = Operation(
    id="give_action",
    summary="Order an action of the provider's own.",
    scheme=Scheme.OPERATOR,
    path=_NAMED,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND | {409: show_page("The action does not fit the resource.")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext(OperatorContext):
    """The question whether an action is meant."""

    template: ClassVar[str] = "operator_action.html"

    action: str
    resource: ResourceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorActions:
    """The routes of a partner's own actions."""

    guard: Guard
    database: Database
    orders: Orders

    def routes(self) -> list[DescribedRoute]:
        path = f"{HOME}/resources/{{uuid}}/actions/{{action}}"
        return [
            DescribedRoute(path, self.guard.page(self.show_action), "GET", SHOW_ACTION),
            DescribedRoute(path, self.guard.form(self.give_action), "POST", GIVE_ACTION),
        ]

    async def show_action(self, request: Request, session: OperatorSession) -> Response:
        """Ask whether the action is meant; nothing happens before its form is sent."""
        action, resource = self._require_action(request), await require_resource(request, self.database)
        return await self.guard.show(session, ActionContext(action=action, resource=resource))

    async def give_action(self, request: Request, session: OperatorSession) -> Response:
        action, resource = self._require_action(request), await require_resource(request, self.database)
        try:
            await self.orders.order_action(resource.uuid, action, by=session.by)
        except (NothingToDo, ResourceGone) as error:
            return self.guard.show_message("Nothing was done", str(error), status=409)
        log.info(LogName.OPERATOR_ORDERED, extra={"order": action, "resource": resource.uuid, "by": session.by})
        return Redirect(f"{HOME}/resources/{resource.uuid}", status_code=303)

    def _require_action(self, request: Request) -> str:
        action = str(request.path_params["action"])
        if action not in self.orders.list_actions():
            raise HTTPException(404)
        return action
