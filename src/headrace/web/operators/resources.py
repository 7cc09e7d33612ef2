"""One resource for operators: what is known of it, and its timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import msgspec
import sqlalchemy as sa
from starlette.requests import Request

from headrace.clock import Clock
from headrace.models import State
from headrace.protocol.lifecycle import LIFECYCLE_KINDS, WorkflowKind
from headrace.protocol.wire import read_number
from headrace.resources.ordering import Orders
from headrace.store.reports.deliveries import DeliveryRow, list_deliveries_of
from headrace.store.reports.histories import (
    LookRow,
    TokenHealth,
    count_lifecycle,
    find_latest_inspection,
    find_token_health,
    list_latest_placements,
    list_lifecycle,
)
from headrace.store.reports.pipeline_list import PipelineRow, load_pipelines
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeRow, list_notices_of
from headrace.store.state.people.share_links import list_share_links
from headrace.store.state.placements import LIVE, PlacementRow
from headrace.store.state.resources import ResourceRow
from headrace.store.state.webhooks import SubscriptionRow, find_subscription
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.drawing.channels import Stay, draw_strip, sort_stages
from headrace.web.operators.frame.guard import Guard
from headrace.web.operators.frame.lists import Address, find_next, read_address, read_position, spell_position
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View, require_resource
from headrace.web.operators.orders import list_orders
from headrace.web.operators.resource_list import RESOURCES
from headrace.web.operators.story.lines import PAGE, Fold, Line, Source, build_key, join_lines
from headrace.web.operators.story.runs import Run, go_on, tell_story
from headrace.workflows.engine.attempts import list_attempts
from headrace.workflows.engine.ids import build_id, read_purpose
from headrace.workflows.engine.ledger import Status, find_statuses
from headrace.workflows.lifecycle.operations import Order
from headrace.workflows.lifecycle.waiting import WaitingStep, find_waiting

# Of so many places and workflows, the latest, everything is told; of older ones only what the timeline has.
MOST_PLACES = 50
NUMBERED_KINDS = (*LIFECYCLE_KINDS, WorkflowKind.EXPIRE, WorkflowKind.CLEAN_UP)
MOST_WORKFLOWS = 50
# Every database has integers up to this.
LARGEST_ID = 2**31 - 1
# In these states the partner's own actions can be ordered.
ORDERABLE = (State.PROVISIONING, State.PROVISIONED)
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
class ShownShare:
    """A link by which a board is seen from the resource: who gave it, and until when it is good; not what opens it."""

    given_by: str
    made_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One resource: where its app has been, the latest first, how it is looked at, and a page of what happened to it.

    `next` is the address of the next page; `notices` has what was noted, settled or not. `totals` has how often each
    thing happened, by its name, `is_enqueued` tells that its workflow waits for a worker, and `waiting` for which other
    attempt it waits, because one has failed.
    """

    resource: ShownResource
    placements: Sequence[PlacementRow]
    look: LookRow | None
    token: TokenHealth
    subscription: SubscriptionRow | None
    events: Sequence[Line]
    next: str | None
    notices: Sequence[NoticeRow]
    totals: Mapping[str, int]
    is_enqueued: bool
    shares: Sequence[ShownShare]
    waiting: WaitingStep | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Position:
    """Where in a timeline a page begins."""

    at: datetime
    source: Source
    id: str


