"""Queries of the sweep: which placements are due, in batches, and what a batch found out, in one write."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headrace.models import Outcome, State
from headrace.store.placements import LIVE
from headrace.store.schema import pipeline, placement, placement_check, resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A resource to be looked at, with what is known of it.

    `etag` proves what is known of its place, at the path of the read that told it. `changed_at` is when its app
    came to this place, or the resource to us; `read_whole_at` when the add-on itself was last read, `pipeline_read_at`
    when its pipeline was.
    """

    uuid: str
    name: str
    app_id: str | None
    app_name: str | None
    outcome: Outcome | None
    pipeline_id: str | None
    stage: str | None
    pipeline_read_at: datetime | None
    changed_at: datetime
    checked_at: datetime | None
    wanted_at: datetime | None
    read_whole_at: datetime | None
    etag: str | None
    etag_path: str | None

    def is_read(self, pipeline_id: str, after: datetime) -> bool:
        """Whether this is the pipeline that it was in, and that one was read lately."""
        read_at = self.pipeline_read_at
        return pipeline_id == self.pipeline_id and read_at is not None and read_at > after


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A placement that is as it was."""

    uuid: str
    known_checked_at: datetime
    looked_up_at: datetime
    next_check_at: datetime
    etag: str | None
    etag_path: str | None
    read_whole_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A look that brought no answer."""

    uuid: str
    error: str
    tried_at: datetime
    next_check_at: datetime


def claim_batch(
    connection: sa.Connection,
    batch: str,
    *,
    now: datetime,
    limit: int,
    lease: timedelta,
    only: Collection[str] | None = None,
) -> int:
    """Put up to `limit` due placements into a batch, the longest due first; return how many there were.

    Up to as many that share a pipeline with them, and are due too, are in it as well: one list tells about all.
    With `only` nobody else is in it.
    They are due again only after the lease, should nobody bring the batch to its end. Workers on PostgreSQL skip
    what another one is claiming at the same time.
    """
    is_due = sa.and_(placement_check.c.next_check_at <= now, _is_worth_a_look())
    if only is not None:
        is_due = sa.and_(is_due, placement_check.c.resource_uuid.in_(only))
    query = (
        sa.select(placement_check.c.resource_uuid)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(is_due)
        # No further order: many are due at the same moment after an import, and would be sorted for each batch.
        .order_by(placement_check.c.next_check_at)
        .limit(limit)
    )
    uuids = _claim(connection, query, batch, due_at=now + lease)
    if uuids:
        theirs = sa.select(placement.c.pipeline_id).where(placement.c.resource_uuid.in_(uuids), _is_current())
        siblings = (
            sa.select(placement_check.c.resource_uuid)
            .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
            .join(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, _is_current()))
            .where(placement.c.pipeline_id.in_(theirs), is_due)
            .limit(limit)
        )
        uuids += _claim(connection, siblings, batch, due_at=now + lease)
    return len(uuids)


def _claim(connection: sa.Connection, query: sa.Select[Any], batch: str, *, due_at: datetime) -> list[str]:
    uuids = list(connection.execute(query.with_for_update(skip_locked=True, of=placement_check)).scalars())
    if uuids:
        claimed = sa.update(placement_check).where(placement_check.c.resource_uuid.in_(uuids))
        connection.execute(claimed.values(batch=batch, next_check_at=due_at))
    return uuids


def release_batch(connection: sa.Connection, batch: str, *, due_at: datetime | None = None) -> None:
    """End a batch; what of it was not looked at is due again then, or when its lease ends."""
    values: dict[str, Any] = {"batch": None} | ({"next_check_at": due_at} if due_at else {})
    connection.execute(sa.update(placement_check).where(placement_check.c.batch == batch).values(values))


def count_batches(connection: sa.Connection, *, now: datetime) -> int:
    """Return how many batches are not done; one whose lease has ended is as good as none."""
    is_leased = sa.and_(placement_check.c.batch.is_not(None), placement_check.c.next_check_at > now)
    batches = sa.select(placement_check.c.batch).where(is_leased).distinct().subquery()
    count: int = connection.execute(sa.select(sa.func.count()).select_from(batches)).scalar_one()
    return count


def list_batch(connection: sa.Connection, batch: str) -> list[Due]:
    """Return what of a batch has not been looked at yet."""
    query = _due().where(placement_check.c.batch == batch, _is_worth_a_look())
    return [_read_due(row) for row in connection.execute(query)]


def select_batch(batch: str) -> sa.Select[tuple[str]]:
    """Return the query of the uuids in a batch."""
    return sa.select(placement_check.c.resource_uuid).where(placement_check.c.batch == batch)


