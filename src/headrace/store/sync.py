"""Queries behind the state of the sync: what is due, what is being looked at, and which looks are in trouble."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import Outcome, State
from headrace.store.looks import count_batches
from headrace.store.placements import LIVE
from headrace.store.schema import IS_TROUBLED, placement_check, resource

PAGE = 50
# Nobody needs to know more exactly than that it is more than this.
MOST_COUNTED = 10_000
# Beside the kinds of errors and what Heroku would not tell: where it was not asked yet.
NEVER_LOOKED = "never"
UNTOLD = (Outcome.FORBIDDEN, Outcome.APP_HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """How the sync is doing. No count exceeds `MOST_COUNTED` by more than one: then it is more than that.

    `due_since` is when the look that waits longest was due. `troubled` counts looks that brought no answer by the kind
    of the error, those that Heroku would not tell the place at by outcome, and those that were `never` made.
    """

    due: int
    due_since: datetime | None
    batches: int
    troubled: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubledRow:
    """A resource whose last look is in trouble."""

    uuid: str
    name: str
    app_name: str | None
    state: State
    kind: str
    checked_at: datetime | None
    tried_at: datetime | None
    next_check_at: datetime


def load_sync_state(connection: sa.Connection, *, now: datetime) -> SyncState:
    due = _due().where(placement_check.c.next_check_at <= now)
    kinds = sa.select(_kind()).where(IS_TROUBLED, _is_live())
    few = kinds.limit(MOST_COUNTED + 1).subquery()
    troubled = connection.execute(sa.select(few.c.kind, sa.func.count()).group_by(few.c.kind).order_by(few.c.kind))
    return SyncState(
        due=_count(connection, due),
        due_since=connection.execute(due.order_by(placement_check.c.next_check_at).limit(1)).scalar(),
        batches=count_batches(connection, now=now),
        troubled={row[0]: row[1] for row in troubled},
    )


def list_troubled(connection: sa.Connection, kind: str, *, after: str = "", limit: int = PAGE) -> list[TroubledRow]:
    """Return the resources with this kind of trouble, by uuid; the next page is what is `after` the last."""
    query = (
        sa.select(placement_check, _kind())
        .where(IS_TROUBLED, _is_of(kind), _is_live(), placement_check.c.resource_uuid > after)
        .order_by(placement_check.c.resource_uuid)
        .limit(limit)
    )
    checks = connection.execute(query).all()
    named = sa.select(resource).where(resource.c.uuid.in_([check.resource_uuid for check in checks]))
    resources = {row.uuid: row for row in connection.execute(named)}
    return [_read_troubled(check, resources[check.resource_uuid]) for check in checks]


def want_looks_after(connection: sa.Connection, after: str, *, now: datetime, limit: int) -> str | None:
    """Make the next placements due that nobody is looking at; return the last of them, None when there are no more.

    All at once would keep every other write waiting for as long as a million rows take.
    """
    query = (
        sa.select(placement_check.c.resource_uuid)
        .where(placement_check.c.resource_uuid > after)
        .order_by(placement_check.c.resource_uuid)
        .limit(limit)
    )
    uuids = list(connection.execute(query).scalars())
    is_waiting = sa.and_(placement_check.c.next_check_at > now, placement_check.c.batch.is_(None))
    wanted = sa.update(placement_check).where(placement_check.c.resource_uuid.in_(uuids), is_waiting)
    connection.execute(wanted.values(next_check_at=now))
    return uuids[-1] if uuids else None


def _due() -> sa.Select[Any]:
    # As the sweep finds it: a provision looks for itself until it knows the app.
    is_known = sa.or_(resource.c.app_id.is_not(None), resource.c.state == State.PROVISIONED)
    return sa.select(placement_check.c.next_check_at).where(_tell_of_its(sa.and_(resource.c.state.in_(LIVE), is_known)))


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    few = query.limit(MOST_COUNTED + 1).subquery()
    count: int = connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one()
    return count


def _kind() -> sa.ColumnElement[str]:
    return sa.func.coalesce(placement_check.c.error, placement_check.c.outcome, NEVER_LOOKED).label("kind")


def _is_of(kind: str) -> sa.ColumnElement[bool]:
    if kind == NEVER_LOOKED:
        return sa.and_(placement_check.c.error.is_(None), placement_check.c.outcome.is_(None))
    if kind in UNTOLD:
        return sa.and_(placement_check.c.error.is_(None), placement_check.c.outcome == kind)
    return placement_check.c.error == kind


def _is_live() -> sa.ColumnElement[bool]:
    return _tell_of_its(resource.c.state.in_(LIVE))


def _tell_of_its(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Ask something of a placement's resource, one by one: a join might begin at all the resources there are."""
    return sa.select(condition).where(resource.c.uuid == placement_check.c.resource_uuid).scalar_subquery()


def _read_troubled(check: sa.Row[Any], row: sa.Row[Any]) -> TroubledRow:
    return TroubledRow(
        uuid=row.uuid,
        name=row.name,
        app_name=row.app_name,
        state=State(row.state),
        kind=check.kind,
        checked_at=check.checked_at,
        tried_at=check.tried_at,
        next_check_at=check.next_check_at,
    )
