"""Queries about plan changes: what Heroku asked for, in order, and what became of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.rows import pass_uuids, select_uuids
from headrace.store.sql.tables.schema import plan_change


class PlanChangeOutcome(StrEnum):
    """What became of a plan change."""

    DONE = "done"
    # The hook said no, and the customer was told.
    REFUSED = "refused"
    # The hook did not say no, or said it when Heroku had been promised the plan.
    FAILED = "failed"
    # The resource went away first.
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangeRow:
    """One plan change; it waits while `outcome` is None. `overtaken_at` is when the old plan was asked for again."""

    number: int
    old_plan: str
    new_plan: str
    outcome: PlanChangeOutcome | None
    message: str | None
    settled_at: datetime | None = None
    overtaken_at: datetime | None = None


def add_plan_change(connection: sa.Connection, uuid: str, *, old_plan: str, new_plan: str, now: datetime) -> int:
    """Record a wanted plan change and return its number."""
    count = sa.select(sa.func.coalesce(sa.func.max(plan_change.c.number), 0)).where(plan_change.c.resource_uuid == uuid)
    number: int = connection.execute(count).scalar_one() + 1
    connection.execute(
        sa.insert(plan_change).values(
            resource_uuid=uuid, number=number, old_plan=old_plan, new_plan=new_plan, requested_at=now
        )
    )
    return number


def find_waiting_plan_changes(connection: sa.Connection, uuids: Collection[str]) -> dict[str, PlanChangeRow]:
    """Return, of each of these resources that has one, the oldest plan change that is not settled: the next."""
    found = connection.execute(_build_list_waiting(connection.dialect.name), pass_uuids(uuids))
    return {row.resource_uuid: _read_change(row) for row in found}


@cache
def _build_list_waiting(dialect: str) -> sa.Select[Any]:
    """Return the query of what waits, the oldest of a resource last."""
    is_theirs = plan_change.c.resource_uuid.in_(select_uuids(dialect))
    waiting = sa.select(plan_change).where(is_theirs, plan_change.c.outcome.is_(None))
    return waiting.order_by(plan_change.c.number.desc())


def find_last_plan_change(connection: sa.Connection, uuid: str) -> PlanChangeRow | None:
    query = (
        sa.select(plan_change).where(plan_change.c.resource_uuid == uuid).order_by(plan_change.c.number.desc()).limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _read_change(row)


def list_settled_plan_changes(connection: sa.Connection, uuid: str) -> list[PlanChangeRow]:
    """Return the plan changes of which it is known what became of them, the latest first."""
    settled = plan_change.c.resource_uuid == uuid, plan_change.c.outcome.is_not(None)
    query = sa.select(plan_change).where(*settled).order_by(plan_change.c.number.desc())
    return [_read_change(row) for row in connection.execute(query)]


def find_plan_change(connection: sa.Connection, uuid: str, number: int) -> PlanChangeRow:
    query = sa.select(plan_change).where(plan_change.c.resource_uuid == uuid, plan_change.c.number == number)
    return _read_change(connection.execute(query).one())


def settle_plan_change(
    connection: sa.Connection, uuid: str, number: int, *, outcome: PlanChangeOutcome, message: str | None, now: datetime
) -> None:
    connection.execute(
        sa.update(plan_change)
        .where(plan_change.c.resource_uuid == uuid, plan_change.c.number == number, plan_change.c.outcome.is_(None))
        .values(outcome=outcome, message=message, settled_at=now)
    )


def overtake_plan_change(connection: sa.Connection, uuid: str, number: int, *, now: datetime) -> None:
    """Note that Heroku has asked for another plan since: the same change asked for again is a new one."""
    change = plan_change.c.resource_uuid == uuid, plan_change.c.number == number
    connection.execute(sa.update(plan_change).where(*change).values(overtaken_at=now))


def drop_waiting_plan_changes(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """A resource that goes away takes its waiting plan changes with it."""
    connection.execute(
        sa.update(plan_change)
        .where(plan_change.c.resource_uuid == uuid, plan_change.c.outcome.is_(None))
        .values(outcome=PlanChangeOutcome.DROPPED, settled_at=now)
    )


def _read_change(row: sa.Row[Any]) -> PlanChangeRow:
    return PlanChangeRow(
        number=row.number,
        old_plan=row.old_plan,
        new_plan=row.new_plan,
        outcome=PlanChangeOutcome(row.outcome) if row.outcome else None,
        message=row.message,
        settled_at=row.settled_at,
        overtaken_at=row.overtaken_at,
    )
