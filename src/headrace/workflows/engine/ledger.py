"""The engine's own rows, as far as we touch them: what is enqueued, how far it is, who runs it, and what may go.

Those of steps are in `attempts`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.store.sql.place import ENGINE, read_place
from headrace.store.sql.rows import is_among, pass_rows, pass_texts, rows_as_table
from headrace.store.sql.upsert import insert_new_from
from headrace.workflows.engine.ids import read_subject


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
# Nothing of ours is ever delayed by the engine.
IN_FLIGHT = ("ENQUEUED", "PENDING")
# SQLite uses the engine's index of them for a query that has these very words.
IS_IN_FLIGHT = sa.text("status IN ('ENQUEUED', 'PENDING')")
MOST_COUNTED = 10_000


# The version of DBOS's tables that these queries are written for.
TABLES_VERSION = 125

METADATA = sa.MetaData(schema=ENGINE)


def name_table(name: str, *names: str, **typed: sa.types.TypeEngine[Any]) -> sa.Table:
    """Return a table of the engine's with the columns that are read or written here."""
    columns: list[sa.Column[Any]] = [
        *(sa.Column(each) for each in names),
        *(sa.Column(each, kind) for each, kind in typed.items()),
    ]
    return sa.Table(name, METADATA, *columns)


# What stands in neither of the first two when a workflow is enqueued has its default in the database.
workflow_status = name_table(
    "workflow_status",
    *("workflow_uuid", "name", "status", "executor_id", "owner_xid", "application_version", "queue_name"),
    *("priority", "created_at", "updated_at", "started_at_epoch_ms", "recovery_attempts", "application_name"),
    *("serialization", "deduplication_id", "completed_at"),
    attributes=sa.JSON(),
)
workflow_input = name_table("workflow_input", "workflow_uuid", "inputs")
dbos_migrations = name_table("dbos_migrations", "version")

