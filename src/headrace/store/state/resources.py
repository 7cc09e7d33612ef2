"""Queries about resources, and about what an operator orders of a workflow that waits for its next attempt."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.import_lines import Imported
from headrace.protocol.partner import ProvisionRequest
from headrace.store.sql.rows import pass_uuids, select_uuids
from headrace.store.sql.tables.schema import resource
from headrace.store.sql.upsert import insert_new, insert_new_of
from headrace.store.state.config.changes import drop_waiting_config_changes
from headrace.store.state.people.access import forget_people
from headrace.store.state.people.share_links import revoke_share_links
from headrace.store.state.plan_changes import drop_waiting_plan_changes

# Built once: building a statement costs about as much as running it.
_FIND = sa.select(resource).where(resource.c.uuid == sa.bindparam("uuid"))
_LOCK = _FIND.with_for_update()
_FIND_STATE = sa.select(resource.c.state).where(resource.c.uuid == sa.bindparam("uuid"))

_FIND_ORDERED = sa.select(resource.c.ordered).where(resource.c.uuid == sa.bindparam("uuid"))
_SAVE_ORDERED = (
    sa.update(resource).where(resource.c.uuid == sa.bindparam("key")).values(ordered=sa.bindparam("ordered"))
)
_LIST_ORDERED = sa.select(resource.c.ordered).where(resource.c.ordered.is_not(None)).limit(sa.bindparam("most"))


class AttemptOrderKind(StrEnum):
    """What becomes of the next attempt."""

    # It is made at once.
    TRY_NOW = "try-now"
    # There is none.
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOrder:
    """An order about a workflow, at a step of which so many `attempts` had failed when it was given."""

    kind: AttemptOrderKind
    workflow: str
    step: str
    attempts: int

    def is_to_give_up(self, step: str) -> bool:
        """Whether a step is to be given up: however often it was tried since."""
        return self.kind is AttemptOrderKind.GIVE_UP and self.step == step

    def is_to_try_now(self, step: str, *, attempts: int) -> bool:
        """Whether the next attempt at a step is to be made at once: the one that was meant, and no later one."""
        return self.kind is AttemptOrderKind.TRY_NOW and (self.step, self.attempts) == (step, attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """One resource as it is stored."""

    uuid: str
    name: str
    plan: str
    requested_plan: str
    region: str
    options: Mapping[str, str]
    callback_url: str
    state: State
    message: str | None
    is_synchronous: bool
    running: str | None
    workflow_count: int
    ordered: Mapping[str, Any] | None
    app_id: str | None
    app_name: str | None
    created_at: datetime
    provisioned_at: datetime | None
    deprovisioned_at: datetime | None
    imported_at: datetime | None

    def was_requested_by(self, request: ProvisionRequest) -> bool:
        """Whether a provision request with this uuid repeats the one that made this resource."""
        return (self.requested_plan, self.region, dict(self.options)) == (
            request.plan,
            request.region,
            dict(request.options),
        )


def insert_resources(connection: sa.Connection, requests: Mapping[str, ProvisionRequest], *, now: datetime) -> set[str]:
    """Store what is requested, each with the id of the workflow that is going to provision it.

    Returns the uuids of those that are new: what was there already is as it was.
    """
    # In one order, so that of two processes with requests in common one waits for the other.
    in_order = sorted(requests.items(), key=lambda item: item[1].uuid)
    return insert_new_of(connection, resource, [_spell(request, running, now) for running, request in in_order])


def insert_imported(connection: sa.Connection, imported: Imported, *, now: datetime) -> None:
    """Store a resource that another provider has provisioned."""
    is_gone = imported.state is State.DEPROVISIONED
    created_at = imported.created_at or now
    values = {
        "uuid": imported.uuid,
        "name": imported.name,
        "plan": imported.plan,
        "requested_plan": imported.plan,
        "region": imported.region,
        "options": {},
        "callback_url": "",
        "state": imported.state,
        "is_synchronous": False,
        "workflow_count": 0,
        "app_id": imported.app.id if imported.app else None,
        "app_name": imported.app.name if imported.app else None,
        "created_at": created_at,
        "provisioned_at": created_at,
        "deprovisioned_at": now if is_gone else None,
        "imported_at": now,
    }
    insert_new(connection, resource, values)


def find_resource(connection: sa.Connection, uuid: str) -> ResourceRow | None:
    row = connection.execute(_FIND, {"uuid": uuid}).one_or_none()
    return None if row is None else _read(row)


def find_resources(connection: sa.Connection, uuids: Collection[str]) -> dict[str, ResourceRow]:
    found = connection.execute(_build_find(connection.dialect.name), pass_uuids(uuids))
    return {row.uuid: _read(row) for row in found}


def find_state(connection: sa.Connection, uuid: str) -> State | None:
    state = connection.execute(_FIND_STATE, {"uuid": uuid}).scalar_one_or_none()
    return None if state is None else State(state)


def find_states(connection: sa.Connection, uuids: Collection[str]) -> dict[str, State]:
    """Return the state of each of these resources."""
    query = sa.select(resource.c.uuid, resource.c.state).where(resource.c.uuid.in_(uuids))
    return {uuid: State(state) for uuid, state in connection.execute(query)}


def lock_resource(connection: sa.Connection, uuid: str) -> ResourceRow | None:
    """Read a resource that this transaction is going to change; nobody else can until it ends."""
    row = connection.execute(_LOCK, {"uuid": uuid}).one_or_none()
    return None if row is None else _read(row)


def lock_rows(connection: sa.Connection, uuids: Collection[str]) -> dict[str, ResourceRow]:
    """Do the same for many, which are locked in one order, as by `lock_resources`."""
    locked = connection.execute(_build_lock_rows(connection.dialect.name), pass_uuids(uuids))
    return {row.uuid: _read(row) for row in locked}


def lock_resources(connection: sa.Connection, uuids: Collection[str]) -> dict[str, State]:
    """Lock resources that this transaction is going to change something of, and return their states.

    They are locked in one order, so that of two transactions with resources in common one waits for the other.
    """
    locked = connection.execute(_build_lock(connection.dialect.name), pass_uuids(uuids))
    return {uuid: State(state) for uuid, state in locked}


def hold_resources(connection: sa.Connection, uuids: Collection[str]) -> None:
    """Do the same for who need not know the states. On SQLite whoever writes has all of them already."""
    dialect = connection.dialect.name
    if dialect != "sqlite":
        connection.execute(_build_hold(dialect), pass_uuids(uuids))


@cache
def _build_find(dialect: str) -> sa.Select[Any]:
    return sa.select(resource).where(resource.c.uuid.in_(select_uuids(dialect)))


@cache
def _build_lock_rows(dialect: str) -> sa.Select[Any]:
    return _build_find(dialect).order_by(resource.c.uuid).with_for_update()


@cache
def _build_lock(dialect: str) -> sa.Select[Any]:
    query = sa.select(resource.c.uuid, resource.c.state).where(resource.c.uuid.in_(select_uuids(dialect)))
    return query.order_by(resource.c.uuid).with_for_update()


@cache
def _build_hold(dialect: str) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(_build_lock(dialect).subquery())


def update_resource(connection: sa.Connection, uuid: str, **changes: Any) -> None:
    connection.execute(_build_update(tuple(changes)), {"key": uuid, **changes})


def update_resources(connection: sa.Connection, uuids: Collection[str], **changes: Any) -> None:
    """Change the same of resources, of which there may be none."""
    if uuids:
        statement = _build_update_all(connection.dialect.name, tuple(changes))
        connection.execute(statement, pass_uuids(uuids) | changes)


@cache
def _build_update(names: tuple[str, ...]) -> sa.Update:
    of_one = sa.update(resource).where(resource.c.uuid == sa.bindparam("key"))
    return of_one.values({name: sa.bindparam(name) for name in names})


@cache
def _build_lock_ordered(dialect: str) -> sa.Select[Any]:
    of_many = sa.select(resource.c.uuid, resource.c.ordered).where(resource.c.uuid.in_(select_uuids(dialect)))
    # In one order: who locks some of the same then waits, and does not meet this head on.
    return of_many.order_by(resource.c.uuid).with_for_update()


@cache
def _build_update_all(dialect: str, names: tuple[str, ...]) -> sa.Update:
    of_many = sa.update(resource).where(resource.c.uuid.in_(select_uuids(dialect)))
    return of_many.values({name: sa.bindparam(name) for name in names})


def remove_resource(connection: sa.Connection, row: ResourceRow, *, now: datetime) -> None:
    """Note that a resource is gone, and forget what it told of people: what they typed, who saw its app, who shared it.

    Its name and its places stay: of them the fleet's figures are made.
    """
    update_resource(connection, row.uuid, state=State.DEPROVISIONED, deprovisioned_at=now, options={})
    drop_waiting_config_changes(connection, row.uuid, now=now)
    revoke_share_links(connection, row.uuid)
    if row.app_id is not None:
        forget_people(connection, row.app_id)


def forget_options(connection: sa.Connection, *, limit: int) -> int:
    """Forget what customers typed of resources that were gone before that was forgotten; return of how many."""
    is_left = sa.cast(resource.c.options, sa.Text) != "{}"
    some = sa.select(resource.c.uuid).where(resource.c.state == State.DEPROVISIONED, is_left).limit(limit)
    return connection.execute(sa.update(resource).where(resource.c.uuid.in_(some)).values(options={})).rowcount


def fail_resource(connection: sa.Connection, uuid: str, *, message: str | None, now: datetime) -> None:
    """End a resource that cannot be had; what waited for it ends with it."""
    update_resource(connection, uuid, state=State.FAILED, message=message)
    drop_waiting_plan_changes(connection, uuid, now=now)
    drop_waiting_config_changes(connection, uuid, now=now)


def list_overdue(connection: sa.Connection, *, created_before: datetime, limit: int) -> list[str]:
    """Return the uuids of resources that have been provisioning for too long."""
    query = (
        sa.select(resource.c.uuid)
        .where(resource.c.state == State.PROVISIONING, resource.c.created_at <= created_before)
        .order_by(resource.c.created_at)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def list_running(connection: sa.Connection, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Return resources with a workflow that runs or waits to, by uuid, each with its workflow's id.

    The next page is what is `after` the last.
    """
    return [(uuid, running) for uuid, running in connection.execute(_LIST_RUNNING, {"after": after, "limit": limit})]


