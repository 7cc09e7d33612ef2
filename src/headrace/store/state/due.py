"""Queries of the sweep: which placements are due, in batches, and what a batch found out, in one write."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.models import Outcome, State
from headrace.store.sql.database import plan_anew
from headrace.store.sql.rows import as_one_value, pass_rows, pass_uuids, read_rows, rows_as_table, select_uuids
from headrace.store.sql.tables.columns import Moment
from headrace.store.sql.tables.schema import pipeline, placement, placement_check, resource
from headrace.store.state.hour_counts import HourFigure, save_hour_counts
from headrace.store.state.pipelines import REFUSED_FOR
from headrace.store.state.placements import LIVE
from headrace.store.state.resources import hold_resources

# What is noted of a placement, never of a future.
NOTED = ("checked_at", "tried_at", "wanted_at", "read_whole_at")


# None of these can be a part of a circle, and there are many: Python's collector passes over none of them.
class Due(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A resource to be inspected, with what is known of it.

    `etag` proves what is known of its place, at the path of the read that told it. `changed_at` is when its app
    came to this place, or the resource to us; `read_whole_at` when the add-on itself was last read, `pipeline_read_at`
    when its pipeline was, and `list_refused_at` when Heroku last would not list that one's apps.
    """

    uuid: str
    name: str
    app_id: str | None
    app_name: str | None
    outcome: Outcome | None
    pipeline_id: str | None
    stage: str | None
    pipeline_read_at: datetime | None
    list_refused_at: datetime | None
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


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A placement that is as it was, and what proves it too."""

    uuid: str
    known_checked_at: datetime
    next_check_at: datetime


class ConfirmedAnew(Confirmed, frozen=True, kw_only=True, gc=False):
    """A placement that is as it was, which another answer proves from now on."""

    etag: str | None
    etag_path: str | None
    read_whole_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An inspection that brought no answer."""

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

    Up to as many that share a pipeline with them, and are due too, are in it as well: one list tells about all. Where
    Heroku would not list a pipeline lately, none does, and nobody is looked for there.
    With `only` nobody else is in it.
    They are due again only after the lease, should nobody bring the batch to its end. Workers on PostgreSQL skip
    what another one is claiming at the same time.
    """
    plan_anew(connection)
    values = {"b_batch": batch, "b_now": now, "b_due_at": now + lease, "b_limit": limit}
    if only is not None:
        values["b_only"] = list(only)
    count = connection.execute(_build_claim(is_bounded=only is not None), values).rowcount
    lists = {"b_batch": batch, "b_refused_after": now - REFUSED_FOR}
    pipeline_ids = list(connection.execute(_build_lists_of_batch(), lists).scalars())
    if pipeline_ids:
        claim = _build_claim(is_bounded=only is not None, in_pipelines_on=connection.dialect.name)
        count += connection.execute(claim, values | pass_uuids(pipeline_ids)).rowcount
    return count


def release_batch(connection: sa.Connection, batch: str, *, due_at: datetime | None = None) -> None:
    """End a batch; what of it was not inspected is due again then, or when its lease ends."""
    values: dict[str, Any] = {"batch": None} | ({"next_check_at": due_at} if due_at else {})
    connection.execute(sa.update(placement_check).where(placement_check.c.batch == batch).values(values))


def is_any_due(connection: sa.Connection, *, now: datetime) -> bool:
    """Whether there is something to put into a batch."""
    return connection.execute(_build_is_any_due(), {"b_now": now}).first() is not None


def count_batches(connection: sa.Connection, *, now: datetime) -> int:
    """Return how many batches are not done; one whose lease has ended is as good as none."""
    is_leased = sa.and_(placement_check.c.batch.is_not(None), placement_check.c.next_check_at > now)
    batches = sa.select(placement_check.c.batch).where(is_leased).distinct().subquery()
    count: int = connection.execute(sa.select(sa.func.count()).select_from(batches)).scalar_one()
    return count


def list_batch(connection: sa.Connection, batch: str) -> list[Due]:
    """Return what of a batch has not been inspected yet."""
    return read_rows(connection, _build_list_batch(connection.dialect.name), Due, {"b_batch": batch})


def select_batch(batch: str | sa.BindParameter[str]) -> sa.Select[tuple[str]]:
    """Return the query of the uuids in a batch."""
    return sa.select(placement_check.c.resource_uuid).where(placement_check.c.batch == batch)


def list_siblings(connection: sa.Connection, batch: str, pipeline_ids: Collection[str]) -> list[Due]:
    """Return who else than a batch is, as far as we know, in these pipelines."""
    values = {"b_batch": batch} | pass_uuids(pipeline_ids)
    return read_rows(connection, _build_list_siblings(connection.dialect.name), Due, values)


def list_on_apps(connection: sa.Connection, app_ids: Collection[str]) -> list[Due]:
    """Return the resources on these apps."""
    return read_rows(connection, _build_list_on_apps(connection.dialect.name), Due, pass_uuids(app_ids))


def list_checked(connection: sa.Connection, uuids: Collection[str], *, since: datetime) -> set[str]:
    """Return which of these resources have been looked at, and an answer recorded, from then on."""
    query = _build_list_checked(connection.dialect.name)
    return set(connection.execute(query, {"b_since": since} | pass_uuids(uuids)).scalars())


def save_confirmed(connection: sa.Connection, found: Collection[Confirmed], *, now: datetime) -> None:
    """Record that placements are as they were, but for those of which somebody has recorded an answer meanwhile."""
    for shape in (Confirmed, ConfirmedAnew):
        if alike := [msgspec.structs.asdict(each) for each in found if type(each) is shape]:
            statement = _build_confirm(connection.dialect.name, shape)
            connection.execute(statement, pass_rows(connection, alike) | {"inspected_at": now})


def save_failed(connection: sa.Connection, found: Sequence[Failed]) -> None:
    """Record that Heroku was asked and did not answer; what was known stays."""
    if found:
        connection.execute(_FAIL, [_as_parameters(each) for each in found])
        kinds = Counter((HourFigure.FAILED_CHECKS, each.error) for each in found)
        save_hour_counts(connection, kinds, now=max(each.tried_at for each in found))


def make_due(connection: sa.Connection, uuids: Collection[str], *, now: datetime) -> None:
    """Make placements due that are not due yet."""
    # As who records looks at them does: otherwise the two may each have what the other waits for.
    hold_resources(connection, uuids)
    connection.execute(_make_due(now).where(placement_check.c.resource_uuid.in_(uuids)))


def make_due_after(connection: sa.Connection, after: str, *, now: datetime, limit: int) -> str | None:
    """Make the next placements due that nobody is inspecting; return the last of them, None when there are no more.

    All at once would keep every other write waiting for as long as a million rows take.
    """
    query = (
        sa.select(placement_check.c.resource_uuid)
        .where(placement_check.c.resource_uuid > after)
        .order_by(placement_check.c.resource_uuid)
        .limit(limit)
    )
    uuids = list(connection.execute(query).scalars())
    make_due(connection, uuids, now=now)
    return uuids[-1] if uuids else None


def list_ahead_of_time(connection: sa.Connection, *, now: datetime, due_after: datetime, limit: int) -> list[str]:
    """Return placements of which something was noted in the future: by a clock that was ahead, and has been put right.

    None of them can be due after `due_after`.
    """
    noted = [placement_check.c[name] > now for name in NOTED]
    is_ahead = sa.or_(*noted, placement_check.c.next_check_at > due_after, placement_check.c.due_since > now)
    query = sa.select(placement_check.c.resource_uuid).where(is_ahead).limit(limit)
    return list(connection.execute(query).scalars())


def bring_back_to_now(connection: sa.Connection, uuids: Collection[str], *, now: datetime) -> None:
    """Take times of the future for now, and make their placements due: else nothing is newer until it has come."""
    columns = [placement_check.c[name] for name in (*NOTED, "due_since")]
    known = {column.name: sa.case((column > now, now), else_=column) for column in columns}
    is_meant = placement_check.c.resource_uuid.in_(uuids)
    connection.execute(sa.update(placement_check).where(is_meant).values(**known, next_check_at=now))


def make_all_due(connection: sa.Connection, *, now: datetime) -> None:
    """Make every placement due that nobody is inspecting."""
    connection.execute(_make_due(now))


def count_due(
    connection: sa.Connection, *, now: datetime, only: Collection[str] | None = None, most: int | None = None
) -> int:
    """Return how many placements are due, of all or only of these, counted up to `most`."""
    due = sa.select(placement_check.c.next_check_at).where(tell_of_its_resource(_is_worth_inspecting()))
    due = due.where(placement_check.c.next_check_at <= now).limit(most)
    if only is not None:
        due = due.where(placement_check.c.resource_uuid.in_(only))
    count: int = connection.execute(sa.select(sa.func.count()).select_from(due.subquery())).scalar_one()
    return count


def find_longest_due(connection: sa.Connection) -> datetime | None:
    """Return when the placement that waits longest is due, or was; None where none ever is.

    What is in a batch waits until that is done: what nobody brings to its end would else never be late.
    """
    is_worth_inspecting = tell_of_its_resource(_is_worth_inspecting())
    next_check_at, due_since = placement_check.c.next_check_at, placement_check.c.due_since
    waiting = sa.select(next_check_at).where(is_worth_inspecting).order_by(next_check_at).limit(1)
    is_in_batch = sa.and_(placement_check.c.batch.is_not(None), due_since.is_not(None))
    in_batches = sa.select(due_since).where(is_in_batch, is_worth_inspecting).order_by(due_since).limit(1)
    found = connection.execute(sa.select(waiting.scalar_subquery(), in_batches.scalar_subquery())).one()
    return min((moment for moment in found if moment is not None), default=None)


def tell_of_its_resource(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Ask something of a placement's resource, one by one: a join might begin at all the resources there are."""
    return sa.select(condition).where(resource.c.uuid == placement_check.c.resource_uuid).scalar_subquery()


