"""Queries behind the metrics: counts of what is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.store.notices import count_open_notices
from headrace.store.placements import LIVE
from headrace.store.schema import placement, placement_check, resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What `/metrics` says of the store.

    `by_stage_and_plan` counts provisioned resources, at stage `none` those in no pipeline and at `unknown` where
    Heroku did not tell. `by_outcome` counts the last looks at live resources: what they found out, `failed` where
    Heroku did not answer, `never` where it was not asked. `due_since` is when the look that waits longest was due.
    `provisioning_buckets` counts per upper bound, cumulated, as Prometheus wants it.
    """

    by_state: dict[str, int]
    by_stage_and_plan: dict[tuple[str, str], int]
    pipelines: int
    oldest_check: datetime | None
    unchecked: int
    by_outcome: dict[str, int]
    due_since: datetime | None
    provisioning_buckets: dict[float, int]
    provisioning_count: int
    provisioning_sum: float
    open_notices: dict[str, int]
    running_workflows: int


def load_figures(connection: sa.Connection, *, buckets: Sequence[float]) -> Figures:
    is_live = resource.c.state == State.PROVISIONED
    current = sa.and_(placement.c.resource_uuid == resource.c.uuid, placement.c.valid_to.is_(None))
    stage = sa.case(
        (placement.c.pipeline_id.is_not(None), placement.c.stage),
        (placement.c.id.is_not(None), "none"),
        else_="unknown",
    )
    seconds = seconds_between(connection, resource.c.created_at, resource.c.provisioned_at)
    took = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(seconds), 0.0),
            *(sa.func.coalesce(sa.func.sum(sa.case((seconds <= bound, 1), else_=0)), 0) for bound in buckets),
        ).where(resource.c.provisioned_at.is_not(None))
    ).one()
    checks = connection.execute(
        sa.select(
            sa.func.min(placement_check.c.checked_at), sa.func.count().filter(placement_check.c.checked_at.is_(None))
        )
        .select_from(resource)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .where(resource.c.state.in_(LIVE), resource.c.is_synchronous.is_(False))
    ).one()
    return Figures(
        by_state=_count(connection, sa.select(resource.c.state, sa.func.count()).group_by(resource.c.state)),
        by_stage_and_plan={
            (stage, plan): count
            for stage, plan, count in connection.execute(
                sa.select(stage.label("place"), resource.c.plan, sa.func.count())
                .select_from(resource)
                .outerjoin(placement, current)
                .where(is_live)
                .group_by(sa.text("place"), resource.c.plan)
            )
        },
        pipelines=connection.execute(
            sa.select(sa.func.count(placement.c.pipeline_id.distinct()))
            .select_from(resource)
            .join(placement, current)
            .where(is_live)
        ).scalar_one(),
        oldest_check=checks[0],
        unchecked=checks[1],
        by_outcome=_count_outcomes(connection),
        due_since=find_longest_due(connection),
        provisioning_count=took[0],
        provisioning_sum=float(took[1]),
        open_notices=count_open_notices(connection),
        running_workflows=connection.execute(
            sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None))
        ).scalar_one(),
        provisioning_buckets={bound: int(count) for bound, count in zip(buckets, took[2:], strict=True)},
    )


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


def find_longest_due(connection: sa.Connection) -> datetime | None:
    """Return when the look at a placement that waits longest is due, or was; None where none ever is."""
    query = (
        sa.select(placement_check.c.next_check_at)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(resource.c.state.in_(LIVE), resource.c.app_id.is_not(None))
        .order_by(placement_check.c.next_check_at)
        .limit(1)
    )
    return connection.execute(query).scalar()


def _count(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, int]:
    return {str(row[0]): row[1] for row in connection.execute(query)}


def seconds_between(
    connection: sa.Connection, start: sa.ColumnElement[datetime], end: sa.ColumnElement[datetime]
) -> sa.ColumnElement[float]:
    """The seconds from one moment to another, to the millisecond."""
    if connection.dialect.name == "sqlite":
        # A Julian day is good for a millisecond, not for more.
        days = sa.func.julianday(end, type_=sa.Float) - sa.func.julianday(start, type_=sa.Float)
        return sa.func.round(days * 86_400.0, 3, type_=sa.Float)
    return sa.cast(sa.extract("epoch", end - start), sa.Float)
