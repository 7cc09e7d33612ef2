"""Queries behind the state of the sync: what is due, what is being inspected, and which inspections are in trouble."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import Outcome, State
from headrace.store.reports.paging import MOST_COUNTED, PAGE, Place, read_on
from headrace.store.sql.tables.schema import IS_TROUBLED, placement_check, resource
from headrace.store.state.due import count_batches, count_due, find_longest_due, tell_of_its_resource
from headrace.store.state.placements import LIVE

# Beside the kinds of errors and what Heroku would not tell: where it was not asked yet.
NEVER_INSPECTED = "never"
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
    due_since = find_longest_due(connection)
    kinds = sa.select(_kind()).where(IS_TROUBLED, _is_live())
    few = kinds.limit(MOST_COUNTED + 1).subquery()
    troubled = connection.execute(sa.select(few.c.kind, sa.func.count()).group_by(few.c.kind).order_by(few.c.kind))
    return SyncState(
        due=count_due(connection, now=now, most=MOST_COUNTED + 1),
        due_since=due_since if due_since is not None and due_since <= now else None,
        batches=count_batches(connection, now=now),
        troubled={row[0]: row[1] for row in troubled},
    )


def list_troubled(
    connection: sa.Connection, kind: str, *, place: Place[tuple[str]] | None = None, limit: int = PAGE
) -> list[TroubledRow]:
    """Return the resources with this kind of trouble, by uuid; back from a place the next one first."""
    some = sa.select(placement_check, _kind()).where(IS_TROUBLED, _is_of(kind), _is_live())
    query = read_on(some, (placement_check.c.resource_uuid,), place, is_ascending=True).limit(limit)
    checks = connection.execute(query).all()
    named = sa.select(resource).where(resource.c.uuid.in_([check.resource_uuid for check in checks]))
    resources = {row.uuid: row for row in connection.execute(named)}
    return [_read_troubled(check, resources[check.resource_uuid]) for check in checks]


def _kind() -> sa.ColumnElement[str]:
    return sa.func.coalesce(placement_check.c.error, placement_check.c.outcome, NEVER_INSPECTED).label("kind")


def _is_of(kind: str) -> sa.ColumnElement[bool]:
    if kind == NEVER_INSPECTED:
        return sa.and_(placement_check.c.error.is_(None), placement_check.c.outcome.is_(None))
    if kind in UNTOLD:
        return sa.and_(placement_check.c.error.is_(None), placement_check.c.outcome == kind)
    return placement_check.c.error == kind


def _is_live() -> sa.ColumnElement[bool]:
    return tell_of_its_resource(resource.c.state.in_(LIVE))


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
