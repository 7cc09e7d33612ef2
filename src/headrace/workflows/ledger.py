"""The engine's own rows, as far as we look at them: how far workflows are, who runs them, and which may go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa


class Status(StrEnum):
    """How far a workflow is."""

    ENQUEUED = "enqueued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


_STATUSES = {
    "ENQUEUED": Status.ENQUEUED,
    "DELAYED": Status.ENQUEUED,
    "PENDING": Status.RUNNING,
    "SUCCESS": Status.DONE,
    "ERROR": Status.FAILED,
    "CANCELLED": Status.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": Status.FAILED,
}
UNFINISHED = [name for name, status in _STATUSES.items() if status in (Status.ENQUEUED, Status.RUNNING)]
FINISHED = [name for name in _STATUSES if name not in UNFINISHED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """An unfinished workflow that this release cannot go on with."""

    workflow_id: str
    version: str


def find_statuses(connection: sa.Connection, workflow_ids: Collection[str]) -> dict[str, Status]:
    rows = _rows(connection)
    query = sa.select(rows.c.workflow_uuid, rows.c.status).where(rows.c.workflow_uuid.in_(workflow_ids))
    return {row.workflow_uuid: _STATUSES[row.status] for row in connection.execute(query)}


def list_pending_workers(connection: sa.Connection, *, version: str) -> list[str]:
    """Return the ids of workers, living or not, that have begun what is not done."""
    rows = _rows(connection)
    query = (
        sa.select(rows.c.executor_id)
        .where(rows.c.status == "PENDING", rows.c.application_version == version, rows.c.executor_id.is_not(None))
        .distinct()
    )
    return list(connection.execute(query).scalars())


def list_pending(connection: sa.Connection, *, worker: str) -> list[str]:
    """Return the ids of the workflows that a worker has begun and not done."""
    rows = _rows(connection)
    query = sa.select(rows.c.workflow_uuid).where(rows.c.status == "PENDING", rows.c.executor_id == worker)
    return list(connection.execute(query).scalars())


def requeue(connection: sa.Connection, workflow_ids: Collection[str], *, worker: str) -> int:
    """Put what a worker has begun back on the queue, as the engine does at a recovery; return how many there were."""
    rows = _rows(connection)
    is_begun = sa.and_(rows.c.status == "PENDING", rows.c.executor_id == worker)
    query = sa.update(rows).where(is_begun, rows.c.workflow_uuid.in_(workflow_ids))
    return connection.execute(query.values(status="ENQUEUED", owner_xid=None, started_at_epoch_ms=None)).rowcount


def adopt(connection: sa.Connection, *, versions: Collection[str], version: str) -> int:
    """Let what older versions left unfinished count as this version's; return how many there were."""
    rows = _rows(connection)
    is_theirs = sa.and_(rows.c.status.in_(UNFINISHED), rows.c.application_version.in_(versions))
    return connection.execute(sa.update(rows).where(is_theirs).values(application_version=version)).rowcount


def find_first(connection: sa.Connection, *, queue: str, version: str) -> str | None:
    """Return the id of the workflow that is taken next from a queue."""
    rows = _rows(connection)
    query = (
        sa.select(rows.c.workflow_uuid)
        .where(rows.c.queue_name == queue, rows.c.status == "ENQUEUED", rows.c.application_version == version)
        .order_by(rows.c.priority, rows.c.created_at)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def list_stranded(connection: sa.Connection, *, version: str, limit: int) -> list[Stranded]:
    """Return what another version left unfinished, the oldest first."""
    rows = _rows(connection)
    query = (
        sa.select(rows.c.workflow_uuid, rows.c.application_version)
        .where(rows.c.status.in_(UNFINISHED), rows.c.application_version != version)
        .order_by(rows.c.created_at)
        .limit(limit)
    )
    return [Stranded(workflow_id=row[0], version=row[1]) for row in connection.execute(query)]


def delete_finished(connection: sa.Connection, *, before: datetime, limit: int, kind: str | None = None) -> int:
    """Delete finished workflows that have not changed since, all or those of a kind; their steps go with them."""
    rows = _rows(connection)
    moment = int(before.timestamp() * 1000)
    old = (
        sa.select(rows.c.workflow_uuid)
        .where(rows.c.status.in_(FINISHED), rows.c.created_at < moment, rows.c.updated_at < moment)
        .limit(limit)
    )
    if kind is not None:
        old = old.where(rows.c.name == kind)
    return connection.execute(sa.delete(rows).where(rows.c.workflow_uuid.in_(old.scalar_subquery()))).rowcount


def _rows(connection: sa.Connection) -> sa.TableClause:
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name)
        for name in (
            *("workflow_uuid", "name", "status", "executor_id", "owner_xid", "application_version"),
            *("created_at", "updated_at", "started_at_epoch_ms", "queue_name", "priority"),
        )
    ]
    return sa.table("workflow_status", *columns, schema=None if connection.dialect.name == "sqlite" else "dbos")
