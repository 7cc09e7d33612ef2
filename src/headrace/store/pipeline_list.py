"""Queries behind the list of pipelines: by name, a page at a time, and what stands in each of them now.

A page is found in a stretch of names, `WINDOW` long at the most. So a filter that hardly any pipeline passes costs no
more than one that all pass: the page is shorter, and the next one goes on where the stretch ended.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import State
from headrace.store.names import MOST_MATCHES, begins_with
from headrace.store.schema import pipeline, placement, placement_check, resource

PAGE = 50
WINDOW = 1_000
FEW = 4 * PAGE
SHOWN_AT_STAGE = 25


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
class PipelinePage:
    """One page of the list. `next` is where the next one begins; `is_cut` says that a search found too much to show.

    `looked_through` counts the pipelines among which these were found.
    """

    rows: Sequence[PipelineRow]
    next: PipelineKey | None
    is_cut: bool
    looked_through: int


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


def list_pipelines(connection: sa.Connection, wanted: Wanted, *, after: PipelineKey | None) -> PipelinePage:
    """Return a page of the pipelines in which something stands, by name."""
    is_cut = False
    if wanted.text:
        keys, is_cut = _search(connection, wanted.text)
        keys = [key for key in keys if key.is_after(after)][: wanted.stretch]
    else:
        keys = _walk(connection, after, limit=wanted.stretch)
    fitting = _pick(connection, [key.id for key in keys], wanted)
    shown = [key for key in keys if key.id in fitting][:PAGE]
    return PipelinePage(
        rows=load_pipelines(connection, [key.id for key in shown]),
        next=_find_next(keys, shown, stretch=wanted.stretch),
        is_cut=is_cut,
        looked_through=len(keys),
    )


def load_pipelines(connection: sa.Connection, ids: Sequence[str]) -> list[PipelineRow]:
    """Return what is known of these pipelines, in this order; an id that is not there is left out."""
    rows = {row.id: row for row in connection.execute(sa.select(pipeline).where(pipeline.c.id.in_(ids)))}
    counts: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(_count_by_stage(ids)):
        counts[row.pipeline_id].append(row)
    arrivals = _find_arrivals(connection, {id_: max(row.came_at for row in found) for id_, found in counts.items()})
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


def _find_next(keys: Sequence[PipelineKey], shown: Sequence[PipelineKey], *, stretch: int) -> PipelineKey | None:
    if len(shown) == PAGE and shown[-1] != keys[-1]:
        return shown[-1]
    return keys[-1] if len(keys) == stretch else None


def _walk(connection: sa.Connection, after: PipelineKey | None, *, limit: int) -> list[PipelineKey]:
    """Return the next stretch of the list: first those with a name, then those without."""
    keys = (pipeline.c.name, pipeline.c.id)
    named = sa.select(*keys).where(pipeline.c.name.is_not(None)).order_by(*keys)
    unnamed = sa.select(*keys).where(pipeline.c.name.is_(None)).order_by(pipeline.c.id)
    found: list[PipelineKey] = []
    if after is None or after.name is not None:
        rest = named if after is None else named.where(sa.tuple_(*keys) > after)
        found = [PipelineKey(*row) for row in connection.execute(rest.limit(limit))]
    elif after is not None:
        unnamed = unnamed.where(pipeline.c.id > after.id)
    left = limit - len(found)
    return found + [PipelineKey(*row) for row in connection.execute(unnamed.limit(left))]


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
    ids: set[str] = {text}
    is_cut = False
    for query in (by_name, by_app, by_owner):
        found = list(connection.execute(query.limit(MOST_MATCHES + 1)).scalars())
        ids.update(found[:MOST_MATCHES])
        is_cut = is_cut or len(found) > MOST_MATCHES
    rows = connection.execute(sa.select(pipeline.c.name, pipeline.c.id).where(pipeline.c.id.in_(ids)))
    return sorted((PipelineKey(*row) for row in rows), key=lambda key: key.rank), is_cut


def _pick(connection: sa.Connection, ids: Collection[str], wanted: Wanted) -> set[str]:
    """Return which of these pipelines hold something, and what is wanted."""
    standing = sa.select(placement.c.id).where(placement.c.pipeline_id == pipeline.c.id, placement.c.valid_to.is_(None))
    unanswered = standing.join(placement_check, placement_check.c.resource_uuid == placement.c.resource_uuid).where(
        placement_check.c.error.is_not(None)
    )
    conditions = [
        standing.exists(),
        *(standing.where(placement.c.stage == stage).exists() for stage in wanted.has),
        *(sa.not_(standing.where(placement.c.stage == stage).exists()) for stage in wanted.without),
        *([unanswered.exists()] if wanted.is_stale else []),
    ]
    query = sa.select(pipeline.c.id).where(pipeline.c.id.in_(ids), *conditions)
    return set(connection.execute(query).scalars())


def _count_by_stage(ids: Collection[str]) -> sa.Select[Any]:
    return (
        sa.select(
            placement.c.pipeline_id,
            placement.c.stage,
            sa.func.count().label("resources"),
            sa.func.max(placement.c.valid_from).label("came_at"),
            sa.func.min(placement_check.c.checked_at).label("checked_at"),
            sa.func.count(placement_check.c.checked_at).label("checked"),
            sa.func.count(placement_check.c.error).label("unanswered"),
        )
        .outerjoin(placement_check, placement_check.c.resource_uuid == placement.c.resource_uuid)
        .where(placement.c.pipeline_id.in_(ids), placement.c.valid_to.is_(None))
        .group_by(placement.c.pipeline_id, placement.c.stage)
    )


def _find_arrivals(connection: sa.Connection, came_at: Mapping[str, datetime]) -> dict[str, Arrival]:
    if not came_at:
        return {}
    query = (
        sa.select(placement.c.pipeline_id, placement.c.resource_uuid, resource.c.app_name, placement.c.stage)
        .add_columns(placement.c.valid_from)
        .join(resource, resource.c.uuid == placement.c.resource_uuid)
        .where(
            placement.c.valid_to.is_(None),
            # SQLite looks up pairs in no index when they stand in one list.
            sa.or_(
                *(sa.and_(placement.c.pipeline_id == id_, placement.c.valid_from == at) for id_, at in came_at.items())
            ),
        )
        .order_by(placement.c.id)
    )
    return {
        row.pipeline_id: Arrival(
            resource_uuid=row.resource_uuid, app_name=row.app_name, stage=row.stage, at=row.valid_from
        )
        for row in connection.execute(query)
    }


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
