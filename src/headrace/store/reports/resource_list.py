"""Queries behind the list of resources: by what they are, or by their names, a page at a time.

What an index serves leads, an order or a filter in its order; the other filters pick from a stretch of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import NO_PIPELINE, NOT_TOLD, State
from headrace.store.reports.figures.stages import stage_of
from headrace.store.reports.paging import (
    PAGE,
    WINDOW,
    Page,
    Place,
    Total,
    behind,
    count_fitting,
    count_up_to,
    frame_page,
    is_upward,
    read_on,
    search,
)
from headrace.store.sql.prefix_search import SEARCHED_INSIDE, begins_with, holds_text
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    placement_check,
    resource,
)
from headrace.store.state.placements import LIVE

# States that few are in for long: they lead before anything else.
RARE = (State.PROVISIONING, State.DEPROVISIONING, State.FAILED)


class ResourceOrder(StrEnum):
    """What the list goes by: when resources were made, or came to the stage that is asked for, or their apps' names."""

    CREATED = "created"
    PLACED = "placed"
    APP = "app"


class ResourceKey(NamedTuple):
    """Where a resource stands in a list: by what the list goes by, None of an app without a name, then by its id."""

    value: datetime | str | None
    id: str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResources:
    """Which resources are wanted, and in which order: without any, the latest first.

    `text` is in a name or an app's name, or is a whole uuid or the id of an app.
    """

    text: str = ""
    state: str = ""
    stage: str = ""
    plans: Collection[str] = ()
    region: str = ""
    order: ResourceOrder | None = None
    is_ascending: bool = False

    @property
    def orders(self) -> set[ResourceOrder]:
        """What the list can go by: an arrival is one at the stage that is asked for."""
        has_arrival = bool(self.stage) and self.stage != NOT_TOLD and not self.text
        return {*ResourceOrder} if has_arrival else {ResourceOrder.CREATED, ResourceOrder.APP}

    @property
    def goes_by(self) -> ResourceOrder:
        if self.order is None and ResourceOrder.PLACED in self.orders and self.state not in RARE:
            return ResourceOrder.PLACED
        return self.order if self.order in self.orders else ResourceOrder.CREATED

    @property
    def stretch(self) -> int:
        """How long a stretch to look through: where all that it leads to is wanted, a page."""
        filters = {"state": self.state, "stage": self.stage, "plans": self.plans, "region": self.region}
        there = {name for name, value in filters.items() if value}
        served = {
            ResourceOrder.CREATED: ({"state"}, {"plans"}),
            ResourceOrder.PLACED: ({"stage"},),
            ResourceOrder.APP: (),
        }
        is_simple = not self.text and (not there or there in served[self.goes_by])
        return PAGE + 1 if is_simple else WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedResource:
    """What the list says of a resource. `stage` is `none` in no pipeline, `unknown` where Heroku did not tell."""

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    app_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    stage: str
    placed_at: datetime | None
    created_at: datetime
    checked_at: datetime | None
    error: str | None


ResourcePage = Page[ListedResource, ResourceKey]


def list_resources(
    connection: sa.Connection, wanted: WantedResources, *, place: Place[ResourceKey] | None = None
) -> ResourcePage:
    """Return a page of the resources that are wanted, in their order."""
    is_cut = False
    if wanted.text:
        found, is_cut = search_resources(connection, wanted.text)
        keys = _walk_found(connection, found, wanted, place)
    else:
        keys = _walk(connection, wanted, place)
    fitting = _pick(connection, [uuid for _, uuid in keys], wanted)
    shown = [(key, uuid) for key, uuid in keys if uuid in fitting][:PAGE]
    previous, following = frame_page([key for key, _ in keys], [key for key, _ in shown], place, stretch=wanted.stretch)
    if place is not None and place.is_back:
        if previous is None:
            return list_resources(connection, wanted)
        shown.reverse()
    rows = load_listed(connection, [uuid for _, uuid in shown])
    return Page(
        rows=[rows[uuid] for _, uuid in shown],
        previous=previous,
        next=following,
        is_cut=is_cut,
        looked_through=len(keys),
    )


