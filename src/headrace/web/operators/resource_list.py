"""The operators' resources: the list of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from starlette.requests import Request

from headrace.models import NO_PIPELINE, NOT_TOLD, Stage, State
from headrace.protocol.wire import read_number
from headrace.store.reports.paging import Total
from headrace.store.reports.resource_list import (
    ListedResource,
    ResourceKey,
    ResourceOrder,
    WantedResources,
    count_resources,
    list_resources,
)
from headrace.store.sql.database import Database
from headrace.store.sql.prefix_search import SEARCHED_INSIDE, fold_text
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.ground.pages import shorten_region
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    Address,
    Chip,
    Head,
    only_chips,
    order_heads,
    read_address,
    read_place,
    read_position,
    read_sort,
    spell_position,
    tell_pages,
    turn_chip,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceList:
    """A page of resources, with the addresses of the pages beside it; `is_cut`: a search found too many."""

    resources: Sequence[ListedResource]
    total: Total
    previous: str | None
    next: str | None
    is_cut: bool
    looked_through: int


QUERY = {
    "q": {
        "type": "string",
        "description": "A part of a resource's or its app's name, or a whole uuid, of the resource or its app.",
    },
    "state": {"type": "string", "description": "The state it is in."},
    "stage": {
        "type": "string",
        "description": "The stage of its app; none: in no pipeline, unknown: Heroku did not tell.",
    },
    "plan": {"type": "string", "description": "Its plan."},
    "region": {"type": "string", "description": "Its region, as Heroku names it."},
    "small_plan": {"type": "string", "description": "Not empty: only those on a plan that is small for production."},
    "sort": {
        "type": "string",
        "description": f"What the list goes by: {', '.join(ResourceOrder)}; downwards after a minus. "
        "Of these, placed is for one stage alone.",
    },
    "before": {"type": "string", "description": "Where the page begins, as `next` says it."},
    "back_before": {"type": "string", "description": "Where the page ends, as `previous` says it."},
}
# Whether a list that begins to go by it goes upwards: what is new is wanted first, and names from A on.
_ORDERS = {ResourceOrder.APP: True, ResourceOrder.PLACED: False, ResourceOrder.CREATED: False}
_SPELLED = {
    (ResourceOrder.CREATED, False): "newest first",
    (ResourceOrder.CREATED, True): "oldest first",
    (ResourceOrder.PLACED, False): "newest in this stage first",
    (ResourceOrder.PLACED, True): "longest in this stage first",
    (ResourceOrder.APP, True): "by app, A to Z",
    (ResourceOrder.APP, False): "by app, Z to A",
}
RESOURCES = View(
    path=f"{HOME}/resources",
    id="show_resources",
    summary="Show resources, the latest first unless `sort` says otherwise.",
    tells="A page of them.",
    shape=ResourceList,
    query=QUERY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesContext(OperatorContext):
    """A page of resources, and the heads of the columns that it can go by."""

    template: ClassVar[str] = "operator_resources.html"
    here: ClassVar[str] = RESOURCES.path

    listed: ResourceList
    address: Address
    chips: Sequence[Chip]
    heads: Mapping[str, Head]
    spelled_order: str
    is_large: bool
    searched_inside: int = SEARCHED_INSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorResourceList:
    """The routes of the list of resources."""

    guard: Guard
    database: Database
    small_plans: Collection[str]

    def routes(self) -> list[DescribedRoute]:
        page, json = self.guard.view(RESOURCES, self.load, self.show)
        return [json, page]

    async def load(self, request: Request) -> ResourceList:
        address = read_address(request, *QUERY)
        wanted = read_wanted(address, self.small_plans)
        place = read_place(address, "before", lambda text: _read_key(text, wanted))
        page = await self.database.read(list_resources, wanted, place=place)
        pages = tell_pages(address, "before", page, _spell_key)
        return ResourceList(
            resources=page.rows,
            total=await self.database.read(count_resources, wanted),
            previous=pages.previous,
            next=pages.next,
            is_cut=page.is_cut,
            looked_through=page.looked_through,
        )

    async def show(self, request: Request, listed: ResourceList) -> OperatorContext:
        address = read_address(request, *QUERY)
        wanted = read_wanted(address, self.small_plans)
        orders = {str(order): begins_upward for order, begins_upward in _ORDERS.items() if order in wanted.orders}
        heads = order_heads(address, orders, by=wanted.goes_by, is_ascending=wanted.is_ascending)
        fleet = await self.database.read(count_resources, WantedResources())
        return ResourcesContext(
            listed=listed,
            address=address,
            chips=_list_chips(address),
            heads=heads,
            spelled_order=_SPELLED[wanted.goes_by, wanted.is_ascending],
            is_large=fleet.is_more,
        )


def read_wanted(address: Address, small_plans: Collection[str]) -> WantedResources:
    """Return which resources an address asks for."""
    plan = address.find("plan")
    plans = {plan} if plan else set()
    if address.find("small_plan"):
        # A plan that is none of the small ones leaves nothing, which is what was asked for.
        plans = plans & set(small_plans) or {""} if plan else set(small_plans) or {""}
    sort, is_ascending = read_sort(address)
    order = ResourceOrder(sort) if sort in {*ResourceOrder} else None
    return WantedResources(
        text=fold_text(address.find("q")),
        state=address.find("state"),
        stage=address.find("stage"),
        plans=frozenset(plans),
        region=address.find("region"),
        order=order,
        is_ascending=order is not None and is_ascending,
    )


def _list_chips(address: Address) -> list[Chip]:
    places = [*((str(stage), str(stage)) for stage in Stage), (NO_PIPELINE, "no pipeline"), (NOT_TOLD, "unknown")]
    chips = [
        *only_chips(address, "state", [(str(state), str(state)) for state in State]),
        *only_chips(address, "stage", places, has_stages=True),
        turn_chip(address, "small plan", "small_plan", "1"),
    ]
    if plan := address.find("plan"):
        chips.append(turn_chip(address, f"plan {plan}", "plan", plan))
    if region := address.find("region"):
        chips.append(turn_chip(address, f"region {shorten_region(region)}", "region", region))
    return chips


def _spell_key(key: ResourceKey) -> str:
    if isinstance(key.value, datetime):
        return spell_position(key.value, str(key.id))
    return f"{key.value or ''}/{key.id}"


def _read_key(text: str, wanted: WantedResources) -> ResourceKey | None:
    if wanted.goes_by is ResourceOrder.APP:
        name, slash, id_ = text.rpartition("/")
        return ResourceKey(name or None, id_) if slash else None
    position = read_position(text)
    if position is None:
        return None
    at, (id_,) = position
    if wanted.goes_by is ResourceOrder.PLACED:
        number = read_number(id_)
        return None if number is None else ResourceKey(at, number)
    return ResourceKey(at, id_)
