"""The operators' resources: the list of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from headrace.models import NO_PIPELINE, NOT_TOLD, Stage, State
from headrace.protocol.wire import read_number
from headrace.store.reports.resource_list import ListedResource, ResourceKey, WantedResources, list_resources
from headrace.store.sql.database import Database
from headrace.store.sql.prefix_search import fold_text
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    Address,
    Chip,
    only_chips,
    read_address,
    read_position,
    spell_position,
    turn_chip,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceList:
    """A page of resources; `next` is the address of the next one, and `is_cut` says that a search found too many."""

    resources: Sequence[ListedResource]
    next: str | None
    is_cut: bool
    looked_through: int


_QUERY = {
    "q": {
        "type": "string",
        "description": "What a resource's or its app's name begins with, or a whole uuid, of the resource or its app.",
    },
    "state": {"type": "string", "description": "The state it is in."},
    "stage": {
        "type": "string",
        "description": "The stage of its app; none: in no pipeline, unknown: Heroku did not tell.",
    },
    "plan": {"type": "string", "description": "Its plan."},
    "small_plan": {"type": "string", "description": "Not empty: only those on a plan that is small for production."},
    "before": {"type": "string", "description": "Where the page begins, as `next` says it."},
}
RESOURCES = View(
    path=f"{HOME}/resources",
    id="show_resources",
    summary="Show resources, the latest first.",
    tells="A page of them.",
    shape=ResourceList,
    query=_QUERY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesContext(OperatorContext):
    """A page of resources, by when they were made or, of one stage, by when their app came there."""

    template: ClassVar[str] = "operator_resources.html"
    here: ClassVar[str] = RESOURCES.path

    listed: ResourceList
    address: Address
    chips: Sequence[Chip]
    is_by_arrival: bool


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
        address = read_address(request, *_QUERY)
        wanted = self._read_wanted(address)
        page = await self.database.read(list_resources, wanted, before=_read_key(address.find("before"), wanted))
        return ResourceList(
            resources=page.rows,
            next=str(address.at("before", spell_position(page.next.at, page.next.id))) if page.next else None,
            is_cut=page.is_cut,
            looked_through=page.looked_through,
        )

    async def show(self, request: Request, listed: ResourceList) -> OperatorContext:
        address = read_address(request, *_QUERY)
        is_by_arrival = self._read_wanted(address).is_by_arrival
        return ResourcesContext(listed=listed, address=address, chips=_list_chips(address), is_by_arrival=is_by_arrival)

    def _read_wanted(self, address: Address) -> WantedResources:
        plan = address.find("plan")
        plans = {plan} if plan else set()
        if address.find("small_plan"):
            # A plan that is none of the small ones leaves nothing, which is what was asked for.
            plans = plans & set(self.small_plans) or {""} if plan else set(self.small_plans) or {""}
        return WantedResources(
            text=fold_text(address.find("q")),
            state=address.find("state"),
            stage=address.find("stage"),
            plans=frozenset(plans),
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
    return chips


def _read_key(text: str, wanted: WantedResources) -> ResourceKey | None:
    position = read_position(text)
    if position is None or (wanted.is_by_arrival and read_number(position[1][0]) is None):
        return None
    return ResourceKey(position[0], position[1][0])
