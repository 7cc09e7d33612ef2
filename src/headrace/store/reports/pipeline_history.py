"""Queries behind the comparison of a pipeline's stages: where resources have been, and which plans they had."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from headrace.store.sql.tables.schema import placement, plan_change
from headrace.store.state.plan_changes import PlanChangeOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of time that a resource's app stood in one place; `ended_at` None means now."""

    pipeline_id: str | None
    stage: str | None
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """A change of plan that was made."""

    old: str
    new: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Of one resource, its places and its changes of plan, the oldest first."""

    stretches: list[Stretch] = field(default_factory=list)
    plans: list[PlanStep] = field(default_factory=list)


def load_pasts(connection: sa.Connection, uuids: Collection[str]) -> dict[str, Past]:
    """Return the past of each of these resources."""
    pasts = {uuid: Past() for uuid in uuids}
    places = sa.select(placement).where(placement.c.resource_uuid.in_(pasts)).order_by(placement.c.id)
    for row in connection.execute(places):
        stretch = Stretch(pipeline_id=row.pipeline_id, stage=row.stage, began_at=row.valid_from, ended_at=row.valid_to)
        pasts[row.resource_uuid].stretches.append(stretch)
    changes = (
        sa.select(plan_change)
        .where(plan_change.c.resource_uuid.in_(pasts), plan_change.c.outcome == PlanChangeOutcome.DONE)
        .order_by(plan_change.c.number)
    )
    for row in connection.execute(changes):
        if row.settled_at is not None:
            pasts[row.resource_uuid].plans.append(PlanStep(old=row.old_plan, new=row.new_plan, at=row.settled_at))
    return pasts