def count_resources(connection: sa.Connection, wanted: WantedResources) -> Total:
    """Return how many are wanted, as far as that is found among those that the filter with the fewest leads to."""
    if wanted.text:
        found, is_cut = search_resources(connection, wanted.text)
        return Total(count=len(_pick(connection, found, wanted)), is_more=is_cut)
    has_plans = bool(wanted.plans) and wanted.state not in RARE
    if wanted.stage and wanted.stage != NOT_TOLD and wanted.state not in RARE:
        candidates, is_all = _select_at(wanted.stage), not (wanted.state or wanted.plans or wanted.region)
    elif has_plans:
        candidates, is_all = _select_on(wanted.plans), not (wanted.state or wanted.stage or wanted.region)
    else:
        states = (wanted.state,) if wanted.state else LIVE if wanted.stage else tuple(State)
        candidates = sa.select(resource.c.uuid).where(resource.c.state.in_(states))
        is_all = not (wanted.plans or wanted.stage or wanted.region)
    if is_all:
        return count_up_to(connection, candidates)
    return count_fitting(
        connection, candidates, lambda uuid: narrow(sa.select(resource.c.uuid), wanted).where(resource.c.uuid == uuid)
    )


def select_listed(connection: sa.Connection, query: sa.Select[Any], wanted: WantedResources) -> sa.Select[Any]:
    """Return a query of resources and their current placements for all that the list shows, in its order."""
    if wanted.text:
        query = query.where(resource.c.uuid.in_(search_resources(connection, wanted.text)[0]))
    orders: dict[ResourceOrder, tuple[sa.ColumnElement[Any], ...]] = {
        ResourceOrder.CREATED: (resource.c.created_at, resource.c.uuid),
        ResourceOrder.PLACED: (placement.c.valid_from, placement.c.id),
        ResourceOrder.APP: (resource.c.app_name.is_(None), resource.c.app_name, resource.c.uuid),
    }
    order = (column if wanted.is_ascending else column.desc() for column in orders[wanted.goes_by])
    return narrow(query, wanted).order_by(None).order_by(*order)


def load_listed(connection: sa.Connection, uuids: Collection[str]) -> dict[str, ListedResource]:
    """Return these resources as the list shows them."""
    query: sa.Select[Any] = (
        sa.select(
            *(resource.c[name] for name in ("uuid", "name", "plan", "region", "state", "app_name", "created_at")),
            placement.c.pipeline_id,
            pipeline.c.name.label("pipeline_name"),
            stage_of().label("stage"),
            placement.c.valid_from.label("placed_at"),
            *(placement_check.c.checked_at, placement_check.c.error),
        )
        .select_from(resource)
        .outerjoin(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None)))
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .where(resource.c.uuid.in_(uuids))
    )
    return {row.uuid: _read(row) for row in connection.execute(query)}


def search_resources(connection: sa.Connection, text: str) -> tuple[set[str], bool]:
    """Return the uuids that a text finds, and whether there are more than are looked for.

    Names that begin with it are found wherever they are, those that have it inside among the newest.
    """
    by_name = sa.select(resource.c.uuid).where(begins_with(resource.c.name, text)).order_by(resource.c.name)
    by_app = sa.select(resource.c.uuid).where(begins_with(resource.c.app_name, text)).order_by(resource.c.app_name)
    by_id = sa.select(resource.c.uuid).where(resource.c.app_id == text).order_by(resource.c.app_id)
    names = (resource.c.uuid, resource.c.name, resource.c.app_name)
    newest = sa.select(*names).order_by(resource.c.created_at.desc(), resource.c.uuid.desc())
    some = newest.limit(SEARCHED_INSIDE).subquery()
    inside = sa.select(some.c.uuid).where(sa.or_(*(holds_text(some.c[name], text) for name in ("name", "app_name"))))
    uuids, is_cut = search(connection, (by_name, by_app, by_id, inside))
    return uuids | {text}, is_cut


def narrow(query: sa.Select[Any], wanted: WantedResources) -> sa.Select[Any]:
    """Return a query of resources for those that pass the filters; a text is none of them."""
    if wanted.state:
        query = query.where(resource.c.state == wanted.state)
    if wanted.plans:
        query = query.where(resource.c.plan.in_(wanted.plans))
    if wanted.region:
        query = query.where(resource.c.region == wanted.region)
    if wanted.stage:
        # Of a name of its own: what it narrows may have placements already.
        here = placement.alias("here")
        is_its_place = sa.and_(here.c.resource_uuid == resource.c.uuid, here.c.valid_to.is_(None))
        told = sa.select(stage_of(here)).where(is_its_place).scalar_subquery()
        query = query.where(sa.func.coalesce(told, NOT_TOLD) == wanted.stage)
    if wanted.stage == NOT_TOLD:
        query = query.where(resource.c.state.in_(LIVE))
    return query


Keys = list[tuple[ResourceKey, str]]


