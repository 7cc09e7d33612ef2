"""Queries behind the list of pipelines: by name, a page at a time, and what stands in each of them now."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.paging import PAGE, WINDOW, Page, find_next, search
from headrace.store.sql.prefix_search import begins_with
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    placement_check,
    resource,
)

FEW = 2 * PAGE
SHOWN_AT_STAGE = 25
# The pipelines of a page, in queries that are put together once.
IDS: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)


class PipelineKey(NamedTuple):
    """Where a pipeline stands in the list: by name, then by id; those that Heroku did not name come last."""

    name: str | None
    id: str

    def is_after(self, other: "PipelineKey | None") -> bool:
        return other is None or self.rank > other.rank

    @property
    def rank(self) -> tuple[bool, str, str]:
        return (self.name is None, self.name or "", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which pipelines are wanted. `text` begins a pipeline's or an app's name, or is the id of an owner or a pipeline.

    `has` and `without` are stages at which something, or nothing, has to stand; `is_stale` asks for those with an app
    that Heroku has not answered about at the last look.
    """

    text: str = ""
    has: Collection[str] = ()
    without: Collection[str] = ()
    is_stale: bool = False

    @property
    def stretch(self) -> int:
        """How long a stretch of names to look through: nearly every pipeline holds something."""
        return WINDOW if self.text or self.has or self.without or self.is_stale else FEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The resource whose app came to a pipeline last, of those that are there now."""

    resource_uuid: str
    app_name: str | None
    stage: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """A pipeline and what stands in it now: how many resources at each stage, and what came last.

    `checked_at` is when Heroku last answered about the one that it answered about longest ago, None when it never did
    about one; `unanswered` counts those that the last look brought no answer about.
    """

    id: str
    name: str | None
    owner_id: str | None
    owner_type: str | None
    resources: int
    stages: Mapping[str, int]
    last_arrival: Arrival | None
    checked_at: datetime | None
    unanswered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """A resource that stands in a pipeline now; `id` is its placement's."""

    id: int
    uuid: str
    name: str
    plan: str
    state: State
    app_name: str | None
    stage: str | None
    since: datetime
    checked_at: datetime | None
    error: str | None


PipelinePage = Page[PipelineRow, PipelineKey]


def list_pipelines(connection: sa.Connection, wanted: Wanted, *, after: PipelineKey | None) -> PipelinePage:
    """Return a page of the pipelines in which something stands, by name."""
    is_cut = False
    if wanted.text:
        keys, is_cut = _search(connection, wanted.text)
        keys = [key for key in keys if key.is_after(after)][: wanted.stretch]
        fitting = _pick(connection, [key.id for key in keys], wanted)
    else:
        keys, fitting = _walk(connection, wanted, after)
    shown = [key for key in keys if key.id in fitting][:PAGE]
    return Page(
        rows=load_pipelines(connection, [key.id for key in shown]),
        next=find_next(keys, shown, stretch=wanted.stretch),
        is_cut=is_cut,
        looked_through=len(keys),
    )


def load_pipelines(connection: sa.Connection, ids: Sequence[str]) -> list[PipelineRow]:
    """Return what is known of these pipelines, in this order; an id that is not there is left out."""
    rows = {row.id: row for row in connection.execute(sa.select(pipeline).where(pipeline.c.id.in_(ids))).all()}
    counts: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(_build_counts_by_stage(), {"ids": ids}).all():
        counts[row.pipeline_id].append(row)
    arrivals = _find_arrivals(connection, ids)
    return [_read_pipeline(rows[id_], counts[id_], arrivals.get(id_)) for id_ in ids if id_ in rows]


def list_standing(
    connection: sa.Connection,
    pipeline_id: str,
    stage: str,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int = SHOWN_AT_STAGE,
) -> list[StandingRow]:
    """Return what stands at one stage of a pipeline, the latest first."""
    query = (
        sa.select(
            *(resource.c[name] for name in ("uuid", "name", "plan", "state", "app_name")),
            *(placement.c.id, placement.c.stage, placement.c.valid_from.label("since")),
            *(placement_check.c.checked_at, placement_check.c.error),
        )
        .select_from(placement)
        .join(resource, resource.c.uuid == placement.c.resource_uuid)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .where(placement.c.pipeline_id == pipeline_id, placement.c.valid_to.is_(None), placement.c.stage == stage)
        .order_by(placement.c.valid_from.desc(), placement.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(sa.tuple_(placement.c.valid_from, placement.c.id) < before)
    return [StandingRow(**{**row._mapping, "state": State(row.state)}) for row in connection.execute(query)]  # noqa: SLF001


def _walk(connection: sa.Connection, wanted: Wanted, after: PipelineKey | None) -> tuple[list[PipelineKey], set[str]]:
    """Return the next stretch of the list, first those with a name, then those without; and which of them fit."""
    values = {"after_name": after.name, "after_id": after.id} if after else {}
    found: list[Any] = []
    for is_named in (True, False):
        if len(found) == wanted.stretch or (is_named and after is not None and after.name is None):
            continue
        begins_after = after is not None and is_named is (after.name is not None)
        query = _build_stretch(
            has=tuple(wanted.has),
            without=tuple(wanted.without),
            is_stale=wanted.is_stale,
            is_named=is_named,
            begins_after=begins_after,
        )
        limit = {"limit": wanted.stretch - len(found)}
        found += connection.execute(query, (values if begins_after else {}) | limit).all()
    return [PipelineKey(row.name, row.id) for row in found], {row.id for row in found if row.fits}


@lru_cache(maxsize=64)
def _build_stretch(
    *, has: tuple[str, ...], without: tuple[str, ...], is_stale: bool, is_named: bool, begins_after: bool
) -> sa.Select[Any]:
    """Return the query for a stretch of the list, in order, and of each pipeline whether it fits."""
    order = (pipeline.c.name, pipeline.c.id) if is_named else (pipeline.c.id,)
    rest = sa.select(pipeline.c.name, pipeline.c.id).where(
        pipeline.c.name.is_not(None) if is_named else pipeline.c.name.is_(None)
    )
    if begins_after:
        last = sa.tuple_(*(sa.bindparam(f"after_{column.name}", type_=sa.String) for column in order))
        rest = rest.where(sa.tuple_(*order) > last)
    keys = rest.order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer)).subquery()
    fits = _fits(keys.c.id, has=has, without=without, is_stale=is_stale)
    return sa.select(keys.c.name, keys.c.id, fits.label("fits")).order_by(keys.c.name, keys.c.id)


