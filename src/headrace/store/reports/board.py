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
from headrace.store.sql.tables.schema import (
    access,
    access_check,
    pipeline,
    placement,
    placement_check,
    resource,
)
from headrace.store.state.people.access import CLOCKS_DIFFER_BY, build_is_fresh
from headrace.store.state.placements import LIVE

SHOWN = (State.PROVISIONING, State.PROVISIONED, State.FAILED, State.DEPROVISIONING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A resource with its current placement and its last move between stages of one pipeline.

    `message` is what the customer was told when a provision was given up.
    """

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
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A resource that a person could see, and what a card would say of it.

    `answered_at` is when Heroku was last asked who may see its app and said so, `is_answered` tells whether that is
    recent enough, and `is_known` whether this person may by that answer; `doubted_at` is when something last put it in
    doubt. `is_there` tells whether its own token has said as recently that it is on that app: another one's answers for
    the app, and not for it. `read_at` is when it last did.
    """

    row: BoardRow
    has_token: bool
    answered_at: datetime | None
    is_answered: bool
    is_known: bool
    is_there: bool
    doubted_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What is recent enough: it was told since `after`, and not in a future that a clock was ahead to."""

    after: datetime
    now: datetime


def list_candidates(connection: sa.Connection, uuid: str, *, people: Sequence[str], recent: Recent) -> list[Candidate]:
    """Resources that a person who opened `uuid` could see: to be confirmed app by app.

    These are `uuid` itself and the resources on apps where Heroku's last answer has the person; what it costs to find
    them tells nothing of others.
    """
    found = connection.execute(_query_candidates(), {"opened": uuid, "people": people, **bind_recent(recent)})
    return [
        Candidate(
            row=_read(row),
            has_token=bool(row.has_token),
            answered_at=row.answered_at,
            is_answered=bool(row.is_answered),
            is_known=bool(row.is_known),
            is_there=bool(row.is_there),
            doubted_at=row.doubted_at,
            read_at=row.read_at,
        )
        for row in found
    ]


def list_unknown_apps(connection: sa.Connection, uuid: str, *, people: Sequence[str], recent: Recent) -> dict[str, str]:
    """Apps in the same pipeline where the person may have become known, each by a resource on it: to be asked about.

    Left out is what Heroku has answered about lately.
    """
    found = connection.execute(_query_unknown_apps(), {"opened": uuid, "people": people, **bind_recent(recent)})
    return {row.app_id: row.uuid for row in found}


def bind_recent(recent: Recent) -> dict[str, datetime]:
    return {"after": recent.after, "now": recent.now + CLOCKS_DIFFER_BY}


def list_board_rows(connection: sa.Connection, uuids: Collection[str] | None) -> list[BoardRow]:
    """Return what the board says of these resources; None means of every resource."""
    if uuids is None:
        return [_read(row) for row in connection.execute(_query_rows())]
    return [_read(row) for row in connection.execute(_query_rows_of_some(), {"uuids": list(uuids)})]


@cache
def _query_candidates() -> sa.Select[Any]:
    opened = sa.bindparam("opened", type_=sa.String)
    known_apps = _select_known_apps()
    on_known_apps = sa.select(resource.c.uuid).where(resource.c.app_id.in_(known_apps))
    # A union, not two conditions with "or": for those SQLite goes through every resource there is.
    found = sa.union(sa.select(opened.label("uuid")), on_known_apps).subquery()
    is_read = placement_check.c.read_whole_at.between(make_moment("after"), make_moment("now"))
    return (
        _query_rows()
        .add_columns(
            resource.c.state.in_(LIVE).label("has_token"),
            access_check.c.checked_at.label("answered_at"),
            build_is_fresh(after=make_moment("after"), now=make_moment("now")).label("is_answered"),
            resource.c.app_id.in_(known_apps).label("is_known"),
            is_read.label("is_there"),
            access_check.c.doubted_at,
            placement_check.c.read_whole_at.label("read_at"),
        )
        .join(found, found.c.uuid == resource.c.uuid)
        .outerjoin(access_check, access_check.c.app_id == resource.c.app_id)
        .where(resource.c.app_id.is_not(None))
    )


@cache
def _query_unknown_apps() -> sa.Select[Any]:
    here, there = placement.alias("here"), placement.alias("there")
    is_fresh = build_is_fresh(after=make_moment("after"), now=make_moment("now"))
    return (
        # Any of those on an app may speak for it that still has a token.
        sa.select(resource.c.app_id, sa.func.min(resource.c.uuid).label("uuid"))
        .select_from(here)
        .join(there, sa.and_(there.c.pipeline_id == here.c.pipeline_id, there.c.valid_to.is_(None)))
        .join(resource, resource.c.uuid == there.c.resource_uuid)
        .outerjoin(access_check, access_check.c.app_id == resource.c.app_id)
        .where(
            here.c.resource_uuid == sa.bindparam("opened", type_=sa.String),
            here.c.valid_to.is_(None),
            resource.c.state.in_(LIVE),
            resource.c.app_id.is_not(None),
            resource.c.app_id.not_in(_select_known_apps()),
            sa.or_(access_check.c.checked_at.is_(None), sa.not_(is_fresh)),
        )
        .group_by(resource.c.app_id)
    )


def _select_known_apps() -> sa.Select[tuple[str]]:
    return sa.select(access.c.app_id).where(access.c.person.in_(sa.bindparam("people", expanding=True)))


def make_moment(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=access_check.c.checked_at.type)


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
        message=row.message if row.state == State.FAILED else None,
    )
