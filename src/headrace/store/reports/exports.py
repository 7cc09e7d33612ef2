"""What can be exported: one query each, without any secret, read row by row from one moment's view of the store."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from headrace.models import Stage
from headrace.store.reports.figures.roll_up import FleetFigure, select_moves
from headrace.store.sql.database import let_idle
from headrace.store.sql.tables.counted import day_count
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    placement_check,
    resource,
)

BATCH = 1_000


@contextmanager
def reading(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[sa.CursorResult[Any]]:
    """Yield a result whose rows are read as they are asked for, however many there are."""
    let_idle(connection)
    with connection.execution_options(yield_per=BATCH).execute(query) as result:
        yield result


def select_resources(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Every resource there ever was, with its current place and the last inspection of it."""
    return (
        sa.select(
            *(resource.c[name] for name in ("uuid", "name", "plan", "region", "state", "app_id", "app_name")),
            placement.c.pipeline_id,
            pipeline.c.name.label("pipeline_name"),
            placement.c.stage,
            placement.c.valid_from.label("placed_at"),
            placement_check.c.outcome,
            placement_check.c.checked_at,
            *(resource.c[name] for name in ("created_at", "provisioned_at", "deprovisioned_at")),
        )
        .select_from(resource)
        .outerjoin(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None)))
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .order_by(resource.c.uuid)
    )


def select_placements(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Every place that a resource's app has been in, and from when to when."""
    return (
        sa.select(
            *(placement.c[name] for name in ("resource_uuid", "app_id", "app_name", "pipeline_id")),
            pipeline.c.name.label("pipeline_name"),
            *(placement.c[name] for name in ("stage", "valid_from", "valid_to", "coupled_at")),
        )
        .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .order_by(placement.c.id)
    )


def select_all_moves(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Every change of place, with the place before and the place after."""
    before, moves = select_moves()
    return moves.with_only_columns(
        placement.c.valid_from.label("moved_at"),
        *(placement.c[name] for name in ("resource_uuid", "app_id", "app_name")),
        before.c.pipeline_id.label("from_pipeline_id"),
        before.c.stage.label("from_stage"),
        placement.c.pipeline_id.label("to_pipeline_id"),
        placement.c.stage.label("to_stage"),
    ).order_by(placement.c.id)


def select_stage_mix(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Live resources by stage, at the end of each day."""
    return (
        sa.select(day_count.c.day, day_count.c.stage, day_count.c.value.label("resources"))
        .where(day_count.c.figure == FleetFigure.BY_STAGE)
        .order_by(day_count.c.day, day_count.c.stage)
    )


def select_figures(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Everything that was counted, day by day."""
    return sa.select(day_count).order_by(day_count.c.day, day_count.c.figure, day_count.c.stage, day_count.c.label)


def select_production_on_small_plan(small_plans: Collection[str]) -> sa.Select[Any]:
    """Live resources in production on a plan that is small for it, those that have been there longest first."""
    return (
        sa.select(
            *(resource.c[name] for name in ("uuid", "name", "plan", "region", "app_id", "app_name")),
            placement.c.pipeline_id,
            pipeline.c.name.label("pipeline_name"),
            placement.c.valid_from.label("in_production_since"),
        )
        .join(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None)))
        .join(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .where(
            resource.c.provisioned_at.is_not(None),
            resource.c.deprovisioned_at.is_(None),
            placement.c.stage == Stage.PRODUCTION,
            resource.c.plan.in_(small_plans),
        )
        .order_by(placement.c.valid_from, resource.c.uuid)
    )


def select_one_ended_pipelines(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Pipelines with live resources at staging and none at production, or the other way round."""
    counts = {
        stage: sa.func.count().filter(placement.c.stage == stage).label(str(stage))
        for stage in (Stage.STAGING, Stage.PRODUCTION)
    }
    has_staging, has_production = (count > 0 for count in counts.values())
    return (
        sa.select(
            placement.c.pipeline_id,
            pipeline.c.name.label("pipeline_name"),
            sa.func.count().label("resources"),
            *counts.values(),
        )
        .select_from(resource)
        .join(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None)))
        .join(pipeline, pipeline.c.id == placement.c.pipeline_id)
        .where(resource.c.provisioned_at.is_not(None), resource.c.deprovisioned_at.is_(None))
        .group_by(placement.c.pipeline_id, pipeline.c.name)
        .having(sa.or_(sa.and_(has_staging, sa.not_(has_production)), sa.and_(has_production, sa.not_(has_staging))))
        .order_by(placement.c.pipeline_id)
    )


def select_pipelines(_small_plans: Collection[str]) -> sa.Select[Any]:
    """Every pipeline in which something stands now, and how much stands at each of Heroku's stages."""
    at_stages = (sa.func.count().filter(placement.c.stage == stage).label(str(stage)) for stage in Stage)
    counts = (
        sa.select(placement.c.pipeline_id, sa.func.count().label("resources"), *at_stages)
        .where(placement.c.valid_to.is_(None), placement.c.pipeline_id.is_not(None))
        .group_by(placement.c.pipeline_id)
        .subquery()
    )
    return (
        sa.select(pipeline.c.id.label("pipeline_id"), pipeline.c.name.label("pipeline_name"))
        .add_columns(
            pipeline.c.owner_id, pipeline.c.owner_type, *(each for each in counts.c if each.key != "pipeline_id")
        )
        .join(counts, counts.c.pipeline_id == pipeline.c.id)
        .order_by(pipeline.c.name, pipeline.c.id)
    )


def select_of_resource(what: str, uuid: str) -> sa.Select[Any]:
    """Return the export of placements or of moves, of one resource alone."""
    return EXPORTS[what](()).where(placement.c.resource_uuid == uuid)


EXPORTS: Mapping[str, Callable[[Collection[str]], sa.Select[Any]]] = {
    "resources": select_resources,
    "placements": select_placements,
    "moves": select_all_moves,
    "pipelines": select_pipelines,
    "stage-mix": select_stage_mix,
    "figures": select_figures,
    "production-on-small-plan": select_production_on_small_plan,
    "one-ended-pipelines": select_one_ended_pipelines,
}
