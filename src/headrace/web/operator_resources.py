"""One resource for operators: its timeline, and the orders about it."""

import logging
from dataclasses import dataclass
from datetime import datetime

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headrace.errors import Malformed, NothingToDo
from headrace.models import State
from headrace.protocol.partner import parse_uuid
from headrace.store.database import Database
from headrace.store.notices import NoticeRow, list_notices_of
from headrace.store.resources import EventRow, ResourceRow, find_resource, list_events
from headrace.web.bodies import OwnForm
from headrace.web.openapi import FORM, FORM_REJECTED, NOT_FOUND, DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import DONE_OR_LOG_IN, HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.operator_pages import ORDERS, render_order, render_timeline
from headrace.web.sessions import OperatorSession
from headrace.workflows.operations import Operations

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResource:
    """Of a resource, what operators may see."""

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    message: str | None
    app_id: str | None
    app_name: str | None
    running: str | None
    created_at: datetime
    provisioned_at: datetime | None
    deprovisioned_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One resource, what happened to it, and what was noted about it."""

    resource: ShownResource
    events: list[EventRow]
    notices: list[NoticeRow]


_ORDER = {"order": {"type": "string", "enum": [*ORDERS]}}

SHOW_RESOURCE = Operation(
    id="show_resource",
    summary="Show one resource and its timeline.",
    scheme=Scheme.OPERATOR,
    replies=LOG_IN_FIRST | NOT_FOUND | {200: show_page("The timeline.")},
)
SHOW_RESOURCE_JSON = Operation(
    id="show_resource_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    replies=NO_SESSION | NOT_FOUND | {200: show_json("The timeline.", Timeline)},
)
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
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND | {409: show_page("The order does not fit the resource.")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorResources:
    """The routes of one resource."""

    door: OperatorDoor
    database: Database
    operations: Operations

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        resource = f"{HOME}/resources/{{uuid}}"
        order = f"{resource}/{{order}}"
        return [
            DescribedRoute(f"{resource}.json", door.twin(self.show_resource_json), "GET", SHOW_RESOURCE_JSON),
            DescribedRoute(resource, door.page(self.show_resource), "GET", SHOW_RESOURCE),
            DescribedRoute(order, door.page(self.show_order), "GET", SHOW_ORDER),
            DescribedRoute(order, door.form(self.give_order), "POST", GIVE_ORDER),
        ]

    async def show_resource(self, request: Request, session: OperatorSession) -> Response:
        resource, events, notices = await self._load_resource(request)
        page = render_timeline(resource, events, notices, service_name=self.door.service_name, csrf=session.csrf)
        return HTMLResponse(page)

    async def show_resource_json(self, request: Request, _session: OperatorSession) -> Response:
        resource, events, notices = await self._load_resource(request)
        shown = msgspec.convert(resource, ShownResource, from_attributes=True)
        return respond_json(Timeline(resource=shown, events=events, notices=notices))

    async def show_order(self, request: Request, session: OperatorSession) -> Response:
        """Ask whether the order is meant; nothing happens before its form is sent."""
        order = _find_order(request)
        resource, _, _ = await self._load_resource(request)
        return HTMLResponse(render_order(order, resource, service_name=self.door.service_name, csrf=session.csrf))

    async def give_order(self, request: Request, _session: OperatorSession) -> Response:
        order = _find_order(request)
        resource, _, _ = await self._load_resource(request)
        try:
            await (self.operations.retry if order == "retry" else self.operations.abandon)(resource.uuid)
        except NothingToDo as error:
            return self.door.show_message("Nothing was done", str(error), status=409)
        log.info("operator.ordered", extra={"order": order, "resource": resource.uuid})
        return RedirectResponse(f"{HOME}/resources/{resource.uuid}", status_code=303)

    async def _load_resource(self, request: Request) -> tuple[ResourceRow, list[EventRow], list[NoticeRow]]:
        try:
            uuid = parse_uuid(request.path_params["uuid"])
        except Malformed:
            raise HTTPException(404) from None
        resource = await self.database.read(find_resource, uuid)
        if resource is None:
            raise HTTPException(404)
        events = await self.database.read(list_events, uuid)
        return resource, events, await self.database.read(list_notices_of, uuid)


def _find_order(request: Request) -> str:
    order: str = request.path_params["order"]
    if order not in ORDERS:
        raise HTTPException(404)
    return order
