"""Queries behind the list of pipelines: by name, a page at a time, and what stands in each of them now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.paging import (
    PAGE,
    WINDOW,
    Page,
    Place,
    Total,
    behind,
    count_fitting,
    frame_page,
    is_upward,
    read_on,
    read_page,
    search,
)
from headrace.store.sql.prefix_search import SEARCHED_INSIDE, begins_with, holds_text
from headrace.store.sql.rows import pass_rows, pass_uuids, rows_as_table, select_uuids
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    placement_check,
    resource,
)

FEW = 2 * PAGE
SHOWN_AT_STAGE = 25


class PipelineKey(NamedTuple):
    """Where a pipeline stands in the list: by name, then by id; those that Heroku did not name come last."""

    name: str | None
    id: str

    @property
    def rank(self) -> tuple[bool, str, str]:
        return (self.name is None, self.name or "", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which pipelines are wanted, by name, from A to Z unless `is_descending`.

    `text` is in a pipeline's name, begins an app's, or is the id of an owner or a pipeline.
    `has` and `without` are stages at which something, or nothing, has to stand; `is_stale` asks for those with an app
    that Heroku has not answered about at the last look.
    """

    text: str = ""
    has: Collection[str] = ()
    without: Collection[str] = ()
    is_stale: bool = False
    is_descending: bool = False

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


def list_pipelines(
    connection: sa.Connection, wanted: Wanted, *, place: Place[PipelineKey] | None = None
) -> PipelinePage:
    """Return a page of the pipelines in which something stands, by name."""
    is_cut = False
    upward = is_upward(place, is_ascending=not wanted.is_descending)
    if wanted.text:
        keys, is_cut = _search(connection, wanted.text)
        keys = _cut(keys, place, is_upward=upward)[: wanted.stretch]
        fitting = _pick(connection, [key.id for key in keys], wanted)
    else:
        keys, fitting = _walk(connection, wanted, None if place is None else place.key, is_upward=upward)
    shown = [key for key in keys if key.id in fitting][:PAGE]
    previous, following = frame_page(keys, shown, place, stretch=wanted.stretch)
    if place is not None and place.is_back:
        if previous is None:
            return list_pipelines(connection, wanted)
        shown.reverse()
    return Page(
        rows=load_pipelines(connection, [key.id for key in shown]),
        previous=previous,
        next=following,
        is_cut=is_cut,
        looked_through=len(keys),
    )


def count_pipelines(connection: sa.Connection, wanted: Wanted) -> Total:
    """Return how many are wanted, as far as that is found among so many by name."""
    if wanted.text:
        keys, is_cut = _search(connection, wanted.text)
        return Total(count=len(_pick(connection, [key.id for key in keys], wanted)), is_more=is_cut)
    by_name = sa.select(pipeline.c.id).order_by(pipeline.c.name, pipeline.c.id)
    return count_fitting(connection, by_name, lambda id_: sa.select(id_).where(fits(id_, wanted)))


def select_listed(connection: sa.Connection, query: sa.Select[Any], wanted: Wanted) -> sa.Select[Any]:
    """Return a query of pipelines for all that the list shows, in its order."""
    if wanted.text:
        query = query.where(pipeline.c.id.in_([key.id for key in _search(connection, wanted.text)[0]]))
    order = (pipeline.c.name.is_(None), pipeline.c.name, pipeline.c.id)
    ordered = query.order_by(None).order_by(*(column.desc() if wanted.is_descending else column for column in order))
    return ordered.where(fits(pipeline.c.id, wanted))


def load_pipelines(connection: sa.Connection, ids: Sequence[str]) -> list[PipelineRow]:
    """Return what is known of these pipelines, in this order; an id that is not there is left out."""
    dialect = connection.dialect.name
    groups: dict[str, list[Any]] = {id_: [] for id_ in ids}
    for group in connection.execute(_build_groups(dialect), pass_uuids(ids)).all():
        groups[group[0]].append(group)
    latest = ({"id": id_, "came_at": max((group[2] for group in groups[id_]), default=None)} for id_ in ids)
    # Two that came at one moment come one after the other here, and the one that was stored last stays.
    rows = {row[0]: row for row in connection.execute(_build_described(dialect), pass_rows(connection, latest)).all()}
    return [_read_pipeline(rows[id_], groups[id_]) for id_ in ids if id_ in rows]