_LIST_RUNNING = (
    sa.select(resource.c.uuid, resource.c.running)
    .where(resource.c.running.is_not(None), resource.c.uuid > sa.bindparam("after"))
    .order_by(resource.c.uuid)
    .limit(sa.bindparam("limit"))
)


def save_attempt_order(connection: sa.Connection, uuid: str, order: AttemptOrder) -> None:
    """Give an order, in place of one that was given before."""
    connection.execute(_SAVE_ORDERED, {"key": uuid, "ordered": asdict(order)})


def find_attempt_order(connection: sa.Connection, uuid: str, workflow: str) -> AttemptOrder | None:
    """Return the order about a workflow of a resource that has not been heeded yet."""
    return read_attempt_order(connection.execute(_FIND_ORDERED, {"uuid": uuid}).scalar(), workflow)


def take_attempt_order(connection: sa.Connection, uuid: str, workflow: str) -> AttemptOrder | None:
    """Do the same, and have it count as heeded."""
    return take_attempt_orders(connection, {workflow: uuid}).get(workflow)


def take_attempt_orders(connection: sa.Connection, workflows: Mapping[str, str]) -> dict[str, AttemptOrder]:
    """Do the same for workflows, one or more, each with its resource's uuid; return the orders by workflow."""
    given = pass_uuids(set(workflows.values()))
    rows = connection.execute(_build_lock_ordered(connection.dialect.name), given)
    ordered = {row.uuid: row.ordered for row in rows}
    found = {each: read_attempt_order(ordered.get(uuid), each) for each, uuid in workflows.items()}
    orders = {each: order for each, order in found.items() if order is not None}
    for each in orders:
        connection.execute(_SAVE_ORDERED, {"key": workflows[each], "ordered": None})
    return orders


def list_ordered_workflows(connection: sa.Connection, *, limit: int) -> list[str]:
    """Return the workflows about which there are orders that have not been heeded."""
    return [str(row["workflow"]) for row in connection.execute(_LIST_ORDERED, {"most": limit}).scalars()]


def read_attempt_order(ordered: Mapping[str, Any] | None, workflow: str) -> AttemptOrder | None:
    """Return what stands with a resource, if it is about this workflow."""
    if ordered is None or ordered["workflow"] != workflow:
        return None
    return AttemptOrder(**{**ordered, "kind": AttemptOrderKind(ordered["kind"])})


def _spell(request: ProvisionRequest, running: str, now: datetime) -> dict[str, Any]:
    return {
        "uuid": request.uuid,
        "name": request.name or request.uuid,
        "plan": request.plan,
        "requested_plan": request.plan,
        "region": request.region,
        "options": dict(request.options),
        "callback_url": request.callback_url,
        "state": State.PROVISIONING,
        "is_synchronous": request.grant is None,
        "running": running,
        "workflow_count": 1,
        "created_at": now,
    }


def _read(row: sa.Row[Any]) -> ResourceRow:
    return ResourceRow(**{**row._mapping, "state": State(row.state)})  # noqa: SLF001