def list_siblings(connection: sa.Connection, batch: str, *, refused_before: datetime) -> list[Due]:
    """Return all who are, as far as we know, in a pipeline with somebody of a batch, themselves included.

    A pipeline whose apps Heroku would not list lately is left out.
    """
    theirs = (
        sa.select(placement.c.pipeline_id)
        .join(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .where(
            placement.c.resource_uuid.in_(select_batch(batch)),
            _is_current(),
            sa.or_(pipeline.c.list_refused_at.is_(None), pipeline.c.list_refused_at <= refused_before),
        )
    )
    query = _due().where(
        placement.c.pipeline_id.in_(theirs),
        placement_check.c.outcome == Outcome.PLACED,
        resource.c.state.in_(LIVE),
    )
    return [_read_due(row) for row in connection.execute(query)]


def list_on_apps(connection: sa.Connection, app_ids: Collection[str]) -> list[Due]:
    """Return the resources on these apps."""
    query = _due().where(resource.c.app_id.in_(app_ids), resource.c.state.in_(LIVE))
    return [_read_due(row) for row in connection.execute(query)]


def list_read_pipelines(connection: sa.Connection, ids: Collection[str], *, after: datetime) -> set[str]:
    """Return, of these pipelines, those that were read lately."""
    query = sa.select(pipeline.c.id).where(pipeline.c.id.in_(ids), pipeline.c.observed_at > after)
    return set(connection.execute(query).scalars())


def save_refused_lists(connection: sa.Connection, ids: Collection[str], *, now: datetime) -> None:
    connection.execute(sa.update(pipeline).where(pipeline.c.id.in_(ids)).values(list_refused_at=now))


def save_confirmed(connection: sa.Connection, found: Sequence[Confirmed]) -> None:
    """Record that placements are as they were, but for those of which somebody has recorded an answer meanwhile."""
    if found:
        connection.execute(_CONFIRM, [_as_parameters(each) for each in found])


def save_failed(connection: sa.Connection, found: Sequence[Failed]) -> None:
    """Record that Heroku was asked and did not answer; what was known stays."""
    if found:
        connection.execute(_FAIL, [_as_parameters(each) for each in found])


def want_looks(connection: sa.Connection, uuids: Collection[str], *, now: datetime) -> None:
    """Make placements due that are not due yet."""
    connection.execute(
        sa.update(placement_check)
        .where(
            placement_check.c.resource_uuid.in_(uuids),
            placement_check.c.next_check_at > now,
            placement_check.c.batch.is_(None),
        )
        .values(next_check_at=now)
    )


def want_every_look(connection: sa.Connection, *, now: datetime) -> None:
    """Make every placement due that nobody is looking at."""
    is_waiting = sa.and_(placement_check.c.next_check_at > now, placement_check.c.batch.is_(None))
    connection.execute(sa.update(placement_check).where(is_waiting).values(next_check_at=now))


def count_due(connection: sa.Connection, *, now: datetime, only: Collection[str] | None = None) -> int:
    """Return how many placements are due, of all or only of these."""
    query = (
        sa.select(sa.func.count())
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(placement_check.c.next_check_at <= now, _is_worth_a_look())
    )
    if only is not None:
        query = query.where(placement_check.c.resource_uuid.in_(only))
    count: int = connection.execute(query).scalar_one()
    return count


# Built once: building a statement costs about as much as running it.
_CONFIRM = (
    sa.update(placement_check)
    .where(
        placement_check.c.resource_uuid == sa.bindparam("b_uuid"),
        # Whoever has recorded another answer since knows better.
        placement_check.c.checked_at == sa.bindparam("b_known_checked_at"),
    )
    .values(
        error=None,
        checked_at=sa.bindparam("b_looked_up_at"),
        tried_at=sa.bindparam("b_looked_up_at"),
        etag=sa.bindparam("b_etag"),
        etag_path=sa.bindparam("b_etag_path"),
        read_whole_at=sa.bindparam("b_read_whole_at"),
        batch=None,
        next_check_at=sa.case(
            (placement_check.c.wanted_at > sa.bindparam("b_looked_up_at"), sa.bindparam("b_looked_up_at")),
            else_=sa.bindparam("b_next_check_at"),
        ),
    )
)
_FAIL = (
    sa.update(placement_check)
    .where(placement_check.c.resource_uuid == sa.bindparam("b_uuid"))
    .values(
        error=sa.bindparam("b_error"),
        tried_at=sa.bindparam("b_tried_at"),
        next_check_at=sa.bindparam("b_next_check_at"),
        batch=None,
    )
)


def _as_parameters(found: Confirmed | Failed) -> dict[str, Any]:
    return {f"b_{name}": getattr(found, name) for name in found.__slots__}


def _is_worth_a_look() -> sa.ColumnElement[bool]:
    # A provision looks for itself until it knows the app.
    is_known = sa.or_(resource.c.app_id.is_not(None), resource.c.state == State.PROVISIONED)
    return sa.and_(resource.c.state.in_(LIVE), is_known)


def _is_current() -> sa.ColumnElement[bool]:
    return placement.c.valid_to.is_(None)


def _due() -> sa.Select[Any]:
    return (
        sa.select(
            *(resource.c.uuid, resource.c.name, resource.c.app_id, resource.c.app_name, resource.c.created_at),
            *(placement.c.pipeline_id, placement.c.stage, placement.c.valid_from),
            pipeline.c.observed_at.label("pipeline_read_at"),
            *(placement_check.c.outcome, placement_check.c.checked_at, placement_check.c.wanted_at),
            *(placement_check.c.read_whole_at, placement_check.c.etag, placement_check.c.etag_path),
        )
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .outerjoin(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, _is_current()))
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
    )


def _read_due(row: sa.Row[Any]) -> Due:
    return Due(
        uuid=row.uuid,
        name=row.name,
        app_id=row.app_id,
        app_name=row.app_name,
        outcome=Outcome(row.outcome) if row.outcome else None,
        pipeline_id=row.pipeline_id,
        stage=row.stage,
        pipeline_read_at=row.pipeline_read_at,
        changed_at=row.valid_from or row.created_at,
        checked_at=row.checked_at,
        wanted_at=row.wanted_at,
        read_whole_at=row.read_whole_at,
        etag=row.etag,
        etag_path=row.etag_path,
    )