def _make_due(now: datetime) -> sa.Update:
    is_waiting = sa.and_(placement_check.c.next_check_at > now, placement_check.c.batch.is_(None))
    return sa.update(placement_check).where(is_waiting).values(next_check_at=now)


# Built once: building a statement costs about as much as running it.
@cache
def _build_is_any_due() -> sa.Select[tuple[str]]:
    next_check_at, is_worth_inspecting = placement_check.c.next_check_at, tell_of_its_resource(_is_worth_inspecting())
    due = sa.select(placement_check.c.resource_uuid).where(next_check_at <= sa.bindparam("b_now"), is_worth_inspecting)
    return due.order_by(next_check_at).limit(1)


@cache
def _build_claim(*, is_bounded: bool, in_pipelines_on: str = "") -> sa.Update:
    query = (
        sa.select(placement_check.c.resource_uuid)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(placement_check.c.next_check_at <= sa.bindparam("b_now"), _is_worth_inspecting())
        .limit(sa.bindparam("b_limit", type_=sa.Integer()))
    )
    if is_bounded:
        query = query.where(placement_check.c.resource_uuid.in_(sa.bindparam("b_only", expanding=True)))
    if in_pipelines_on:
        query = query.join(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, _is_current()))
        query = query.where(placement.c.pipeline_id.in_(select_uuids(in_pipelines_on)))
    else:
        # No further order: many are due at the same moment after an import, and would be sorted for each batch.
        query = query.order_by(placement_check.c.next_check_at)
    # Named, so that PostgreSQL takes no more than its limit: what stands in a condition may be run again and again.
    # Where it is used: what does not begin with UPDATE has no count of rows on SQLite.
    chosen = query.with_for_update(skip_locked=True, of=placement_check).cte("chosen", nesting=True)
    claimed = sa.update(placement_check).where(placement_check.c.resource_uuid.in_(sa.select(chosen.c.resource_uuid)))
    # What an earlier batch had, and did not bring to its end, has been due since before that.
    is_taken_up_again = sa.and_(placement_check.c.batch.is_not(None), placement_check.c.due_since.is_not(None))
    due_since = sa.case((is_taken_up_again, placement_check.c.due_since), else_=placement_check.c.next_check_at)
    return claimed.values(batch=sa.bindparam("b_batch"), next_check_at=sa.bindparam("b_due_at"), due_since=due_since)


