"""Resources as a partner's own code asks for them: by what they are, now or at a moment, in the order they were made.

At a moment, a resource has the state of its timeline then, the plan before the changes that came later, and the place
that Heroku had told by then. Its name is today's.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.tables.schema import (
    lifecycle_event,
    pipeline,
    placement,
    placement_check,
    plan_change,
    resource,
)
from headrace.store.state.timeline import TimelineName

# What a line of a timeline says of the state from then on; what was tried again says it in its detail.
STATES = {
    TimelineName.PROVISION_REQUESTED: State.PROVISIONING,
    TimelineName.PROVISION_DONE: State.PROVISIONED,
    TimelineName.PROVISION_RECONCILED: State.PROVISIONED,
    TimelineName.PROVISION_FAILED: State.FAILED,
    TimelineName.PROVISION_EXPIRED: State.FAILED,
    TimelineName.DEPROVISION_REQUESTED: State.DEPROVISIONING,
    TimelineName.DEPROVISION_RECONCILED: State.DEPROVISIONING,
    TimelineName.DEPROVISION_DONE: State.DEPROVISIONED,
    TimelineName.DEPROVISION_IMPORTED: State.DEPROVISIONED,
    TimelineName.DEPROVISION_FAILED: State.FAILED,
    TimelineName.OPERATOR_ABANDONED: State.DEPROVISIONED,
}
RETRIED = {"provision": State.PROVISIONING, "deprovision": State.DEPROVISIONING}


class MadeKey(NamedTuple):
    """Where a resource stands in the order in which they were made."""

    created_at: datetime
    uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which resources are wanted: whatever is empty or None wants all. Pipelines and apps go by id or by name.

    `made_after` is inclusive and `made_before` is not. With `as_of` everything is as it was then.
    """

    uuids: Collection[str] = ()
    names: Collection[str] = ()
    states: Collection[State] = ()
    plans: Collection[str] = ()
    regions: Collection[str] = ()
    stages: Collection[str] = ()
    pipelines: Collection[str] = ()
    apps: Collection[str] = ()
    made_after: datetime | None = None
    made_before: datetime | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """A resource as it is stored, at the moment that was asked for."""

    uuid: str
    name: str
    plan: str
    region: str
    options: dict[str, str]
    state: State
    app_id: str | None
    app_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    stage: str | None
    placed_at: datetime | None
    left_at: datetime | None
    checked_at: datetime | None
    created_at: datetime
    provisioned_at: datetime | None
    deprovisioned_at: datetime | None


def list_known(connection: sa.Connection, wanted: Wanted, *, after: MadeKey | None, limit: int) -> list[KnownRow]:
    """Return the resources that are wanted, in the order in which they were made, from behind a key on."""
    columns = _Columns(wanted.as_of)
    query = _select_page(wanted, columns, after=after, limit=limit)
    return [_read(row, as_of=wanted.as_of) for row in connection.execute(query)]


def list_known_states(
    connection: sa.Connection, wanted: Wanted, *, after: MadeKey | None, limit: int
) -> list[tuple[MadeKey, State]]:
    """Return the keys of the same resources, and their states, and nothing else of them."""
    columns = _Columns(wanted.as_of)
    query = _select_page(wanted, columns, after=after, limit=limit)
    of_state = query.with_only_columns(resource.c.created_at, resource.c.uuid, columns.state)
    return [(MadeKey(row[0], row[1]), State(row[2])) for row in connection.execute(of_state)]


def _select_page(wanted: Wanted, columns: "_Columns", *, after: MadeKey | None, limit: int) -> sa.Select[Any]:
    order = (resource.c.created_at, resource.c.uuid)
    query = columns.select().where(*_list_conditions(wanted, columns)).order_by(*order).limit(limit)
    return query if after is None else query.where(sa.tuple_(*order) > after)


