"""Queries about jobs: a change of config for each of many resources, how far they are, and what failed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.tables.schema import config_change, config_job, resource
from headrace.store.state.config.batches import is_provisioned, waits_for_batch
from headrace.store.state.config.changes import ConfigChangeKind, ConfigChangeOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigJobRow:
    """A job; it rests while `stopped_at` is set."""

    id: str
    kind: ConfigChangeKind
    names: tuple[str, ...]
    ordered_by: str
    created_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCount:
    """How many changes of a job wait, or are under way, and what became of the others."""

    waiting: int = 0
    done: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedChange:
    """A resource of which a job's change failed: at which step, and the kind of error."""

    uuid: str
    name: str
    step: str
    reason: str


def add_config_job(
    connection: sa.Connection,
    job_id: str,
    *,
    kind: ConfigChangeKind,
    names: Collection[str],
    ordered_by: str,
    now: datetime,
) -> None:
    """Record a job, without any change yet."""
    values = {"id": job_id, "kind": kind, "names": sorted(names), "ordered_by": ordered_by, "created_at": now}
    connection.execute(sa.insert(config_job).values(values))


def find_config_job(connection: sa.Connection, job_id: str) -> ConfigJobRow | None:
    row = connection.execute(sa.select(config_job).where(config_job.c.id == job_id)).one_or_none()
    return None if row is None else _read(row)


def list_config_jobs(connection: sa.Connection, *, limit: int) -> list[ConfigJobRow]:
    """Return the latest jobs, the newest first."""
    order = (config_job.c.created_at.desc(), config_job.c.id.desc())
    return [_read(row) for row in connection.execute(sa.select(config_job).order_by(*order).limit(limit))]


def count_config_job(connection: sa.Connection, job_id: str) -> JobCount:
    outcome = config_change.c.outcome
    query = sa.select(outcome, sa.func.count()).where(config_change.c.job_id == job_id).group_by(outcome)
    return JobCount(**{row[0] or "waiting": row[1] for row in connection.execute(query)})


def list_failed_changes(connection: sa.Connection, job_id: str, *, after: str = "", limit: int) -> list[FailedChange]:
    """Return the changes of a job that failed, by uuid; the next page is what is `after` the last."""
    query = (
        sa.select(resource.c.uuid, resource.c.name, config_change.c.step, config_change.c.reason)
        .join(resource, resource.c.uuid == config_change.c.resource_uuid)
        .where(
            config_change.c.job_id == job_id,
            config_change.c.outcome == ConfigChangeOutcome.FAILED,
            config_change.c.resource_uuid > after,
        )
        .order_by(config_change.c.resource_uuid)
        .limit(limit)
    )
    return [FailedChange(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def hold_config_job(connection: sa.Connection, job_id: str, *, now: datetime) -> None:
    """Let what waits of a job rest; what is under way goes on."""
    connection.execute(sa.update(config_job).where(config_job.c.id == job_id).values(stopped_at=now))
    _hold(connection, job_id, is_held=True)


def release_config_job(connection: sa.Connection, job_id: str) -> None:
    """Let what rests of a job begin."""
    connection.execute(sa.update(config_job).where(config_job.c.id == job_id).values(stopped_at=None))
    _hold(connection, job_id, is_held=False)


def look_ahead(connection: sa.Connection) -> tuple[datetime | None, bool]:
    """Return when a change's time comes next, or has come, and whether any of a job waits, or is under way."""
    next_time, is_any = connection.execute(_LOOK_AHEAD).one()
    return next_time, bool(is_any)


def count_under_way(connection: sa.Connection) -> int:
    """Return how many resources with a change of a job that waits have a workflow, and are in no batch."""
    query = _waiting(sa.func.count()).where(resource.c.running.is_not(None), sa.not_(waits_for_batch()))
    return int(connection.execute(query).scalar_one())


def list_to_begin(connection: sa.Connection, *, limit: int) -> list[str]:
    """Return resources whose change of a job may begin, but for those that wait for a batch."""
    is_free = sa.and_(resource.c.running.is_(None), is_provisioned())
    may_begin = sa.and_(is_free, sa.not_(waits_for_batch()))
    query = _waiting(config_change.c.resource_uuid).where(may_begin).order_by(config_change.c.resource_uuid)
    return list(dict.fromkeys(connection.execute(query.limit(limit)).scalars()))


def _waiting(what: Any) -> sa.Select[Any]:
    """SQLite uses the index of what waits for a query that has its very words."""
    joined = sa.select(what).select_from(config_change)
    return joined.join(resource, resource.c.uuid == config_change.c.resource_uuid).where(*_waits())


def _waits() -> tuple[sa.ColumnElement[bool], ...]:
    is_of_job = config_change.c.job_id.is_not(None)
    return config_change.c.outcome.is_(None), is_of_job, sa.not_(config_change.c.is_held)


_NEXT_TIME = sa.select(sa.func.min(config_change.c.waits_until)).where(config_change.c.waits_until.is_not(None))
_IS_ANY_WAITING = sa.exists(sa.select(1).select_from(config_change).where(*_waits()))
_LOOK_AHEAD = sa.select(_NEXT_TIME.scalar_subquery(), _IS_ANY_WAITING)


def _hold(connection: sa.Connection, job_id: str, *, is_held: bool) -> None:
    waits = sa.and_(config_change.c.job_id == job_id, config_change.c.outcome.is_(None))
    # In the order in which a batch writes them: else the two may each have what the other waits for.
    uuids = sa.select(config_change.c.resource_uuid).where(waits).order_by(config_change.c.resource_uuid)
    waiting = uuids.with_for_update().cte("waiting", nesting=True)
    is_waiting = config_change.c.resource_uuid.in_(sa.select(waiting.c.resource_uuid))
    connection.execute(sa.update(config_change).where(waits, is_waiting).values(is_held=is_held))


def _read(row: sa.Row[Any]) -> ConfigJobRow:
    return ConfigJobRow(**{**row._mapping, "kind": ConfigChangeKind(row.kind), "names": tuple(row.names)})  # noqa: SLF001
