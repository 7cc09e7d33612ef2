"""Resources that were lost, and those that stand in production on a plan that is small for it, longest there first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from headrace.models import PASSING
from headrace.store.reports.exports import select_production_on_small_plan
from headrace.store.reports.figures.roll_up import is_last_place_before
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.tables.schema import pipeline, placement, resource


@dataclass(frozen=True, slots=True, kw_only=True)
class LostResource:
    """A resource that was deprovisioned, and the last place that Heroku told of it."""

    uuid: str
    app_name: str | None
    plan: str
    stage: str
    pipeline_id: str | None
    pipeline_name: str | None
    provisioned_at: datetime
    deprovisioned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallProduction:
    """A resource in production on a small plan, since when, and whose: the pipeline and the kind of its owner."""

    uuid: str
    app_name: str | None
    plan: str
    pipeline_id: str | None
    pipeline_name: str | None
    owner_type: str | None
    owner_id: str | None
    in_production_since: datetime


def list_lost(connection: sa.Connection, *, since: datetime, until: datetime, limit: int) -> list[LostResource]:
    """Return lasting resources that were deprovisioned in that time, those that had been there longest first.

    Reads the moments of all resources, and the last places of those that went.
    """
    gone = resource.c.deprovisioned_at
    query = (
        sa.select(
            resource.c.uuid,
            sa.func.coalesce(placement.c.app_name, resource.c.app_name).label("app_name"),
            resource.c.plan,
            stage_of().label("stage"),
            placement.c.pipeline_id,
            pipeline.c.name.label("pipeline_name"),
            resource.c.provisioned_at,
            resource.c.deprovisioned_at,
        )
        .select_from(resource)
        .outerjoin(placement, is_last_place_before(until))
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .where(resource.c.provisioned_at.is_not(None), gone >= since, gone < until, stage_of().not_in(PASSING))
        .order_by(resource.c.provisioned_at, resource.c.uuid)
        .limit(limit)
    )
    return [LostResource(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def list_small_production(
    connection: sa.Connection, small_plans: Collection[str], *, limit: int
) -> list[SmallProduction]:
    """Return live resources in production on a small plan as they are now, the longest there first.

    Reads what stands at production by its index, up to the last one that is shown.
    """
    query = select_production_on_small_plan(small_plans).add_columns(pipeline.c.owner_type, pipeline.c.owner_id)
    names = SmallProduction.__slots__
    rows = connection.execute(query.limit(limit))
    return [SmallProduction(**{name: row._mapping[name] for name in names}) for row in rows]  # noqa: SLF001