class _Columns:
    """What of a resource depends on the moment."""

    def __init__(self, as_of: datetime | None) -> None:
        self.as_of = as_of
        self.state: sa.ColumnElement[Any] = resource.c.state if as_of is None else _state_at(as_of)
        self.plan: sa.ColumnElement[Any] = resource.c.plan if as_of is None else _plan_at(as_of)
        self.app_id: sa.ColumnElement[Any] = resource.c.app_id if as_of is None else placement.c.app_id
        self.app_name: sa.ColumnElement[Any] = resource.c.app_name if as_of is None else placement.c.app_name

    def select(self) -> sa.Select[Any]:
        is_place = placement.c.valid_to.is_(None) if self.as_of is None else placement.c.id == _place_at(self.as_of)
        same = (resource.c[name] for name in ("uuid", "name", "region", "options", "created_at", "provisioned_at"))
        return (
            sa.select(
                *same,
                resource.c.deprovisioned_at,
                self.state.label("state"),
                self.plan.label("plan"),
                self.app_id.label("app_id"),
                self.app_name.label("app_name"),
                *(placement.c.pipeline_id, pipeline.c.name.label("pipeline_name"), placement.c.stage),
                placement.c.valid_from.label("placed_at"),
                placement.c.valid_to.label("left_at"),
                placement_check.c.checked_at,
            )
            .select_from(resource)
            .outerjoin(placement, sa.and_(placement.c.resource_uuid == resource.c.uuid, is_place))
            .outerjoin(pipeline, pipeline.c.id == placement.c.pipeline_id)
            .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        )


def _list_conditions(wanted: Wanted, columns: _Columns) -> Iterable[sa.ColumnElement[bool]]:
    """The stage goes as the operators' list has it: `none` in no pipeline, `unknown` where Heroku did not tell."""
    either = (
        (wanted.uuids, (resource.c.uuid,)),
        (wanted.names, (resource.c.name,)),
        (wanted.states, (columns.state,)),
        (wanted.plans, (columns.plan,)),
        (wanted.regions, (resource.c.region,)),
        (wanted.stages, (stage_of(),)),
        (wanted.pipelines, (placement.c.pipeline_id, pipeline.c.name)),
        (wanted.apps, (columns.app_id, columns.app_name)),
    )
    for values, among in either:
        if values:
            yield sa.or_(*(column.in_(list(values)) for column in among))
    if wanted.made_after is not None:
        yield resource.c.created_at >= wanted.made_after
    if wanted.made_before is not None:
        yield resource.c.created_at < wanted.made_before
    if wanted.as_of is not None:
        yield resource.c.created_at <= wanted.as_of


def _place_at(moment: datetime) -> sa.ScalarSelect[Any]:
    """The place at a moment: from is inside, to is outside, and what took no time never holds."""
    place = placement.alias("place_then")
    until = place.c.valid_to
    holds = sa.and_(place.c.valid_from <= moment, sa.or_(until.is_(None), until > moment))
    query = sa.select(sa.func.max(place.c.id)).where(place.c.resource_uuid == resource.c.uuid, holds)
    return query.correlate(resource).scalar_subquery()


def _plan_at(moment: datetime) -> sa.ColumnElement[str]:
    """What a plan change was later is not what the plan was then."""
    is_later = sa.and_(plan_change.c.outcome == "done", plan_change.c.settled_at > moment)
    first_later = (
        sa.select(plan_change.c.old_plan)
        .where(plan_change.c.resource_uuid == resource.c.uuid, is_later)
        .order_by(plan_change.c.number)
        .limit(1)
        .correlate(resource)
        .scalar_subquery()
    )
    return sa.func.coalesce(first_later, resource.c.plan)


def _state_at(moment: datetime) -> sa.ColumnElement[str]:
    """What the last line of the timeline by then says; of what was imported, whose story began elsewhere, its dates."""
    names = [*STATES, TimelineName.OPERATOR_RETRIED]
    what = lifecycle_event.c.detail["what"].as_string()
    said = sa.case(
        *((lifecycle_event.c.name == name, state) for name, state in STATES.items()),
        *((what == what_was_tried, state) for what_was_tried, state in RETRIED.items()),
        else_=State.PROVISIONED,
    )
    last = (
        sa.select(said)
        .where(
            lifecycle_event.c.resource_uuid == resource.c.uuid,
            lifecycle_event.c.name.in_(names),
            lifecycle_event.c.at <= moment,
        )
        .order_by(lifecycle_event.c.id.desc())
        .limit(1)
        .correlate(resource)
        .scalar_subquery()
    )
    by_dates = sa.case(
        (resource.c.deprovisioned_at <= moment, State.DEPROVISIONED),
        (resource.c.provisioned_at <= moment, State.PROVISIONED),
        else_=State.PROVISIONING,
    )
    return sa.func.coalesce(last, by_dates)


def _read(row: sa.Row[Any], *, as_of: datetime | None) -> KnownRow:
    """What came after the moment was not known then."""
    values = {**row._mapping, "state": State(row.state)}  # noqa: SLF001
    if as_of is not None:
        dates = ("provisioned_at", "deprovisioned_at", "checked_at")
        values |= {name: None for name in dates if values[name] is not None and values[name] > as_of}
    return KnownRow(**values)
