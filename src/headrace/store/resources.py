"""Queries about resources, their plan changes and their timeline."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.imports import Imported
from headrace.protocol.partner import ProvisionRequest
from headrace.store.given import build_given, give
from headrace.store.schema import lifecycle_event, plan_change, resource
from headrace.store.upsert import insert_new, insert_new_of

ADD_EVENT = sa.insert(lifecycle_event)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangeRow:
    """One plan change; it waits while `outcome` is None. Outcomes: done, refused, failed, dropped."""

    number: int
    old_plan: str
    new_plan: str
    outcome: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of a resource's timeline."""

    at: datetime
    name: str
    detail: Mapping[str, Any]


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
    row = connection.execute(sa.select(resource).where(resource.c.uuid == uuid)).one_or_none()
    return None if row is None else _read(row)


def find_states(connection: sa.Connection, uuids: Collection[str]) -> dict[str, State]:
    """Return the state of each of these resources."""
    query = sa.select(resource.c.uuid, resource.c.state).where(resource.c.uuid.in_(uuids))
    return {uuid: State(state) for uuid, state in connection.execute(query)}


def lock_resource(connection: sa.Connection, uuid: str) -> ResourceRow | None:
    """Read a resource that this transaction is going to change; nobody else can until it ends."""
    query = sa.select(resource).where(resource.c.uuid == uuid).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def lock_resources(connection: sa.Connection, uuids: Collection[str]) -> dict[str, State]:
    """Lock resources that this transaction is going to change something of, and return their states.

    They are locked in one order, so that of two transactions with resources in common one waits for the other.
    """
    rows = give(connection, ({"uuid": uuid} for uuid in uuids))
    return {uuid: State(state) for uuid, state in connection.execute(_build_lock(connection.dialect.name), rows)}


@cache
def _build_lock(dialect: str) -> sa.Select[Any]:
    given = build_given(dialect, uuid=sa.Text())
    query = sa.select(resource.c.uuid, resource.c.state).where(resource.c.uuid.in_(sa.select(given.c.uuid)))
    return query.order_by(resource.c.uuid).with_for_update()


def update_resource(connection: sa.Connection, uuid: str, **changes: Any) -> None:
    connection.execute(sa.update(resource).where(resource.c.uuid == uuid).values(**changes))


def fail_resource(connection: sa.Connection, uuid: str, *, message: str | None, now: datetime) -> None:
    """End a resource that cannot be had; the plan changes that waited for it end with it."""
    update_resource(connection, uuid, state=State.FAILED, message=message)
    drop_waiting_plan_changes(connection, uuid, now=now)


def list_overdue(connection: sa.Connection, *, created_before: datetime, limit: int) -> list[str]:
    """Return the uuids of resources that have been provisioning for too long."""
    query = (
        sa.select(resource.c.uuid)
        .where(resource.c.state == State.PROVISIONING, resource.c.created_at <= created_before)
        .order_by(resource.c.created_at)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def list_running(connection: sa.Connection, *, after: str, limit: int) -> list[ResourceRow]:
    """Return resources with a workflow that runs or waits to, by uuid; the next page is what is `after` the last."""
    query = (
        sa.select(resource)
        .where(resource.c.running.is_not(None), resource.c.uuid > after)
        .order_by(resource.c.uuid)
        .limit(limit)
    )
    return [_read(row) for row in connection.execute(query)]


def add_plan_change(connection: sa.Connection, row: ResourceRow, *, new_plan: str, now: datetime) -> int:
    """Record a wanted plan change and return its number."""
    count = sa.select(sa.func.coalesce(sa.func.max(plan_change.c.number), 0)).where(
        plan_change.c.resource_uuid == row.uuid
    )
    number: int = connection.execute(count).scalar_one() + 1
    connection.execute(
        sa.insert(plan_change).values(
            resource_uuid=row.uuid, number=number, old_plan=row.plan, new_plan=new_plan, requested_at=now
        )
    )
    return number


def find_waiting_plan_change(connection: sa.Connection, uuid: str) -> PlanChangeRow | None:
    """The oldest plan change that is not settled: the next to be worked on."""
    query = (
        sa.select(plan_change)
        .where(plan_change.c.resource_uuid == uuid, plan_change.c.outcome.is_(None))
        .order_by(plan_change.c.number)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _read_change(row)


def find_last_plan_change(connection: sa.Connection, uuid: str) -> PlanChangeRow | None:
    query = (
        sa.select(plan_change).where(plan_change.c.resource_uuid == uuid).order_by(plan_change.c.number.desc()).limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _read_change(row)


def find_plan_change(connection: sa.Connection, uuid: str, number: int) -> PlanChangeRow:
    query = sa.select(plan_change).where(plan_change.c.resource_uuid == uuid, plan_change.c.number == number)
    return _read_change(connection.execute(query).one())


def settle_plan_change(
    connection: sa.Connection, uuid: str, number: int, *, outcome: str, message: str | None, now: datetime
) -> None:
    connection.execute(
        sa.update(plan_change)
        .where(plan_change.c.resource_uuid == uuid, plan_change.c.number == number, plan_change.c.outcome.is_(None))
        .values(outcome=outcome, message=message, settled_at=now)
    )


def drop_waiting_plan_changes(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """A resource that goes away takes its waiting plan changes with it."""
    connection.execute(
        sa.update(plan_change)
        .where(plan_change.c.resource_uuid == uuid, plan_change.c.outcome.is_(None))
        .values(outcome="dropped", settled_at=now)
    )


def add_event(connection: sa.Connection, uuid: str, name: str, *, now: datetime, **detail: Any) -> None:
    """Add a line to a resource's timeline. `detail` is shown to operators: no secret may stand in it."""
    connection.execute(ADD_EVENT, {"resource_uuid": uuid, "at": now, "name": name, "detail": detail})


def add_events(
    connection: sa.Connection, name: str, details: Mapping[str, Mapping[str, Any]], *, now: datetime
) -> None:
    """Add the same line to the timelines of resources, one or more; `details` has each one's own by its uuid."""
    rows = [{"resource_uuid": uuid, "at": now, "name": name, "detail": detail} for uuid, detail in details.items()]
    connection.execute(ADD_EVENT, rows)


def count_events(connection: sa.Connection, uuid: str, name: str) -> int:
    query = sa.select(sa.func.count()).where(lifecycle_event.c.resource_uuid == uuid, lifecycle_event.c.name == name)
    return int(connection.execute(query).scalar_one())


def find_last_event(connection: sa.Connection, uuid: str, names: Collection[str]) -> EventRow | None:
    """Return the latest line of a resource's timeline that has one of these names."""
    query = (
        sa.select(lifecycle_event)
        .where(lifecycle_event.c.resource_uuid == uuid, lifecycle_event.c.name.in_(names))
        .order_by(lifecycle_event.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else EventRow(at=row.at, name=row.name, detail=row.detail)


def list_events(connection: sa.Connection, uuid: str, *, names: Collection[str] | None = None) -> list[EventRow]:
    """Return a resource's timeline, oldest first: all of it, or the lines that have one of these names."""
    query = sa.select(lifecycle_event).where(lifecycle_event.c.resource_uuid == uuid).order_by(lifecycle_event.c.id)
    if names is not None:
        query = query.where(lifecycle_event.c.name.in_(names))
    return [EventRow(at=row.at, name=row.name, detail=row.detail) for row in connection.execute(query)]


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


def _read_change(row: sa.Row[Any]) -> PlanChangeRow:
    return PlanChangeRow(
        number=row.number, old_plan=row.old_plan, new_plan=row.new_plan, outcome=row.outcome, message=row.message
    )
