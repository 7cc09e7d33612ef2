"""Since when each provisioned resource has been what it is now: its place, and its plan."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    plan_change,
    resource,
)


class Placed(NamedTuple):
    """A provisioned resource as it is now; `since` is when the last of it began.

    `stage` is `none` where Heroku said "in no pipeline", and `unknown` where it told nothing.
    """

    uuid: str
    app_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    stage: str
    plan: str
    since: datetime


def load_placed(connection: sa.Connection, *, limit: int) -> tuple[list[Placed], int]:
    """Return the provisioned resources that were asked for first, and how many there are besides."""
    provisioned = resource.c.state == State.PROVISIONED
    there_are = connection.execute(sa.select(sa.func.count()).select_from(resource).where(provisioned)).scalar_one()
    query = _select_placed().where(provisioned)
    if there_are > limit:
        # The same are left out from one time to the next: a series that comes and goes is worse than none.
        query = query.order_by(resource.c.created_at, resource.c.uuid).limit(limit)
    found = [_read(row) for row in connection.execute(query).all()]
    return found, max(there_are - len(found), 0)


def _select_placed() -> sa.Select[Any]:
    changed = (
        sa.select(plan_change.c.resource_uuid, sa.func.max(plan_change.c.settled_at).label("at"))
        .where(plan_change.c.outcome == "done")
        .group_by(plan_change.c.resource_uuid)
        .subquery()
    )
    is_its_place = sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None))
    return (
        sa.select(
            resource.c.uuid,
            sa.func.coalesce(placement.c.app_name, resource.c.app_name),
            placement.c.pipeline_id,
            pipeline.c.name,
            stage_of(),
            resource.c.plan,
            sa.func.coalesce(resource.c.provisioned_at, resource.c.created_at),
            placement.c.valid_from,
            changed.c.at,
        )
        .select_from(resource)
        .outerjoin(placement, is_its_place)
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .outerjoin(changed, changed.c.resource_uuid == resource.c.uuid)
    )


def _read(row: Sequence[Any]) -> Placed:
    *labels, provisioned_at, placed_at, changed_at = row
    since = placed_at or provisioned_at
    return Placed._make((*labels, since if changed_at is None else max(since, changed_at)))
