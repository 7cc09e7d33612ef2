"""Queries about changes of a job that are told to Heroku together: each statement is about the whole of a batch.

A batch is a workflow, and the running one of each of its resources: so nothing else of them is under way meanwhile.
Only a change that sets the same values in many places, and of which Heroku was not told yet, is told so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.rows import pass_rows, pass_uuids, rows_as_table
from headrace.store.sql.tables.columns import Moment
from headrace.store.sql.tables.schema import config_change, plan_change, resource
from headrace.store.state.config.changes import ConfigChangeKind, ConfigChangeOutcome, ConfigChangeRow, may_begin


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedChange:
    """What of a batch is to be told still; `is_first` where Heroku cannot have been told of it before."""

    uuid: str
    number: int
    is_first: bool


def is_for_batch(change: ConfigChangeRow) -> bool:
    """Whether a change waits for a batch, and for no workflow of its own."""
    return change.kind is ConfigChangeKind.SET and change.job_id is not None and change.tried_at is None


def waits_for_batch() -> sa.ColumnElement[bool]:
    """The same as a condition."""
    is_first = config_change.c.tried_at.is_(None)
    return sa.and_(config_change.c.kind == ConfigChangeKind.SET, config_change.c.job_id.is_not(None), is_first)


def is_provisioned() -> sa.ColumnElement[bool]:
    """Said so that SQLite does not begin with all resources that are: for a state it has an index, and no numbers."""
    return resource.c.state.not_in([state for state in State if state is not State.PROVISIONED])


def claim_config_batch(connection: sa.Connection, batch: str, *, after: str = "", limit: int) -> dict[str, int]:
    """Make a batch the running workflow of resources that have none and wait for one; return their changes' numbers.

    They are taken by uuid, from behind `after`. Workers on PostgreSQL skip what another one is claiming.
    """
    claim = _build_claim(connection.dialect.name)
    while rows := connection.execute(_build_claimable(), {"b_after": after, "b_limit": limit}).all():
        numbers = {row.resource_uuid: row.number for row in rows}
        claimed = connection.execute(claim, pass_uuids(numbers) | {"b_batch": batch}).scalars().all()
        if claimed:
            return {uuid: numbers[uuid] for uuid in sorted(claimed)}
        after = rows[-1].resource_uuid
    return {}


def count_config_batches(connection: sa.Connection, *, prefix: str) -> int:
    """Return how many workflows whose ids begin so have resources now."""
    return int(connection.execute(_COUNT, {"b_prefix": f"{prefix}%"}).scalar_one())


def begin_telling(
    connection: sa.Connection, batch: str, numbers: Mapping[str, int], *, now: datetime
) -> list[BatchedChange]:
    """Note of changes that from now on Heroku may have been told; return those that are to be told.

    What is settled is not, nor what its resource's state, or another workflow that has it by now, rules out.
    """
    rows = pass_rows(connection, ({"uuid": uuid, "number": number} for uuid, number in numbers.items()))
    found = connection.execute(_build_load(connection.dialect.name), rows | {"b_batch": batch}).all()
    changes = [BatchedChange(uuid=row.resource_uuid, number=row.number, is_first=row.tried_at is None) for row in found]
    if firsts := {each.uuid: each.number for each in changes if each.is_first}:
        _note_tried(connection, firsts, now)
    return changes


def forget_tried(connection: sa.Connection, numbers: Mapping[str, int]) -> None:
    """Note of changes that Heroku has not been told of them after all."""
    if numbers:
        _note_tried(connection, numbers, None)


def settle_done(connection: sa.Connection, numbers: Mapping[str, int], *, now: datetime) -> set[str]:
    """Record that changes are done, unless it is known what became of them; return the uuids where it was not."""
    if not numbers:
        return set()
    rows = pass_rows(connection, ({"uuid": uuid, "number": number} for uuid, number in numbers.items()))
    return set(connection.execute(_build_settle(connection.dialect.name), rows | {"b_now": now}).scalars())


def list_with_more_due(connection: sa.Connection, batch: str, uuids: Iterable[str]) -> list[str]:
    """Return those of a batch's resources that have something else to do than wait for the next batch."""
    more_due = _build_more_due(connection.dialect.name)
    return list(connection.execute(more_due, pass_uuids(uuids) | {"b_batch": batch}).scalars())


def release_config_batch(connection: sa.Connection, batch: str, uuids: Iterable[str]) -> None:
    """Let nothing run of a batch's resources, but for what has come to run by now."""
    release = _build_release(connection.dialect.name)
    connection.execute(release, pass_uuids(uuids) | {"b_batch": batch})


