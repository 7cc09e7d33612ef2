"""Queries behind `headrace reconcile`: every resource that Heroku may have something to say about."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.reconciliation import Known
from headrace.store.sql.rows import pass_rows, rows_as_table
from headrace.store.sql.tables.schema import plan_change, resource, secret
from headrace.store.state.secrets import TOKEN
from headrace.store.state.timeline import TimelineName, find_last_event

PAGE = 1000
# The step of a provision before which nothing is asked of Heroku or of the hook.
BEFORE_THE_HOOK = "exchange_grant"


def list_known(connection: sa.Connection, *, after: str) -> list[Known]:
    """Return resources that are not deprovisioned, by uuid; the next page is what is `after` the last one."""
    query = (
        _select()
        .where(resource.c.uuid > after, resource.c.state != State.DEPROVISIONED)
        .order_by(resource.c.uuid)
        .limit(PAGE)
    )
    return [_read(connection, row) for row in connection.execute(query).all()]


def find_known(connection: sa.Connection, uuids: Collection[str]) -> list[Known]:
    """Return those of these resources that are here, in whatever state."""
    rows = rows_as_table(connection.dialect.name, uuid=sa.Text())
    query = _select().where(resource.c.uuid.in_(sa.select(rows.c.uuid)))
    found = connection.execute(query, pass_rows(connection, ({"uuid": uuid} for uuid in uuids))).all()
    return [_read(connection, row) for row in found]


def _select() -> sa.Select[Any]:
    last = plan_change.alias("last")
    number = sa.select(sa.func.max(plan_change.c.number)).where(plan_change.c.resource_uuid == resource.c.uuid)
    is_last = sa.and_(last.c.resource_uuid == resource.c.uuid, last.c.number == number.scalar_subquery())
    has_token = sa.exists().where(secret.c.resource_uuid == resource.c.uuid, secret.c.kind == TOKEN)
    wanted = sa.case((last.c.outcome.is_(None), last.c.new_plan))
    return sa.select(
        resource.c.uuid,
        resource.c.name,
        resource.c.state,
        resource.c.plan,
        sa.func.coalesce(wanted, resource.c.plan).label("wanted_plan"),
        sa.func.coalesce(last.c.settled_at, last.c.requested_at).label("changed_at"),
        has_token.label("has_token"),
    ).select_from(resource.outerjoin(last, is_last))


def _read(connection: sa.Connection, row: sa.Row[Any]) -> Known:
    state = State(row.state)
    return Known(
        uuid=row.uuid,
        name=row.name,
        state=state,
        plan=row.plan,
        wanted_plan=row.wanted_plan,
        changed_at=row.changed_at,
        is_unfinished=(state is State.PROVISIONING and not row.has_token) or _failed_early(connection, row.uuid, state),
    )


def _failed_early(connection: sa.Connection, uuid: str, state: State) -> bool:
    if state is not State.FAILED:
        return False
    ending = find_last_event(connection, uuid, [TimelineName.PROVISION_FAILED, TimelineName.PROVISION_EXPIRED])
    return ending is not None and ending.detail.get("step") == BEFORE_THE_HOOK