# Ours among the attributes that the engine keeps of a workflow, and does not look at.
CARRIED = "headrace"
PUT_BACK = {"status": "ENQUEUED", "owner_xid": None, "started_at_epoch_ms": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A workflow that was taken from its queue, and the token of that one taking: another taking has another one.

    One that was never taken before has what it took over of the request that asked for it in `carried`.
    """

    workflow_id: str
    token: str | None
    carried: Mapping[str, Any] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """An unfinished workflow that this release cannot go on with."""

    workflow_id: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A workflow about a resource that runs or waits to."""

    workflow_id: str
    kind: str
    status: Status
    created_at: datetime
    started_at: datetime | None

    @property
    def resource_uuid(self) -> str:
        return read_subject(self.workflow_id)

    @property
    def key(self) -> tuple[datetime, str]:
        return (self.created_at, self.workflow_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How many workflows of a queue wait and run; no count exceeds `MOST_COUNTED` by more than one."""

    queue: str
    waiting: int
    running: int


def is_prepared(connection: sa.Connection) -> bool:
    """Whether there are tables of this version, or of a newer one."""
    place = read_place(connection)
    if not sa.inspect(connection).has_table(dbos_migrations.name, schema=None if place is None else place.engine):
        return False
    return (connection.execute(sa.select(dbos_migrations.c.version)).scalar() or 0) >= TABLES_VERSION


def enqueue(
    connection: sa.Connection,
    arguments: Mapping[str, tuple[str, Any]],
    *,
    kind: str,
    queue: str,
    version: str,
    application: str,
    carried: Mapping[str, Mapping[str, Any]],
) -> None:
    """Put workflows of a kind on a queue, each with its arguments and what it carries, unless they are there."""
    rows = pass_rows(
        connection,
        (
            {
                "workflow_uuid": workflow_id,
                "attributes": {CARRIED: carried[workflow_id]} if carried.get(workflow_id) else None,
                "inputs": msgspec.json.encode({"namedArgs": {}, "positionalArgs": each}).decode(),
            }
            for workflow_id, each in arguments.items()
        ),
    )
    same = {"kind": kind, "queue": queue, "version": version, "application": application}
    for statement in _build_enqueue(connection.dialect.name):
        connection.execute(statement, rows | same)


_FIND_ATTRIBUTES = sa.select(workflow_status.c.attributes).where(workflow_status.c.workflow_uuid == sa.bindparam("id"))


def find_carried(connection: sa.Connection, workflow_id: str) -> Mapping[str, Any]:
    """Return what a workflow took over of the request that asked for it."""
    return read_carried(connection.execute(_FIND_ATTRIBUTES, {"id": workflow_id}).scalar())


def read_carried(attributes: object) -> Mapping[str, Any]:
    """Find among the attributes of a workflow what it took over."""
    carried = attributes.get(CARRIED) if isinstance(attributes, dict) else None
    return carried if isinstance(carried, dict) else {}


def find_statuses(connection: sa.Connection, workflow_ids: Collection[str]) -> dict[str, Status]:
    found = connection.execute(_build_find_statuses(connection.dialect.name), pass_texts(connection, workflow_ids))
    return {row.workflow_uuid: _STATUSES[row.status] for row in found}


@cache
def _build_find_statuses(dialect: str) -> sa.Select[tuple[str, str]]:
    rows = workflow_status
    return sa.select(rows.c.workflow_uuid, rows.c.status).where(is_among(rows.c.workflow_uuid, dialect))


def list_unfinished(
    connection: sa.Connection,
    *,
    queues: Collection[str],
    after: tuple[datetime, str] | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[Unfinished]:
    """Return what runs or waits to in these queues, what has waited longest first.

    `after` a key, or, of what is `before` one, the last ones.
    """
    rows, is_back = workflow_status, before is not None
    # By id: one that is taken between the looks at what waits and at what runs is found by both, and runs.
    found: dict[str, Unfinished] = {}
    for queue in queues:
        for status in IN_FLIGHT:
            query = (
                sa.select(rows)
                .where(IS_IN_FLIGHT, rows.c.queue_name == queue, rows.c.status == status, rows.c.priority == 0)
                .order_by(rows.c.created_at.desc() if is_back else rows.c.created_at)
                # Those of one millisecond are put in order below: more than are shown would have to be of it.
                .limit(2 * limit)
            )
            if after is not None:
                query = query.where(rows.c.created_at >= spell_moment(after[0]))
            if before is not None:
                query = query.where(rows.c.created_at <= spell_moment(before[0]))
            found |= {row.workflow_uuid: _read_unfinished(row) for row in connection.execute(query)}
    in_order = sorted(found.values(), key=lambda each: each.key)
    asked = [each for each in in_order if (after is None or each.key > after) and (before is None or each.key < before)]
    return asked[-limit:] if is_back else asked[:limit]


def measure_queue(connection: sa.Connection, queue: str) -> Depth:
    rows = workflow_status
    counts = []
    for status in IN_FLIGHT:
        few = sa.select(rows.c.status).where(IS_IN_FLIGHT, rows.c.queue_name == queue, rows.c.status == status)
        counted = sa.select(sa.func.count()).select_from(few.limit(MOST_COUNTED + 1).subquery())
        counts.append(connection.execute(counted).scalar_one())
    return Depth(queue=queue, waiting=counts[0], running=counts[1])


def list_begun(connection: sa.Connection, *, worker: str, version: str) -> tuple[list[Claim], list[str]]:
    """Return what a worker has taken and not done, and which others, living or not, have such work of a version."""
    found = connection.execute(_LIST_BEGUN, {"worker": worker, "version": version}).all()
    claims = [Claim(workflow_id=row[1], token=row[2]) for row in found if row[1] is not None]
    return claims, [row[0] for row in found if row[1] is None]


def requeue(connection: sa.Connection, claims: Collection[Claim], *, worker: str) -> int:
    """Put claims of a worker back on the queue, as the engine does at a recovery; return how many there were."""
    rows = workflow_status
    is_claimed = sa.tuple_(rows.c.workflow_uuid, rows.c.owner_xid).in_(
        [(each.workflow_id, each.token) for each in claims]
    )
    return connection.execute(sa.update(rows).where(_is_begun_by(rows, worker), is_claimed).values(PUT_BACK)).rowcount


def requeue_all(connection: sa.Connection, *, worker: str, version: str) -> int:
    """Put whatever of this version a worker has begun back on the queue; return how much there was.

    One statement, before this process takes anything under the worker's id: what is taken later is never among it.
    """
    rows = workflow_status
    query = sa.update(rows).where(_is_begun_by(rows, worker), rows.c.application_version == version)
    return connection.execute(query.values(PUT_BACK)).rowcount


def find_standing(connection: sa.Connection, claims: Collection[Claim]) -> set[Claim]:
    """Return those of these claims that still stand, and go on to stand until this transaction ends, if there is one.

    Somebody else has the workflows of the others by now.
    """
    options = connection.get_execution_options()
    # Where each statement commits by itself, a lock would be gone at once, and costs a wait for the disk all the same.
    has_transaction = options.get("isolation_level") != "AUTOCOMMIT"
    schema = options.get("schema_translate_map", {}).get(ENGINE)
    quoted = None if schema is None else connection.dialect.identifier_preparer.quote(schema)
    look = _spell_look(connection.dialect.name, quoted, is_held=has_transaction)
    ids = [claim.workflow_id for claim in claims]
    asked = msgspec.json.encode(ids).decode() if connection.dialect.name == "sqlite" else ids
    found = {(workflow_id, token) for workflow_id, token in connection.exec_driver_sql(look, (asked,))}
    return {claim for claim in claims if (claim.workflow_id, claim.token) in found}


def adopt(connection: sa.Connection, *, versions: Collection[str], version: str) -> int:
    """Let what older versions left unfinished count as this version's; return how many there were."""
    rows = workflow_status
    is_theirs = sa.and_(rows.c.status.in_(UNFINISHED), rows.c.application_version.in_(versions))
    return connection.execute(sa.update(rows).where(is_theirs).values(application_version=version)).rowcount


def find_firsts(connection: sa.Connection, *, queues: Collection[str], version: str) -> dict[str, str]:
    """Return, of these queues from which something is to be taken, the id of the workflow that is taken next."""
    query = _build_find_firsts(tuple(queues))
    rows = connection.execute(query, {"version": version})
    return {queue: workflow_id for queue, workflow_id in rows if workflow_id is not None}


def list_stranded(connection: sa.Connection, *, version: str, limit: int) -> list[Stranded]:
    """Return what another version left unfinished, the oldest first."""
    rows = workflow_status
    query = (
        sa.select(rows.c.workflow_uuid, rows.c.application_version)
        .where(rows.c.status.in_(UNFINISHED), rows.c.application_version != version)
        .order_by(rows.c.created_at)
        .limit(limit)
    )
    return [Stranded(workflow_id=row[0], version=row[1]) for row in connection.execute(query)]


def delete_finished(connection: sa.Connection, *, before: datetime, limit: int, kind: str | None = None) -> int:
    """Delete finished workflows that have not changed since, all or those of a kind; their steps go with them."""
    rows = workflow_status
    moment = spell_moment(before)
    old = (
        sa.select(rows.c.workflow_uuid)
        .where(rows.c.status.in_(FINISHED), rows.c.created_at < moment, rows.c.updated_at < moment)
        .limit(limit)
    )
    if kind is not None:
        old = old.where(rows.c.name == kind)
    return connection.execute(sa.delete(rows).where(rows.c.workflow_uuid.in_(old.scalar_subquery()))).rowcount


def _read_unfinished(row: sa.Row[Any]) -> Unfinished:
    return Unfinished(
        workflow_id=row.workflow_uuid,
        kind=row.name,
        status=_STATUSES[row.status],
        created_at=read_moment(row.created_at),
        started_at=read_moment(row.started_at_epoch_ms) if row.started_at_epoch_ms else None,
    )


def read_moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def spell_moment(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@cache
def _spell_look(dialect: str, schema: str | None, *, is_held: bool) -> str:
    """Return how the tokens of claims are asked for: as text, since it is asked several times in a run."""
    table = "workflow_status" if schema is None else f"{schema}.workflow_status"
    among = "IN (SELECT value FROM json_each(?))" if dialect == "sqlite" else "= ANY(%s)"
    # Not even a takeover may come between this and the commit. SQLite, which allows one writer, has no such lock.
    lock = " ORDER BY workflow_uuid FOR NO KEY UPDATE" if is_held and dialect != "sqlite" else ""
    return f"SELECT workflow_uuid, owner_xid FROM {table} WHERE workflow_uuid {among}{lock}"  # noqa: S608 - all ours


@cache
def _build_enqueue(dialect: str) -> list[sa.Insert]:
    """Return the inserts of workflows and of their inputs, of rows that are given as a table."""
    rows = rows_as_table(dialect, workflow_uuid=sa.Text(), attributes=sa.JSON(), inputs=sa.Text()).c
    same: dict[str, sa.ColumnElement[Any]] = {
        "name": sa.bindparam("kind", type_=sa.Text()),
        "status": sa.literal("ENQUEUED"),
        "queue_name": sa.bindparam("queue", type_=sa.Text()),
        "priority": sa.literal(0),
        "recovery_attempts": sa.literal(0),
        "application_version": sa.bindparam("version", type_=sa.Text()),
        "application_name": sa.bindparam("application", type_=sa.Text()),
        "serialization": sa.literal("portable_json"),
    }
    # Where there are none the engine's own client writes a null of JSON's; SQLite reads that as one of its own.
    attributes = sa.func.coalesce(rows.attributes, sa.literal(sa.JSON.NULL, sa.JSON()))
    status = {"workflow_uuid": rows.workflow_uuid, "attributes": attributes}
    inputs = {"workflow_uuid": rows.workflow_uuid, "inputs": rows.inputs}
    return [
        insert_new_from(dialect, workflow_status, status | same, key="workflow_uuid"),
        insert_new_from(dialect, workflow_input, inputs, key="workflow_uuid"),
    ]


@cache
def _build_find_firsts(queues: tuple[str, ...]) -> sa.CompoundSelect[Any]:
    rows = workflow_status
    waiting = sa.select(rows.c.workflow_uuid).where(
        IS_IN_FLIGHT, rows.c.status == "ENQUEUED", rows.c.application_version == sa.bindparam("version")
    )
    first = waiting.order_by(rows.c.priority, rows.c.created_at).limit(1)
    found = ((queue, first.where(rows.c.queue_name == queue).scalar_subquery()) for queue in queues)
    return sa.union_all(*(sa.select(sa.literal(queue), each) for queue, each in found))


def _is_begun_by(rows: sa.Table, worker: str | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    return sa.and_(rows.c.status == "PENDING", rows.c.executor_id == worker)


def _build_list_begun() -> sa.CompoundSelect[Any]:
    rows = workflow_status
    me: sa.BindParameter[str] = sa.bindparam("worker")
    others = sa.and_(rows.c.executor_id != me, rows.c.application_version == sa.bindparam("version"))
    return sa.union_all(
        sa.select(rows.c.executor_id, rows.c.workflow_uuid, rows.c.owner_xid).where(_is_begun_by(rows, me)),
        sa.select(rows.c.executor_id, sa.null(), sa.null()).where(rows.c.status == "PENDING", others).distinct(),
    )


_LIST_BEGUN = _build_list_begun()
