"""Queries behind the list of resources: by what they are, or by what their names begin with, a page at a time.

The filter that an index serves leads, in the order of that index; the others pick from a stretch of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import NO_PIPELINE, NOT_TOLD, State
from headrace.store.reports.figures.stages import stage_of
from headrace.store.reports.paging import PAGE, WINDOW, Page, find_next, search
from headrace.store.sql.prefix_search import begins_with
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    placement_check,
    resource,
)
from headrace.store.state.placements import LIVE

# States that few are in for long: they lead before anything else.
RARE = (State.PROVISIONING, State.DEPROVISIONING, State.FAILED)


class ResourceKey(NamedTuple):
    """Where a resource stands in a list, the latest first: when it was made, or came to its stage; then its id."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResources:
    """Which resources are wanted. `text` begins a name or an app's name, or is a whole uuid or the id of an app."""

    text: str = ""
    state: str = ""
    stage: str = ""
    plans: Collection[str] = ()

    @property
    def is_by_arrival(self) -> bool:
        """Whether the list goes by when the apps came to their stage, not by when the resources were made."""
        return bool(self.stage) and self.stage != NOT_TOLD and not self.text and self.state not in RARE

    @property
    def stretch(self) -> int:
        """How long a stretch to look through: where one filter is all there is, all that it leads to are wanted."""
        is_simple = not self.text and sum(map(bool, (self.state, self.stage, self.plans))) < 2
        return PAGE + 1 if is_simple and self.stage != NOT_TOLD else WINDOW


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


def list_resources(connection: sa.Connection, wanted: WantedResources, *, before: ResourceKey | None) -> ResourcePage:
    """Return a page of the resources that are wanted, the latest first."""
    is_cut = False
    if wanted.text:
        found, is_cut = _search(connection, wanted.text)
        keys = _list_keys(connection, resource.c.uuid.in_(found), before, limit=wanted.stretch)
    else:
        keys = _walk(connection, wanted, before)
    fitting = _pick(connection, [uuid for _, uuid in keys], wanted)
    shown = [(key, uuid) for key, uuid in keys if uuid in fitting][:PAGE]
    rows = load_listed(connection, [uuid for _, uuid in shown])
    return Page(
        rows=[rows[uuid] for _, uuid in shown],
        next=find_next([key for key, _ in keys], [key for key, _ in shown], stretch=wanted.stretch),
        is_cut=is_cut,
        looked_through=len(keys),
    )


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


def _search(connection: sa.Connection, text: str) -> tuple[set[str], bool]:
    """Return the uuids that a text finds, and whether there are more than are looked for."""
    by_name = sa.select(resource.c.uuid).where(begins_with(resource.c.name, text)).order_by(resource.c.name)
    by_app = sa.select(resource.c.uuid).where(begins_with(resource.c.app_name, text)).order_by(resource.c.app_name)
    by_id = sa.select(resource.c.uuid).where(resource.c.app_id == text).order_by(resource.c.app_id)
    uuids, is_cut = search(connection, (by_name, by_app, by_id))
    return uuids | {text}, is_cut


def _walk(
    connection: sa.Connection, wanted: WantedResources, before: ResourceKey | None
) -> list[tuple[ResourceKey, str]]:
    """Return the next stretch of the list, led by the filter that leaves the least, as far as that is known."""
    if wanted.is_by_arrival:
        return _walk_stage(connection, wanted.stage, before, limit=wanted.stretch)
    by_state = [resource.c.state == state for state in ([wanted.state] if wanted.state else State)]
    by_plan = [resource.c.plan == plan for plan in sorted(wanted.plans)]
    leads = by_plan if by_plan and wanted.state not in RARE else by_state
    stretches = [_list_keys(connection, lead, before, limit=wanted.stretch) for lead in leads]
    return list(islice(merge(*stretches, reverse=True), wanted.stretch))


def _list_keys(
    connection: sa.Connection, condition: sa.ColumnElement[bool], before: ResourceKey | None, *, limit: int
) -> list[tuple[ResourceKey, str]]:
    order = (resource.c.created_at, resource.c.uuid)
    query = sa.select(*order).where(condition).order_by(*(column.desc() for column in order)).limit(limit)
    if before is not None:
        query = query.where(sa.tuple_(*order) < before)
    return [(ResourceKey(row.created_at, row.uuid), row.uuid) for row in connection.execute(query)]


def _walk_stage(
    connection: sa.Connection, stage: str, before: ResourceKey | None, *, limit: int
) -> list[tuple[ResourceKey, str]]:
    order = (placement.c.valid_from, placement.c.id)
    is_there = placement.c.stage.is_(None) if stage == NO_PIPELINE else placement.c.stage == stage
    query = (
        sa.select(*order, placement.c.resource_uuid)
        .where(is_there, placement.c.valid_to.is_(None))
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    if before is not None:
        query = query.where(sa.tuple_(*order) < (before.at, int(before.id)))
    return [(ResourceKey(row.valid_from, str(row.id)), row.resource_uuid) for row in connection.execute(query)]


def _pick(connection: sa.Connection, uuids: Collection[str], wanted: WantedResources) -> set[str]:
    """Return which of these resources are wanted."""
    query = sa.select(resource.c.uuid).where(resource.c.uuid.in_(uuids))
    if wanted.state:
        query = query.where(resource.c.state == wanted.state)
    if wanted.plans:
        query = query.where(resource.c.plan.in_(wanted.plans))
    if wanted.stage:
        is_its_place = sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None))
        query = query.outerjoin(placement, is_its_place).where(stage_of() == wanted.stage)
    if wanted.stage == NOT_TOLD:
        query = query.where(resource.c.state.in_(LIVE))
    return set(connection.execute(query).scalars())


def _read(row: sa.Row[Any]) -> ListedResource:
    return ListedResource(**{**row._mapping, "state": State(row.state)})  # noqa: SLF001