def read_standing(
    connection: sa.Connection, pipeline_id: str, stage: str, *, place: Place[tuple[datetime, int]] | None
) -> Page[StandingRow, tuple[datetime, int]]:
    """Return a page of what stands at one stage of a pipeline, the latest first."""

    def read(place: Place[tuple[datetime, int]] | None, limit: int) -> Sequence[StandingRow]:
        return list_standing(connection, pipeline_id, stage, place=place, limit=limit)

    return read_page(read, lambda row: (row.since, row.id), place, most=SHOWN_AT_STAGE)


def list_standing(
    connection: sa.Connection,
    pipeline_id: str,
    stage: str,
    *,
    place: Place[tuple[datetime, int]] | None = None,
    limit: int = SHOWN_AT_STAGE,
) -> list[StandingRow]:
    """Return what stands at one stage of a pipeline, the latest first; back from a place the next one first."""
    order = (placement.c.valid_from, placement.c.id)
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
    )
    query = read_on(query, order, place, is_ascending=False).limit(limit)
    return [StandingRow(**{**row._mapping, "state": State(row.state)}) for row in connection.execute(query)]  # noqa: SLF001


def _cut(keys: Sequence[PipelineKey], place: Place[PipelineKey] | None, *, is_upward: bool) -> list[PipelineKey]:
    """Return what is behind a place, of keys in order, in the order in which the page is read."""
    ordered = list(keys) if is_upward else list(reversed(keys))
    if place is None:
        return ordered
    return [key for key in ordered if (key.rank > place.key.rank if is_upward else key.rank < place.key.rank)]


def _walk(
    connection: sa.Connection, wanted: Wanted, key: PipelineKey | None, *, is_upward: bool
) -> tuple[list[PipelineKey], set[str]]:
    """Return the next stretch of the list, first those with a name, then those without; and which of them fit."""
    values = {"after_name": key.name, "after_id": key.id} if key else {}
    parts = [True, False] if is_upward else [False, True]
    if key is not None:
        parts = parts[parts.index(key.name is not None) :]
    found: list[Any] = []
    for is_named in parts:
        if len(found) == wanted.stretch:
            break
        begins_after = key is not None and is_named is (key.name is not None)
        query = _build_stretch(
            has=tuple(wanted.has),
            without=tuple(wanted.without),
            is_stale=wanted.is_stale,
            is_named=is_named,
            begins_after=begins_after,
            is_upward=is_upward,
        )
        limit = {"limit": wanted.stretch - len(found)}
        found += connection.execute(query, (values if begins_after else {}) | limit).all()
    return [PipelineKey(row.name, row.id) for row in found], {row.id for row in found if row.fits}


@lru_cache(maxsize=64)
def _build_stretch(
    *,
    has: tuple[str, ...],
    without: tuple[str, ...],
    is_stale: bool,
    is_named: bool,
    begins_after: bool,
    is_upward: bool,
) -> sa.Select[Any]:
    """Return the query for a stretch of the list, in order, and of each pipeline whether it fits."""
    order = (pipeline.c.name, pipeline.c.id) if is_named else (pipeline.c.id,)
    some = sa.select(pipeline.c.name, pipeline.c.id).where(
        pipeline.c.name.is_not(None) if is_named else pipeline.c.name.is_(None)
    )
    last = sa.tuple_(*(sa.bindparam(f"after_{column.name}", type_=sa.String) for column in order))
    rest = behind(some, order, last if begins_after else None, is_upward=is_upward)
    keys = rest.limit(sa.bindparam("limit", type_=sa.Integer)).subquery()
    is_wanted = fits(keys.c.id, Wanted(has=has, without=without, is_stale=is_stale)).label("fits")
    query = sa.select(keys.c.name, keys.c.id, is_wanted)
    return query.order_by(*(column if is_upward else column.desc() for column in (keys.c.name, keys.c.id)))