@cache
def _build_lists_of_batch() -> sa.Select[Any]:
    """The pipelines of a batch whose apps Heroku may list."""
    is_in_batch = placement.c.resource_uuid.in_(select_batch(sa.bindparam("b_batch")))
    refused_at = pipeline.c.list_refused_at
    may_be_listed = sa.or_(refused_at.is_(None), refused_at <= sa.bindparam("b_refused_after"))
    query = sa.select(placement.c.pipeline_id).join(pipeline, pipeline.c.id == placement.c.pipeline_id)
    return query.where(is_in_batch, _is_current(), may_be_listed).distinct()


@cache
def _build_list_batch(dialect: str) -> sa.Select[tuple[str]]:
    is_in_batch = placement_check.c.batch == sa.bindparam("b_batch")
    return as_one_value(dialect, _due().where(is_in_batch, _is_worth_inspecting()))


@cache
def _build_list_siblings(dialect: str) -> sa.Select[tuple[str]]:
    are_there = sa.and_(placement.c.pipeline_id.in_(select_uuids(dialect)), _is_current())
    query = _due().where(
        resource.c.uuid.in_(sa.select(placement.c.resource_uuid).where(are_there)),
        sa.or_(placement_check.c.batch.is_(None), placement_check.c.batch != sa.bindparam("b_batch")),
        placement_check.c.outcome == Outcome.PLACED,
        resource.c.state.in_(LIVE),
    )
    return as_one_value(dialect, query)