def _search(connection: sa.Connection, text: str) -> tuple[list[PipelineKey], bool]:
    """Return the pipelines that a text finds, in order, and whether there are more than are looked for."""
    by_name = sa.select(pipeline.c.id).where(begins_with(pipeline.c.name, text)).order_by(pipeline.c.name)
    by_app = (
        sa.select(placement.c.pipeline_id)
        .select_from(resource)
        .join(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None)))
        .where(begins_with(resource.c.app_name, text), placement.c.pipeline_id.is_not(None))
        .order_by(resource.c.app_name)
    )
    by_owner = sa.select(pipeline.c.id).where(pipeline.c.owner_id == text).order_by(pipeline.c.owner_id)
    ids, is_cut = search(connection, (by_name, by_app, by_owner))
    rows = connection.execute(sa.select(pipeline.c.name, pipeline.c.id).where(pipeline.c.id.in_(ids | {text})))
    return sorted((PipelineKey(*row) for row in rows), key=lambda key: key.rank), is_cut


def _pick(connection: sa.Connection, ids: Collection[str], wanted: Wanted) -> set[str]:
    """Return which of these pipelines fit."""
    fits = _fits(pipeline.c.id, has=wanted.has, without=wanted.without, is_stale=wanted.is_stale)
    query = sa.select(pipeline.c.id).where(pipeline.c.id.in_(ids), fits)
    return set(connection.execute(query).scalars())


def _fits(
    id_: sa.ColumnElement[str], *, has: Collection[str], without: Collection[str], is_stale: bool
) -> sa.ColumnElement[bool]:
    """Whether a pipeline holds something, and what is wanted."""
    standing = sa.select(placement.c.id).where(placement.c.pipeline_id == id_, placement.c.valid_to.is_(None))
    unanswered = standing.join(placement_check, placement_check.c.resource_uuid == placement.c.resource_uuid).where(
        placement_check.c.error.is_not(None)
    )
    return sa.and_(
        standing.exists(),
        *(standing.where(placement.c.stage == stage).exists() for stage in has),
        *(sa.not_(standing.where(placement.c.stage == stage).exists()) for stage in without),
        *([unanswered.exists()] if is_stale else []),
    )


@cache
def _build_counts_by_stage() -> sa.Select[Any]:
    return (
        sa.select(
            placement.c.pipeline_id,
            placement.c.stage,
            sa.func.count().label("resources"),
            sa.func.min(placement_check.c.checked_at).label("checked_at"),
            sa.func.count(placement_check.c.checked_at).label("checked"),
            sa.func.count(placement_check.c.error).label("unanswered"),
        )
        .outerjoin(placement_check, placement_check.c.resource_uuid == placement.c.resource_uuid)
        .where(placement.c.pipeline_id.in_(IDS), placement.c.valid_to.is_(None))
        .group_by(placement.c.pipeline_id, placement.c.stage)
    )


def _find_arrivals(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Arrival]:
    return {
        row.pipeline_id: Arrival(
            resource_uuid=row.resource_uuid, app_name=row.app_name, stage=row.stage, at=row.valid_from
        )
        for row in connection.execute(_build_arrivals(), {"ids": ids}).all()
    }


@cache
def _build_arrivals() -> sa.Select[Any]:
    latest_first = (placement.c.valid_from.desc(), placement.c.id.desc())
    ranked = (
        sa.select(*(placement.c[name] for name in ("pipeline_id", "resource_uuid", "stage", "valid_from")))
        .add_columns(
            sa.func.row_number().over(partition_by=placement.c.pipeline_id, order_by=latest_first).label("rank")
        )
        .where(placement.c.pipeline_id.in_(IDS), placement.c.valid_to.is_(None))
        .subquery()
    )
    return (
        sa.select(*(column for column in ranked.c if column.name != "rank"), resource.c.app_name)
        .join(resource, resource.c.uuid == ranked.c.resource_uuid)
        .where(ranked.c.rank == 1)
    )


def _read_pipeline(row: sa.Row[Any], counts: Sequence[Any], arrival: Arrival | None) -> PipelineRow:
    is_known = all(count.checked == count.resources for count in counts)
    return PipelineRow(
        id=row.id,
        name=row.name,
        owner_id=row.owner_id,
        owner_type=row.owner_type,
        resources=sum(count.resources for count in counts),
        stages={count.stage: count.resources for count in counts},
        last_arrival=arrival,
        checked_at=min((count.checked_at for count in counts if count.checked_at), default=None) if is_known else None,
        unanswered=sum(count.unanswered for count in counts),
    )
