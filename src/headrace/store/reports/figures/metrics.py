"""Queries behind the metrics: counts of what is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.store.reports.figures.stages import stage_of
from headrace.store.sql.moments import seconds_between
from headrace.store.sql.tables.schema import placement, placement_check, resource
from headrace.store.state.due import find_longest_due
from headrace.store.state.notices import count_open_notices
from headrace.store.state.placements import LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionTimes:
    """How long provisions took. `buckets` counts per upper bound in seconds, cumulated, as Prometheus wants it."""

    count: int
    sum_seconds: float
    buckets: dict[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCounts:
    """What `/metrics` says of the store.

    `by_stage_and_plan` counts provisioned resources, at stage `none` those in no pipeline and at `unknown` where
    Heroku did not tell. `by_outcome` counts the last inspections of live resources: what they found out, `failed`
    where Heroku did not answer, `never` where it was not asked. `oldest_check` is when Heroku answered about the
    placement that it answered about longest ago, `due_since` when the one that waits longest was due.
    """

    by_state: dict[str, int]
    by_stage_and_plan: dict[tuple[str, str], int]
    pipelines: int
    oldest_check: datetime | None
    unchecked: int
    by_outcome: dict[str, int]
    due_since: datetime | None
    provision_times: ProvisionTimes
    open_notices: dict[str, int]
    running_workflows: int


def load_fleet_counts(connection: sa.Connection, *, buckets: Sequence[float]) -> FleetCounts:
    oldest_check, unchecked = _find_oldest_check(connection)
    running = sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None))
    return FleetCounts(
        by_state=_count(connection, sa.select(resource.c.state, sa.func.count()).group_by(resource.c.state)),
        by_stage_and_plan=_count_by_stage_and_plan(connection),
        pipelines=_count_pipelines(connection),
        oldest_check=oldest_check,
        unchecked=unchecked,
        by_outcome=_count_outcomes(connection),
        due_since=find_longest_due(connection),
        provision_times=_load_provision_times(connection, buckets),
        open_notices=count_open_notices(connection),
        running_workflows=connection.execute(running).scalar_one(),
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


def _count_pipelines(connection: sa.Connection) -> int:
    query = (
        sa.select(sa.func.count(placement.c.pipeline_id.distinct()))
        .select_from(resource)
        .join(placement, _is_its_place())
        .where(resource.c.state == State.PROVISIONED)
    )
    count: int = connection.execute(query).scalar_one()
    return count


def _is_its_place() -> sa.ColumnElement[bool]:
    return sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None))


def _find_oldest_check(connection: sa.Connection) -> tuple[datetime | None, int]:
    """Return when Heroku answered longest ago, and about how many it never did."""
    query = (
        sa.select(
            sa.func.min(placement_check.c.checked_at), sa.func.count().filter(placement_check.c.checked_at.is_(None))
        )
        .select_from(resource)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .where(resource.c.state.in_(LIVE), resource.c.is_synchronous.is_(False))
    )
    oldest, unchecked = connection.execute(query).one()
    return oldest, unchecked


def _count_outcomes(connection: sa.Connection) -> dict[str, int]:
    outcome = sa.case(
        (placement_check.c.error.is_not(None), "failed"),
        else_=sa.func.coalesce(placement_check.c.outcome, "never"),
    ).label("found_out")
    return _count(
        connection,
        sa.select(outcome, sa.func.count())
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(resource.c.state.in_(LIVE))
        .group_by(sa.text("found_out")),
    )


def _load_provision_times(connection: sa.Connection, buckets: Sequence[float]) -> ProvisionTimes:
    seconds = seconds_between(connection, resource.c.created_at, resource.c.provisioned_at)
    query = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(seconds), 0.0),
        *(sa.func.coalesce(sa.func.sum(sa.case((seconds <= bound, 1), else_=0)), 0) for bound in buckets),
    ).where(resource.c.provisioned_at.is_not(None))
    count, total, *counts = connection.execute(query).one()
    return ProvisionTimes(
        count=count,
        sum_seconds=float(total),
        buckets={bound: int(each) for bound, each in zip(buckets, counts, strict=True)},
    )


def _count(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, int]:
    return {str(row[0]): row[1] for row in connection.execute(query)}
