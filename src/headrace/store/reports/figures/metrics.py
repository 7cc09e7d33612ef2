"""Queries behind the metrics: counts of what is stored."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.figures.kept_count import count_now
from headrace.store.reports.figures.roll_up import (
    ALL,
    MILLISECONDS,
    PROVISION_BOUNDS,
    PROVISIONS,
    DayCount,
    FleetFigure,
    count_provisions,
    is_one_of,
)
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.tables.schema import placement, placement_check, resource
from headrace.store.state.due import find_longest_due
from headrace.store.state.notices import count_open_notices
from headrace.store.state.placements import LIVE

OTHER_STATES = [state for state in State if state is not State.PROVISIONED]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionTimes:
    """How long provisions took. `buckets` counts per upper bound in seconds, cumulated, as Prometheus wants it."""

    count: int
    sum_seconds: float
    buckets: dict[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What is provisioned now: resources by stage and plan, pipelines with one of them, and how long provisions took.

    At stage `none` are those in no pipeline, and at `unknown` those where Heroku did not tell.
    """

    by_stage_and_plan: dict[tuple[str, str], int]
    pipelines: int
    provision_times: ProvisionTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCounts:
    """What `/metrics` says of resources; `due_since` is when the look at a placement that waits longest was due."""

    by_state: dict[str, int]
    provisioned: Provisioned
    due_since: datetime | None
    open_notices: dict[str, int]
    running_workflows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCounts:
    """What `/metrics` says of the last looks at placements, of live resources.

    `oldest` is when Heroku answered about the placement that it answered about longest ago; `unchecked` counts those
    that it never did about. `by_outcome` counts what they found out, `failed` where Heroku did not answer, `never`
    where it was not asked.
    """

    oldest: datetime | None
    unchecked: int
    by_outcome: dict[str, int]


def load_fleet_counts(connection: sa.Connection, *, now: datetime) -> FleetCounts:
    """Count resources, by what is kept of them where something is: however many there are, few are read."""
    counts = count_now(connection, now)
    provisioned = count_provisioned(connection) if counts is None else _tell_provisioned(connection, counts)
    others = sa.select(resource.c.state, sa.func.count()).where(resource.c.state.in_(OTHER_STATES))
    running = sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None))
    there_are = sum(provisioned.by_stage_and_plan.values())
    return FleetCounts(
        by_state=_count(connection, others.group_by(resource.c.state))
        | ({State.PROVISIONED.value: there_are} if there_are else {}),
        provisioned=provisioned,
        due_since=find_longest_due(connection),
        open_notices=count_open_notices(connection),
        running_workflows=connection.execute(running).scalar_one(),
    )


def count_provisioned(connection: sa.Connection) -> Provisioned:
    """Count everything that is provisioned."""
    return Provisioned(
        by_stage_and_plan=_count_by_stage_and_plan(connection),
        pipelines=_count_pipelines(connection),
        provision_times=_read_times(count_provisions(connection)),
    )


def _tell_provisioned(connection: sa.Connection, counts: Iterable[DayCount]) -> Provisioned:
    """Return what is provisioned, of counts of all that is live: a few of these are about to go."""
    values = {(each.figure, each.stage, each.label): each.value for each in counts}
    by_stage_and_plan = Counter(
        {(stage, plan): value for (figure, stage, plan), value in values.items() if figure is FleetFigure.BY_PLAN}
    )
    leaving = connection.execute(_select_leaving(connection)).all()
    by_stage_and_plan.subtract((row.place, row.plan) for row in leaving)
    left = {row.pipeline_id for row in leaving} - {None}
    times = {label: value for (figure, _, label), value in values.items() if figure is FleetFigure.PROVISIONING}
    return Provisioned(
        # Of what changes between two statements nobody is counted less than not at all.
        by_stage_and_plan={kind: count for kind, count in by_stage_and_plan.items() if count > 0},
        pipelines=values.get((FleetFigure.PIPELINES, "", ALL), 0) - len(left) + _count_pipelines(connection, left),
        provision_times=_read_times(times),
    )


def _select_leaving(connection: sa.Connection) -> sa.Select[Any]:
    """The live resources that are being deprovisioned, or whose deprovision failed, with their places."""
    # By uuid: SQLite, which takes each state for as frequent as the others, would read the whole table for one.
    leaving = sa.select(resource.c.uuid).where(resource.c.state.in_((State.DEPROVISIONING, State.FAILED)))
    uuids = list(connection.execute(leaving).scalars())
    is_live = sa.and_(resource.c.provisioned_at.is_not(None), resource.c.deprovisioned_at.is_(None))
    return (
        sa.select(stage_of().label("place"), resource.c.plan, placement.c.pipeline_id)
        .select_from(resource)
        .outerjoin(placement, _is_its_place())
        .where(is_one_of(connection, resource.c.uuid, uuids), is_live)
    )


def _count_by_stage_and_plan(connection: sa.Connection) -> dict[tuple[str, str], int]:
    query = (
        sa.select(stage_of().label("place"), resource.c.plan, sa.func.count())
        .select_from(resource)
        .outerjoin(placement, _is_its_place())
        .where(resource.c.state == State.PROVISIONED)
        .group_by(sa.text("place"), resource.c.plan)
    )
    return {(stage, plan): count for stage, plan, count in connection.execute(query)}


def _count_pipelines(connection: sa.Connection, ids: Collection[str] | None = None) -> int:
    """How many pipelines have a resource that is provisioned, of all or of these."""
    query = (
        sa.select(sa.func.count(placement.c.pipeline_id.distinct()))
        .select_from(resource)
        .join(placement, _is_its_place())
        .where(resource.c.state == State.PROVISIONED)
    )
    if ids is not None:
        query = query.where(is_one_of(connection, placement.c.pipeline_id, ids))
    count: int = connection.execute(query).scalar_one()
    return count


def _read_times(counts: Mapping[str, int]) -> ProvisionTimes:
    return ProvisionTimes(
        count=counts.get(PROVISIONS, 0),
        sum_seconds=counts.get(MILLISECONDS, 0) / 1000,
        buckets={bound: counts.get(str(bound), 0) for bound in PROVISION_BOUNDS},
    )


def load_check_counts(connection: sa.Connection) -> CheckCounts:
    """Count the last looks: goes through those of all live resources, once."""
    is_asked = resource.c.is_synchronous.is_(False)
    is_checked = placement_check.c.checked_at.is_not(None)
    outcome = sa.case(
        (placement_check.c.resource_uuid.is_(None), sa.null()),
        (placement_check.c.error.is_not(None), "failed"),
        else_=sa.func.coalesce(placement_check.c.outcome, "never"),
    ).label("found_out")
    query = (
        sa.select(
            outcome,
            sa.func.count(),
            sa.func.min(sa.case((is_asked, placement_check.c.checked_at))),
            sa.func.sum(sa.case((sa.and_(is_asked, sa.not_(is_checked)), 1), else_=0)),
        )
        .select_from(resource)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .where(resource.c.state.in_(LIVE))
        .group_by(sa.text("found_out"))
    )
    rows = connection.execute(query).all()
    return CheckCounts(
        oldest=min((oldest for _, _, oldest, _ in rows if oldest is not None), default=None),
        unchecked=sum(unchecked for *_, unchecked in rows),
        by_outcome={found_out: count for found_out, count, _, _ in rows if found_out is not None},
    )


def _is_its_place() -> sa.ColumnElement[bool]:
    return sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None))


def _count(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, int]:
    return {str(row[0]): row[1] for row in connection.execute(query)}