def _note_tried(connection: sa.Connection, numbers: Mapping[str, int], at: datetime | None) -> None:
    rows = pass_rows(connection, ({"uuid": uuid, "number": number} for uuid, number in numbers.items()))
    connection.execute(_build_note_tried(connection.dialect.name), rows | {"b_at": at})


# Built once: building a statement costs about as much as running it.
_COUNT = sa.select(sa.func.count(resource.c.running.distinct())).where(
    resource.c.running.is_not(None), resource.c.running.like(sa.bindparam("b_prefix"))
)


@cache
def _build_claimable() -> sa.Select[Any]:
    """Where nothing runs, nothing waits but changes of jobs: whatever else is due was started when it came."""
    older = config_change.alias("older")
    is_older_waiting = sa.exists().where(
        older.c.resource_uuid == config_change.c.resource_uuid,
        older.c.number < config_change.c.number,
        *may_begin(older),
    )
    return (
        sa.select(config_change.c.resource_uuid, config_change.c.number)
        .where(
            *may_begin(),
            waits_for_batch(),
            config_change.c.resource_uuid > sa.bindparam("b_after"),
            # Asked one by one: a join might begin at all the resources there are.
            sa.select(_is_free()).where(resource.c.uuid == config_change.c.resource_uuid).scalar_subquery(),
            sa.not_(is_older_waiting),
        )
        .order_by(config_change.c.resource_uuid)
        .limit(sa.bindparam("b_limit", type_=sa.Integer()))
    )


@cache
def _build_claim(dialect: str) -> Any:
    rows = rows_as_table(dialect, uuid=sa.Text())
    query = sa.select(resource.c.uuid).where(resource.c.uuid.in_(sa.select(rows.c.uuid)), _is_free())
    # Named, and where it is used, as that of placements: see `store.state.due`.
    chosen = query.order_by(resource.c.uuid).with_for_update(skip_locked=True).cte("chosen", nesting=True)
    claimed = sa.update(resource).where(resource.c.uuid.in_(sa.select(chosen.c.uuid)))
    return claimed.values(running=sa.bindparam("b_batch"), ordered=None).returning(resource.c.uuid)


def _is_free() -> sa.ColumnElement[bool]:
    return sa.and_(resource.c.running.is_(None), is_provisioned())


@cache
def _build_load(dialect: str) -> sa.Select[Any]:
    rows = rows_as_table(dialect, uuid=sa.Text(), number=sa.Integer())
    return (
        sa.select(config_change.c.resource_uuid, config_change.c.number, config_change.c.tried_at)
        .select_from(rows)
        .join(config_change, sa.and_(*_is_of(rows)))
        .join(resource, resource.c.uuid == config_change.c.resource_uuid)
        .where(
            config_change.c.outcome.is_(None),
            resource.c.running == sa.bindparam("b_batch"),
            is_provisioned(),
        )
        .order_by(config_change.c.resource_uuid)
    )


@cache
def _build_note_tried(dialect: str) -> sa.Update:
    rows = rows_as_table(dialect, uuid=sa.Text(), number=sa.Integer())
    return sa.update(config_change).where(*_is_of(rows)).values(tried_at=sa.bindparam("b_at", type_=Moment()))


@cache
def _build_settle(dialect: str) -> Any:
    rows = rows_as_table(dialect, uuid=sa.Text(), number=sa.Integer())
    return (
        sa.update(config_change)
        .where(*_is_of(rows), config_change.c.outcome.is_(None))
        .values(outcome=ConfigChangeOutcome.DONE, settled_at=sa.bindparam("b_now", type_=Moment()))
        .returning(config_change.c.resource_uuid)
    )


@cache
def _build_more_due(dialect: str) -> sa.Select[Any]:
    is_plan_waiting = sa.exists().where(plan_change.c.resource_uuid == resource.c.uuid, plan_change.c.outcome.is_(None))
    is_config_waiting = sa.exists().where(
        config_change.c.resource_uuid == resource.c.uuid, *may_begin(), sa.not_(waits_for_batch())
    )
    is_more_due = sa.or_(resource.c.state != State.PROVISIONED, is_plan_waiting, is_config_waiting)
    return sa.select(resource.c.uuid).where(_is_in_batch(dialect), is_more_due).order_by(resource.c.uuid)


@cache
def _build_release(dialect: str) -> sa.Update:
    return sa.update(resource).where(_is_in_batch(dialect)).values(running=None, ordered=None)


def _is_in_batch(dialect: str) -> sa.ColumnElement[bool]:
    rows = rows_as_table(dialect, uuid=sa.Text())
    return sa.and_(resource.c.uuid.in_(sa.select(rows.c.uuid)), resource.c.running == sa.bindparam("b_batch"))


def _is_of(rows: sa.FromClause) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return config_change.c.resource_uuid == rows.c.uuid, config_change.c.number == rows.c.number
