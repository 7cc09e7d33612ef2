"""The operators' resources: the list of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from headrace.models import Stage, State
from headrace.store.database import Database
from headrace.store.names import fold_text
from headrace.store.resource_list import ListedResource, ResourceKey, ResourcePage, WantedResources, list_resources
from headrace.store.roll_up import NONE, UNKNOWN
from headrace.web.lists import (
    Address,
    Chip,
    is_number,
    only_chips,
    read_address,
    read_position,
    spell_position,
    turn_chip,
)
from headrace.web.openapi import DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.sessions import OperatorSession

RESOURCES = f"{HOME}/resources"


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
SHOW_RESOURCES = Operation(
    id="show_resources",
    summary="Show resources, the latest first.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=LOG_IN_FIRST | {200: show_page("A page of them.")},
)
SHOW_RESOURCES_JSON = Operation(
    id="show_resources_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=NO_SESSION | {200: show_json("A page of them.", ResourceList)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorResourceList:
    """The routes of the list of resources."""

    door: OperatorDoor
    database: Database
    small_plans: Collection[str]

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        return [
            DescribedRoute(f"{RESOURCES}.json", door.twin(self.show_resources_json), "GET", SHOW_RESOURCES_JSON),
            DescribedRoute(RESOURCES, door.page(self.show_resources), "GET", SHOW_RESOURCES),
        ]

    async def show_resources(self, request: Request, session: OperatorSession) -> Response:
        address = read_address(request, *_QUERY)
        wanted = self._read_wanted(address)
        page = await self._list(address, wanted)
        return self.door.show(
            session,
            "operator_resources.html",
            here=RESOURCES,
            page=page,
            address=address,
            chips=_list_chips(address),
            is_by_arrival=wanted.is_by_arrival,
            next_page=_find_next(address, page),
        )

    async def show_resources_json(self, request: Request, _session: OperatorSession) -> Response:
        address = read_address(request, *_QUERY)
        page = await self._list(address, self._read_wanted(address))
        next_page = _find_next(address.twin, page)
        listed = ResourceList(
            resources=page.rows,
            next=str(next_page) if next_page else None,
            is_cut=page.is_cut,
            looked_through=page.looked_through,
        )
        return respond_json(listed)

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

    async def _list(self, address: Address, wanted: WantedResources) -> ResourcePage:
        before = _read_key(address.find("before"), wanted)
        return await self.database.read(list_resources, wanted, before=before)


def _list_chips(address: Address) -> list[Chip]:
    places = [*((str(stage), str(stage)) for stage in Stage), (NONE, "no pipeline"), (UNKNOWN, "unknown")]
    chips = [
        *only_chips(address, "state", [(str(state), str(state)) for state in State]),
        *only_chips(address, "stage", places, has_stages=True),
        turn_chip(address, "small plan", "small_plan", "1"),
    ]
    if plan := address.find("plan"):
        chips.append(turn_chip(address, f"plan {plan}", "plan", plan))
    return chips


def _find_next(address: Address, page: ResourcePage) -> Address | None:
    return None if page.next is None else address.at("before", spell_position(page.next.at, page.next.id))


def _read_key(text: str, wanted: WantedResources) -> ResourceKey | None:
    position = read_position(text)
    if position is None or (wanted.is_by_arrival and not is_number(position[1][0])):
        return None
    return ResourceKey(position[0], position[1][0])
