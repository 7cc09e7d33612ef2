"""One resource for operators: what is known of it, its timeline, and the orders about it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headrace.client import Clock
from headrace.errors import Malformed, NothingToDo
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.partner import parse_uuid
from headrace.store.database import Database
from headrace.store.deliveries import DeliveryRow, list_deliveries_of
from headrace.store.histories import (
    LookRow,
    TokenHealth,
    find_look,
    find_token_health,
    list_latest_placements,
    list_lifecycle,
)
from headrace.store.notices import NoticeKind, NoticeRow, list_notices_of
from headrace.store.pipeline_list import PipelineRow, load_pipelines
from headrace.store.placements import LIVE, PlacementRow
from headrace.store.resources import ResourceRow, find_resource
from headrace.store.webhooks import SubscriptionRow, find_subscription
from headrace.web.bodies import OwnForm
from headrace.web.channels import draw_strip, sort_stages
from headrace.web.lists import Address, is_number, read_address, read_position, spell_position
from headrace.web.openapi import FORM, FORM_REJECTED, NOT_FOUND, DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import DONE_OR_LOG_IN, HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.operator_pages import ORDERS, render_order
from headrace.web.sessions import OperatorSession
from headrace.web.timelines import PAGE, Line, Source, build_key, fold_lines, join_lines, spell_seconds, spell_title
from headrace.workflows.calls import build_workflow_id
from headrace.workflows.events import name_event_workflow
from headrace.workflows.ledger import list_attempts
from headrace.workflows.operations import Operations
from headrace.workflows.provisioning import EXPIRE, STAGE_CHANGE

log = logging.getLogger(__name__)

# Of so many places and workflows, the latest, everything is told; of older ones only what the timeline has.
MOST_PLACES = 50
MOST_WORKFLOWS = 50
# Every database has integers up to this.
LARGEST_ID = 2**31 - 1
NEWEST, OLDEST = "newest", "oldest"


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
    imported_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One resource: where its app has been, the latest first, how it is looked at, and a page of what happened to it.

    `next` is the address of the next page; `notices` has what was noted, settled or not.
    """

    resource: ShownResource
    placements: Sequence[PlacementRow]
    look: LookRow | None
    token: TokenHealth
    subscription: SubscriptionRow | None
    events: Sequence[Line]
    next: str | None
    notices: Sequence[NoticeRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in a timeline a page begins."""

    at: datetime
    source: Source
    id: str


_ORDER = {"order": {"type": "string", "enum": [*ORDERS]}}
_QUERY = {
    "order": {"type": "string", "description": f"{OLDEST}: the oldest first; anything else: the newest."},
    "after": {"type": "string", "description": "Where the page of the timeline begins, as `next` says it."},
}

SHOW_RESOURCE = Operation(
    id="show_resource",
    summary="Show one resource and its timeline.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=LOG_IN_FIRST | NOT_FOUND | {200: show_page("The timeline.")},
)
SHOW_RESOURCE_JSON = Operation(
    id="show_resource_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
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
    clock: Clock

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
        address = read_address(request, *_QUERY)
        timeline = await self._load(request, address)
        now, open_notices = self.clock(), [notice for notice in timeline.notices if notice.settled_at is None]
        place = timeline.placements[0] if timeline.placements and timeline.placements[0].valid_to is None else None
        siblings = await self._find_pipeline(place)
        return self.door.show(
            session,
            "operator_resource.html",
            here=f"{HOME}/resources",
            timeline=timeline,
            resource=timeline.resource,
            place=place,
            stays=draw_strip(timeline.placements[::-1], now=now),
            folds=fold_lines(timeline.events),
            siblings=siblings,
            stages=sort_stages(siblings.stages) if siblings else [],
            notices=open_notices,
            orders=_list_orders(timeline.resource, open_notices),
            is_live=timeline.resource.state in LIVE,
            address=address,
            is_newest_first=_is_newest_first(address),
            spell_title=spell_title,
            spell_seconds=spell_seconds,
        )

    async def show_resource_json(self, request: Request, _session: OperatorSession) -> Response:
        return respond_json(await self._load(request, read_address(request, *_QUERY).twin))

    async def show_order(self, request: Request, session: OperatorSession) -> Response:
        """Ask whether the order is meant; nothing happens before its form is sent."""
        order = _find_order(request)
        resource = await self._find(request)
        return HTMLResponse(render_order(order, resource, service_name=self.door.service_name, csrf=session.csrf))

    async def give_order(self, request: Request, _session: OperatorSession) -> Response:
        order = _find_order(request)
        resource = await self._find(request)
        try:
            await (self.operations.retry if order == "retry" else self.operations.abandon)(resource.uuid)
        except NothingToDo as error:
            return self.door.show_message("Nothing was done", str(error), status=409)
        log.info("operator.ordered", extra={"order": order, "resource": resource.uuid})
        return RedirectResponse(f"{HOME}/resources/{resource.uuid}", status_code=303)

    async def _find(self, request: Request) -> ResourceRow:
        try:
            resource = await self.database.read(find_resource, parse_uuid(request.path_params["uuid"]))
        except Malformed:
            raise HTTPException(404) from None
        if resource is None:
            raise HTTPException(404)
        return resource

    async def _load(self, request: Request, address: Address) -> Timeline:
        resource = await self._find(request)
        return await self.database.read(_load_timeline, resource, address, now=self.clock())

    async def _find_pipeline(self, place: PlacementRow | None) -> PipelineRow | None:
        if place is None or place.pipeline_id is None:
            return None
        found = await self.database.read(load_pipelines, [place.pipeline_id])
        return found[0] if found else None


def _load_timeline(connection: sa.Connection, resource: ResourceRow, address: Address, *, now: datetime) -> Timeline:
    placements = list_latest_placements(connection, resource.uuid, limit=MOST_PLACES)
    since, is_newest_first = _read_place(address.find("after")), _is_newest_first(address)
    lines = _list_lines(connection, resource, placements, since, is_newest_first=is_newest_first)
    shown = lines[:PAGE]
    behind = spell_position(shown[-1].at, shown[-1].source, shown[-1].id) if len(lines) > PAGE else None
    return Timeline(
        resource=msgspec.convert(resource, ShownResource, from_attributes=True),
        placements=placements,
        look=find_look(connection, resource.uuid),
        token=find_token_health(connection, resource.uuid, now=now),
        subscription=find_subscription(connection, resource.uuid),
        events=shown,
        next=str(address.at("after", behind)) if behind else None,
        notices=list_notices_of(connection, resource.uuid),
    )


def _list_lines(
    connection: sa.Connection,
    resource: ResourceRow,
    placements: Sequence[PlacementRow],
    since: _Place | None,
    *,
    is_newest_first: bool,
) -> list[Line]:
    """Return more lines than a page has, if there are, from behind `since` on."""
    events = list_lifecycle(
        connection,
        resource.uuid,
        # Of one moment, events stand before everything else.
        since=(since.at, int(since.id) if since.source is Source.EVENT else LARGEST_ID) if since else None,
        is_newest_first=is_newest_first,
        limit=PAGE + 1,
    )
    # Those of one moment are put in order here: a page more than is shown would have to be of it.
    deliveries = list_deliveries_of(
        connection,
        resource.uuid,
        since=since.at if since else None,
        is_newest_first=is_newest_first,
        limit=2 * PAGE,
    )
    attempts = list_attempts(connection, _name_workflows(resource, placements, deliveries))
    key = build_key(since.at, since.source, since.id) if since else None
    return join_lines(events, deliveries, attempts, since=key, is_newest_first=is_newest_first)


def _name_workflows(
    resource: ResourceRow, placements: Sequence[PlacementRow], deliveries: Sequence[DeliveryRow]
) -> list[str]:
    """Return the ids that the latest workflows of a resource have, if there were such."""
    uuid, count = resource.uuid, resource.workflow_count
    numbers = range(max(1, count - MOST_WORKFLOWS + 1), count + 1)
    return [
        *(build_workflow_id(kind, uuid, number) for number in numbers for kind in WorkflowKind),
        *(f"{EXPIRE}:{uuid}:{number}" for number in numbers),
        *(f"{STAGE_CHANGE}:{uuid}:{placement.id}" for placement in placements),
        *(name_event_workflow(uuid, delivery.event_id) for delivery in deliveries),
    ]


def _read_place(text: str) -> _Place | None:
    position = read_position(text, parts=3)
    if position is None:
        return None
    source, id_ = position[1]
    if source not in list(Source) or (source == Source.EVENT and not is_number(id_)):
        return None
    return _Place(at=position[0], source=Source(source), id=id_)


def _is_newest_first(address: Address) -> bool:
    return address.find("order") != OLDEST


def _list_orders(resource: ShownResource, notices: Sequence[NoticeRow]) -> list[str]:
    """Return the orders that may help."""
    if resource.state is State.FAILED:
        return [*ORDERS]
    return ["retry"] if any(notice.kind == NoticeKind.PLAN_CHANGE_FAILED for notice in notices) else []


def _find_order(request: Request) -> str:
    order: str = request.path_params["order"]
    if order not in ORDERS:
        raise HTTPException(404)
    return order