@cache
def _build_list_on_apps(dialect: str) -> sa.Select[tuple[str]]:
    return as_one_value(dialect, _due().where(resource.c.app_id.in_(select_uuids(dialect)), resource.c.state.in_(LIVE)))


@cache
def _build_list_checked(dialect: str) -> sa.Select[Any]:
    rows = rows_as_table(dialect, uuid=sa.Text())
    # One by one: PostgreSQL takes it that nobody was, and in a join goes through all of the uuids for each who was.
    checked_at = sa.select(placement_check.c.checked_at).where(placement_check.c.resource_uuid == rows.c.uuid)
    return sa.select(rows.c.uuid).where(checked_at.scalar_subquery() >= sa.bindparam("b_since"))


@cache
def _build_confirm(dialect: str, shape: type[Confirmed]) -> sa.Update:
    proof = [name for name in shape.__struct_fields__ if name not in Confirmed.__struct_fields__]
    kinds = {name: placement_check.c[name].type for name in ("next_check_at", *proof)}
    rows = rows_as_table(dialect, uuid=sa.Text(), known_checked_at=Moment(), **kinds)
    inspected_at = sa.bindparam("inspected_at", type_=Moment())
    is_wanted = placement_check.c.wanted_at > inspected_at
    # Whoever has recorded another answer since knows better.
    is_known = placement_check.c.checked_at == rows.c.known_checked_at
    return (
        sa.update(placement_check)
        .where(placement_check.c.resource_uuid == rows.c.uuid, is_known)
        .values(
            error=None,
            checked_at=inspected_at,
            tried_at=inspected_at,
            batch=None,
            next_check_at=sa.case((is_wanted, inspected_at), else_=rows.c.next_check_at),
            **{name: rows.c[name] for name in proof},
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


def _as_parameters(found: Failed) -> dict[str, Any]:
    return {f"b_{name}": getattr(found, name) for name in found.__slots__}


def _is_worth_inspecting() -> sa.ColumnElement[bool]:
    """Whether a placement is ever due: what a batch takes, what is counted and what waits longest go by this alone."""
    # A provision inspects for itself until it knows the app.
    is_known = sa.or_(resource.c.app_id.is_not(None), resource.c.state == State.PROVISIONED)
    return sa.and_(resource.c.state.in_(LIVE), is_known)


def _is_current() -> sa.ColumnElement[bool]:
    return placement.c.valid_to.is_(None)


def _due() -> sa.Select[Any]:
    """Each column is a member of a `Due`, by its name and in its place."""
    return (
        sa.select(
            *(resource.c.uuid, resource.c.name, resource.c.app_id, resource.c.app_name),
            *(placement_check.c.outcome, placement.c.pipeline_id, placement.c.stage),
            pipeline.c.observed_at.label("pipeline_read_at"),
            pipeline.c.list_refused_at,
            sa.func.coalesce(placement.c.valid_from, resource.c.created_at).label("changed_at"),
            *(placement_check.c.checked_at, placement_check.c.wanted_at, placement_check.c.read_whole_at),
            *(placement_check.c.etag, placement_check.c.etag_path),
        )
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .outerjoin(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, _is_current()))
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
    )
