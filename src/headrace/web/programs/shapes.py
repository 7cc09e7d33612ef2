"""What the API tells of a resource, in every answer alike."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from headrace.hooks.arguments import KnownResource
from headrace.models import State
from headrace.store.state.placements import PlacementRow


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time that a resource's app spent in one place; without a pipeline it was in none.

    `valid_to` null means that it is there now.
    """

    app_id: str
    app: str | None
    pipeline_id: str | None
    pipeline: str | None
    stage: str | None
    valid_from: datetime
    valid_to: datetime | None


class ResourceShape(msgspec.Struct, frozen=True, kw_only=True):
    """A resource, and where it was at the moment that was asked about; null where that is not known.

    `checked_at` is when Heroku last told where it is.
    """

    uuid: str
    name: str
    plan: str
    region: str
    options: Mapping[str, str]
    state: State
    created_at: datetime
    provisioned_at: datetime | None
    deprovisioned_at: datetime | None
    checked_at: datetime | None
    placement: Place | None


def describe_place(place: PlacementRow) -> Place:
    return Place(
        app_id=place.app_id,
        app=place.app_name,
        pipeline_id=place.pipeline_id,
        pipeline=place.pipeline_name,
        stage=place.stage,
        valid_from=place.valid_from,
        valid_to=place.valid_to,
    )


def describe_resources(resources: Iterable[KnownResource]) -> list[ResourceShape]:
    return [_describe(each) for each in resources]


def _describe(known: KnownResource) -> ResourceShape:
    return ResourceShape(
        uuid=known.uuid,
        name=known.name,
        plan=known.plan,
        region=known.region,
        options=known.options,
        state=known.state,
        created_at=known.created_at,
        provisioned_at=known.provisioned_at,
        deprovisioned_at=known.deprovisioned_at,
        checked_at=known.checked_at,
        placement=_place(known),
    )


def _place(known: KnownResource) -> Place | None:
    if known.app is None or known.placed_at is None:
        return None
    pipeline = known.pipeline
    return Place(
        app_id=known.app.id,
        app=known.app.name,
        pipeline_id=pipeline.id if pipeline else None,
        pipeline=pipeline.name if pipeline else None,
        stage=known.stage,
        valid_from=known.placed_at,
        valid_to=known.left_at,
    )