def _walk(connection: sa.Connection, wanted: WantedResources, place: Place[ResourceKey] | None) -> Keys:
    """Return the next stretch of the list, led by its order, or by the filter that leaves the least."""
    if wanted.goes_by is ResourceOrder.PLACED:
        return _walk_stage(connection, wanted, place)
    if wanted.goes_by is ResourceOrder.APP:
        return _walk_apps(connection, wanted, place)
    by_state = [resource.c.state == state for state in ([wanted.state] if wanted.state else State)]
    by_plan = [resource.c.plan == plan for plan in sorted(wanted.plans)]
    leads = by_plan if by_plan and wanted.state not in RARE else by_state
    upward = is_upward(place, is_ascending=wanted.is_ascending)
    stretches = [_list_by_age(connection, lead, wanted, place) for lead in leads]
    return list(islice(merge(*stretches, reverse=not upward), wanted.stretch))


def _walk_found(
    connection: sa.Connection, found: Collection[str], wanted: WantedResources, place: Place[ResourceKey] | None
) -> Keys:
    is_found = resource.c.uuid.in_(found)
    if wanted.goes_by is ResourceOrder.APP:
        return _walk_apps(connection, wanted, place, is_found)
    return _list_by_age(connection, is_found, wanted, place)


def _list_by_age(
    connection: sa.Connection,
    condition: sa.ColumnElement[bool],
    wanted: WantedResources,
    place: Place[ResourceKey] | None,
) -> Keys:
    order = (resource.c.created_at, resource.c.uuid)
    query = read_on(sa.select(*order).where(condition), order, place, is_ascending=wanted.is_ascending)
    rows = connection.execute(query.limit(wanted.stretch))
    return [(ResourceKey(row.created_at, row.uuid), row.uuid) for row in rows]


def _walk_stage(connection: sa.Connection, wanted: WantedResources, place: Place[ResourceKey] | None) -> Keys:
    order = (placement.c.valid_from, placement.c.id)
    query = read_on(_select_at(wanted.stage).add_columns(*order), order, place, is_ascending=wanted.is_ascending)
    rows = connection.execute(query.limit(wanted.stretch))
    return [(ResourceKey(row.valid_from, row.id), row.resource_uuid) for row in rows]


def _walk_apps(
    connection: sa.Connection,
    wanted: WantedResources,
    place: Place[ResourceKey] | None,
    *conditions: sa.ColumnElement[bool],
) -> Keys:
    """Return a stretch by the apps' names; those that are not known stand behind the last name."""
    upward = is_upward(place, is_ascending=wanted.is_ascending)
    parts, begun = [True, False] if upward else [False, True], None
    if place is not None:
        begun = place.key.value is not None
        parts = parts[parts.index(begun) :]
    found: Keys = []
    for is_named in parts:
        key = place.key if place is not None and is_named is begun else None
        query = _select_apps(key, is_named=is_named, is_upward=upward).where(*conditions)
        rows = connection.execute(query.limit(wanted.stretch - len(found)))
        found += [(ResourceKey(row.app_name, row.uuid), row.uuid) for row in rows]
    return found


def _select_apps(key: ResourceKey | None, *, is_named: bool, is_upward: bool) -> sa.Select[Any]:
    name, uuid = resource.c.app_name, resource.c.uuid
    query = sa.select(name, uuid)
    if is_named:
        return behind(query.where(name.is_not(None)), (name, uuid), key, is_upward=is_upward)
    # In order of both, as the index has them: PostgreSQL does not see that all of these have one name.
    query = query.where(name.is_(None)).order_by(name if is_upward else name.desc())
    return behind(query, (uuid,), key and key[1:], is_upward=is_upward)


def _select_at(stage: str) -> sa.Select[Any]:
    is_there = placement.c.stage.is_(None) if stage == NO_PIPELINE else placement.c.stage == stage
    return sa.select(placement.c.resource_uuid).where(is_there, placement.c.valid_to.is_(None))


def _select_on(plans: Collection[str]) -> sa.Select[Any]:
    return sa.select(resource.c.uuid).where(resource.c.plan.in_(plans))


def _pick(connection: sa.Connection, uuids: Collection[str], wanted: WantedResources) -> set[str]:
    """Return which of these resources are wanted."""
    query = narrow(sa.select(resource.c.uuid), wanted).where(resource.c.uuid.in_(uuids))
    return set(connection.execute(query).scalars())


def _read(row: sa.Row[Any]) -> ListedResource:
    return ListedResource(**{**row._mapping, "state": State(row.state)})  # noqa: SLF001