def _search(connection: sa.Connection, text: str) -> tuple[list[PipelineKey], bool]:
    """Return the pipelines that a text finds, in order, and whether there are more than are looked for.

    Names that begin with it are found wherever they are, those that have it inside among the first.
    """
    by_name = sa.select(pipeline.c.id).where(begins_with(pipeline.c.name, text)).order_by(pipeline.c.name)
    by_app = (
        sa.select(placement.c.pipeline_id)
        .select_from(resource)
        .join(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None)))
        .where(begins_with(resource.c.app_name, text), placement.c.pipeline_id.is_not(None))
        .order_by(resource.c.app_name)
    )
    by_owner = sa.select(pipeline.c.id).where(pipeline.c.owner_id == text).order_by(pipeline.c.owner_id)
    some = sa.select(pipeline.c.id, pipeline.c.name).order_by(pipeline.c.name, pipeline.c.id)
    first = some.limit(SEARCHED_INSIDE).subquery()
    inside = sa.select(first.c.id).where(holds_text(first.c.name, text))
    ids, is_cut = search(connection, (by_name, by_app, by_owner, inside))
    rows = connection.execute(sa.select(pipeline.c.name, pipeline.c.id).where(pipeline.c.id.in_(ids | {text})))
    return sorted((PipelineKey(*row) for row in rows), key=lambda key: key.rank), is_cut


def _pick(connection: sa.Connection, ids: Collection[str], wanted: Wanted) -> set[str]:
    """Return which of these pipelines fit."""
    query = sa.select(pipeline.c.id).where(pipeline.c.id.in_(ids), fits(pipeline.c.id, wanted))
    return set(connection.execute(query).scalars())


def fits(id_: sa.ColumnElement[str], wanted: Wanted) -> sa.ColumnElement[bool]:
    """Return the condition that a pipeline holds something, and passes the filters; a text is none of them."""
    standing = sa.select(placement.c.id).where(placement.c.pipeline_id == id_, placement.c.valid_to.is_(None))
    unanswered = standing.join(placement_check, placement_check.c.resource_uuid == placement.c.resource_uuid).where(
        placement_check.c.error.is_not(None)
    )
    return sa.and_(
        standing.exists(),
        *(standing.where(placement.c.stage == stage).exists() for stage in wanted.has),
        *(sa.not_(standing.where(placement.c.stage == stage).exists()) for stage in wanted.without),
        *([unanswered.exists()] if wanted.is_stale else []),
    )


@cache
def _build_groups(dialect: str) -> sa.Select[Any]:
    """What stands in each pipeline now, by stage: see `_read_pipeline`."""
    return (
        sa.select(
            placement.c.pipeline_id,
            placement.c.stage,
            sa.func.max(placement.c.valid_from),
            sa.func.count(),
            sa.func.min(placement_check.c.checked_at),
            sa.func.count(placement_check.c.checked_at),
            sa.func.count(placement_check.c.error),
        )
        .outerjoin(placement_check, placement_check.c.resource_uuid == placement.c.resource_uuid)
        .where(placement.c.pipeline_id.in_(select_uuids(dialect)), placement.c.valid_to.is_(None))
        .group_by(placement.c.pipeline_id, placement.c.stage)
    )


@cache
def _build_described(dialect: str) -> sa.Select[Any]:
    """What each pipeline says of itself, and what came there at a moment, the latest stored last.

    When the last one came is known from the counts: so each is found in an index, where a rank of all would sort them.
    """
    asked = rows_as_table(dialect, id=pipeline.c.id.type, came_at=placement.c.valid_from.type)
    is_last = sa.and_(
        placement.c.pipeline_id == asked.c.id,
        placement.c.valid_from == asked.c.came_at,
        placement.c.valid_to.is_(None),
    )
    return (
        sa.select(
            *(pipeline.c[name] for name in ("id", "name", "owner_id", "owner_type")),
            *(placement.c.resource_uuid, resource.c.app_name, placement.c.stage, placement.c.valid_from),
        )
        .select_from(asked)
        .join(pipeline, pipeline.c.id == asked.c.id)
        .outerjoin(placement, is_last)
        .outerjoin(resource, resource.c.uuid == placement.c.resource_uuid)
        .order_by(placement.c.id)
    )


def _read_pipeline(row: Any, groups: Sequence[Any]) -> PipelineRow:
    id_, name, owner_id, owner_type, resource_uuid, app_name, stage, came_at = row
    arrival = None
    if resource_uuid is not None:
        arrival = Arrival(resource_uuid=resource_uuid, app_name=app_name, stage=stage, at=came_at)
    _, stages, _, standing, oldest, checked, unanswered = zip(*groups, strict=True) if groups else [()] * 7
    resources = sum(standing)
    return PipelineRow(
        id=id_,
        name=name,
        owner_id=owner_id,
        owner_type=owner_type,
        resources=resources,
        stages=dict(zip(stages, standing, strict=True)),
        last_arrival=arrival,
        checked_at=min(oldest, default=None) if sum(checked) == resources else None,
        unanswered=sum(unanswered),
    )