_QUERY = {
    "order": {"type": "string", "description": f"{OLDEST}: the oldest first; anything else: the newest."},
    "after": {"type": "string", "description": "Where the page of the timeline begins, as `next` says it."},
}
RESOURCE = View(
    path=f"{RESOURCES.path}/{{uuid}}",
    id="show_resource",
    summary="Show one resource and its timeline.",
    tells="The timeline.",
    shape=Timeline,
    query=_QUERY,
    may_be_missing=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceContext(OperatorContext):
    """One resource: `place` is where its app is now, `siblings` the pipeline that this is in, with its `stages`."""

    template: ClassVar[str] = "operator_resource.html"
    here: ClassVar[str] = RESOURCES.path

    timeline: Timeline
    resource: ShownResource
    place: PlacementRow | None
    stays: Sequence[Stay]
    story: Sequence[Run | Fold]
    siblings: PipelineRow | None
    stages: Sequence[str]
    notices: Sequence[NoticeRow]
    orders: Sequence[Order]
    actions: Sequence[str]
    is_live: bool
    address: Address
    is_newest_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorResources:
    """The routes of one resource."""

    guard: Guard
    database: Database
    orders: Orders
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        page, json = self.guard.view(RESOURCE, self.load, self.show)
        # The page's own address takes `.json` for a part of the uuid.
        return [json, page]

    async def load(self, request: Request) -> Timeline:
        resource = await require_resource(request, self.database)
        return await self.database.read(_load_timeline, resource, read_address(request, *_QUERY), now=self.clock())

    async def show(self, request: Request, timeline: Timeline) -> OperatorContext:
        address, now, resource = read_address(request, *_QUERY), self.clock(), timeline.resource
        open_notices = [notice for notice in timeline.notices if notice.settled_at is None]
        place = timeline.placements[0] if timeline.placements and timeline.placements[0].valid_to is None else None
        siblings = await self._find_pipeline(place)
        return ResourceContext(
            timeline=timeline,
            resource=resource,
            place=place,
            stays=draw_strip(timeline.placements[::-1], now=now),
            story=_tell(timeline, address, now=now),
            siblings=siblings,
            stages=sort_stages(siblings.stages) if siblings else [],
            notices=open_notices,
            actions=self.orders.list_actions() if resource.state in ORDERABLE else [],
            orders=list_orders(resource.state, open_notices, is_waiting=timeline.waiting is not None),
            is_live=resource.state in LIVE,
            address=address,
            is_newest_first=_is_newest_first(address),
        )

    async def _find_pipeline(self, place: PlacementRow | None) -> PipelineRow | None:
        if place is None or place.pipeline_id is None:
            return None
        found = await self.database.read(load_pipelines, [place.pipeline_id])
        return found[0] if found else None


def _load_timeline(connection: sa.Connection, resource: ResourceRow, address: Address, *, now: datetime) -> Timeline:
    placements = list_latest_placements(connection, resource.uuid, limit=MOST_PLACES)
    since, is_newest_first = _read_position(address.find("after")), _is_newest_first(address)
    lines = _list_lines(connection, resource, placements, since, is_newest_first=is_newest_first)
    return Timeline(
        resource=msgspec.convert(resource, ShownResource, from_attributes=True),
        placements=placements,
        look=find_latest_inspection(connection, resource.uuid),
        token=find_token_health(connection, resource.uuid, now=now),
        subscription=find_subscription(connection, resource.uuid),
        events=lines[:PAGE],
        next=find_next(address, "after", lines, _spell_position, most=PAGE),
        notices=list_notices_of(connection, resource.uuid),
        totals=count_lifecycle(connection, resource.uuid),
        is_enqueued=_is_enqueued(connection, resource.running),
        shares=[
            ShownShare(given_by=link.email or link.user_id, made_at=link.made_at, ends_at=link.ends_at)
            for link in list_share_links(connection, resource.uuid, now=now)
        ],
        waiting=find_waiting(connection, resource),
    )


def _is_enqueued(connection: sa.Connection, workflow_id: str | None) -> bool:
    return workflow_id is not None and find_statuses(connection, [workflow_id]).get(workflow_id) is Status.ENQUEUED


def _tell(timeline: Timeline, address: Address, *, now: datetime) -> list[Run | Fold]:
    """Return what the page tells, in its order, with what the latest run is doing now."""
    story, is_newest_first = tell_story(timeline.events), _is_newest_first(address)
    has_latest = address.is_first if is_newest_first else timeline.next is None
    if timeline.resource.running and has_latest:
        going = [at for at, each in enumerate(story) if isinstance(each, Run) and each.ended_at is None]
        for at in going[-1:]:
            run = story[at]
            if isinstance(run, Run) and read_purpose(timeline.resource.running) == run.kind:
                story[at] = go_on(run, is_waiting=timeline.is_enqueued, now=now)
    return story[::-1] if is_newest_first else story


def _list_lines(
    connection: sa.Connection,
    resource: ResourceRow,
    placements: Sequence[PlacementRow],
    since: _Position | None,
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
        *(build_id(kind, uuid, which=number) for number in numbers for kind in NUMBERED_KINDS),
        *(build_id(WorkflowKind.STAGE_CHANGE, uuid, which=placement.id) for placement in placements),
        *(build_id(WorkflowKind.EVENT, uuid, which=delivery.event_id) for delivery in deliveries),
    ]


def _spell_position(line: Line) -> str:
    return spell_position(line.at, line.source, line.id)


def _read_position(text: str) -> _Position | None:
    position = read_position(text, parts=3)
    if position is None:
        return None
    source, id_ = position[1]
    if source not in list(Source) or (source == Source.EVENT and read_number(id_) is None):
        return None
    return _Position(at=position[0], source=Source(source), id=id_)


def _is_newest_first(address: Address) -> bool:
    return address.find("order") != OLDEST
