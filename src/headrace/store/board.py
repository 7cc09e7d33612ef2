"""Queries behind the board: which resources a person could see, and what a card says of each.

Open boards ask them all the time, so each is put together once: that costs more than asking it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import Outcome, State
from headrace.store.placements import LIVE
from headrace.store.schema import access, access_check, pipeline, placement, placement_check, resource

SHOWN = (State.PROVISIONING, State.PROVISIONED, State.FAILED, State.DEPROVISIONING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A resource with its current placement and its last move between stages of one pipeline."""

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    app_id: str
    app_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    stage: str | None
    since: datetime
    checked_at: datetime | None
    outcome: Outcome | None
    moved_from: str | None
    moved_at: datetime | None
    next_check_at: datetime | None
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A resource that a person could see, and what a card would say of it.

    `is_answered` tells whether Heroku has said, recently enough, who may see its app, and `is_granted` whether this
    person may by that answer.
    """

    row: BoardRow
    has_token: bool
    is_answered: bool
    is_granted: bool


def list_candidates(
    connection: sa.Connection, uuid: str, *, people: Sequence[str], checked_after: datetime
) -> list[Candidate]:
    """Resources that a person who opened `uuid` could see: to be confirmed app by app.

    These are the resources of the same pipeline, those on apps where the person was seen before, and `uuid` itself.
    """
    found = connection.execute(_query_candidates(), {"opened": uuid, "people": people, "after": checked_after})
    return [
        Candidate(
            row=_read(row),
            has_token=bool(row.has_token),
            is_answered=bool(row.is_answered),
            is_granted=bool(row.is_answered and row.is_known),
        )
        for row in found
    ]


def list_board_rows(connection: sa.Connection, uuids: Collection[str] | None) -> list[BoardRow]:
    """Return what the board says of these resources; None means of every resource."""
    if uuids is None:
        return [_read(row) for row in connection.execute(_query_rows())]
    return [_read(row) for row in connection.execute(_query_rows_of_some(), {"uuids": list(uuids)})]


@cache
def _query_candidates() -> sa.Select[Any]:
    opened = sa.bindparam("opened", type_=sa.String)
    mine = sa.select(placement.c.pipeline_id).where(
        placement.c.resource_uuid == opened, placement.c.valid_to.is_(None), placement.c.pipeline_id.is_not(None)
    )
    siblings = sa.select(placement.c.resource_uuid).where(
        placement.c.pipeline_id.in_(mine), placement.c.valid_to.is_(None)
    )
    known_apps = sa.select(access.c.app_id).where(access.c.person.in_(sa.bindparam("people", expanding=True)))
    on_known_apps = sa.select(resource.c.uuid).where(resource.c.app_id.in_(known_apps))
    # A union, not three conditions with "or": for those SQLite goes through every resource there is.
    found = sa.union(sa.select(opened.label("uuid")), siblings, on_known_apps).subquery()
    return (
        _query_rows()
        .add_columns(
            resource.c.state.in_(LIVE).label("has_token"),
            (access_check.c.checked_at >= sa.bindparam("after")).label("is_answered"),
            resource.c.app_id.in_(known_apps).label("is_known"),
        )
        .join(found, found.c.uuid == resource.c.uuid)
        .outerjoin(access_check, access_check.c.app_id == resource.c.app_id)
        .where(resource.c.app_id.is_not(None))
    )


@cache
def _query_rows_of_some() -> sa.Select[Any]:
    return _query_rows().where(resource.c.uuid.in_(sa.bindparam("uuids", expanding=True)))


@cache
def _query_rows() -> sa.Select[Any]:
    current, before = placement.alias("current"), placement.alias("before")
    moved = sa.and_(
        before.c.resource_uuid == current.c.resource_uuid,
        before.c.valid_to == current.c.valid_from,
        before.c.pipeline_id == current.c.pipeline_id,
        before.c.stage != current.c.stage,
    )
    return (
        sa.select(
            resource,
            current.c.pipeline_id,
            pipeline.c.name.label("pipeline_name"),
            current.c.stage,
            placement_check.c.checked_at,
            placement_check.c.outcome,
            placement_check.c.error,
            placement_check.c.next_check_at,
            before.c.stage.label("moved_from"),
            before.c.valid_to.label("moved_at"),
        )
        .outerjoin(current, sa.and_(current.c.resource_uuid == resource.c.uuid, current.c.valid_to.is_(None)))
        .outerjoin(before, moved)
        .outerjoin(pipeline, pipeline.c.id == current.c.pipeline_id)
        .outerjoin(placement_check, placement_check.c.resource_uuid == resource.c.uuid)
        .where(resource.c.state.in_(SHOWN))
    )


def _read(row: sa.Row[Any]) -> BoardRow:
    return BoardRow(
        uuid=row.uuid,
        name=row.name,
        plan=row.plan,
        region=row.region,
        state=State(row.state),
        app_id=row.app_id or "",
        app_name=row.app_name,
        pipeline_id=row.pipeline_id,
        pipeline_name=row.pipeline_name,
        stage=row.stage,
        since=row.created_at,
        checked_at=row.checked_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        moved_from=row.moved_from,
        moved_at=row.moved_at,
        next_check_at=row.next_check_at,
        has_failed=row.error is not None,
    )
