"""A resource as the partner's hooks see it, out of the store."""

from typing import Any

import sqlalchemy as sa

from headrace.errors import UnknownResource
from headrace.hooks.arguments import Resource
from headrace.hooks.steps import StepBook
from headrace.models import Ref, read_stage
from headrace.store.state.placements import PlacementRow, find_current_placement
from headrace.store.state.resources import ResourceRow, find_resource
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.siblings import build_company


async def find_hook_resource(core: Core, uuid: str, *, steps: StepBook) -> Resource:
    """Return a resource as hooks see it, with the steps that they may do.

    Raises:
        UnknownResource: there is none.
    """
    row, placement = await core.database.read(load_resource, uuid)
    return Resource(**describe_resource(row, placement), _steps=steps, _company=build_company(core, uuid))


def load_resource(connection: sa.Connection, uuid: str) -> tuple[ResourceRow, PlacementRow | None]:
    """Return a resource, and where its app stands as far as we know."""
    row = find_resource(connection, uuid)
    if row is None:
        raise UnknownResource(uuid)
    return row, find_current_placement(connection, uuid)


def describe_resource(row: ResourceRow, placement: PlacementRow | None) -> dict[str, Any]:
    """Return the members that every hook's argument has."""
    return {
        "uuid": row.uuid,
        "name": row.name,
        "plan": row.plan,
        "region": row.region,
        "options": row.options,
        "app": Ref(id=row.app_id, name=row.app_name) if row.app_id else None,
        **describe_place(placement),
    }


def describe_place(placement: PlacementRow | None) -> dict[str, Any]:
    """Return pipeline and stage, or nothing where an app is in no pipeline, or nobody knows."""
    if placement is None or placement.pipeline_id is None or placement.stage is None:
        return {}
    return {
        "pipeline": Ref(id=placement.pipeline_id, name=placement.pipeline_name),
        "stage": read_stage(placement.stage),
    }
