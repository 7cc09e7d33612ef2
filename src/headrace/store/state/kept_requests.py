"""Queries about requests with Heroku that are kept for operators: written in batches, listed, and forgotten."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.protocol.kept_requests import Direction, KeptRequest
from headrace.store.sql.tables.counted import kept_request
from headrace.store.sql.tables.schema import resource
from headrace.store.sql.upsert import insert_as_table

# What a request was for that belongs to no order; so many of those are kept, so that an outage pushes out no other.
CHECK = "check"
MOST_CHECKS = 10_000
MOST_OF_ONE = 200
MOST = 50_000
# The class of a request that got no answer, where others have the first digit of their status.
NO_ANSWER = 0
_STORED = tuple(each.name for each in fields(KeptRequest))


class RequestKey(NamedTuple):
    """Where a request stands in the list, the latest first."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which requests to list: those that hold for all of these that are set; `text` is in a path or a request's id."""

    resource_uuid: str = ""
    workflow: str = ""
    step: str = ""
    text: str = ""
    direction: Direction | None = None
    answer: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow(KeptRequest):
    """One request as it is kept, with the names of its resource, where there is one."""

    id: int
    resource_name: str | None
    app_name: str | None

    @property
    def key(self) -> RequestKey:
        return RequestKey(self.at, self.id)


class Kind(NamedTuple):
    """What requests are counted by."""

    direction: Direction
    answer: int
    is_recent: bool


def save_requests(connection: sa.Connection, requests: Sequence[KeptRequest]) -> None:
    if requests:
        insert_as_table(
            connection, kept_request, [{name: getattr(each, name) for name in _STORED} for each in requests]
        )


def list_requests(
    connection: sa.Connection, wanted: Wanted, *, before: RequestKey | None = None, limit: int
) -> list[RequestRow]:
    """Return what was kept, the latest first."""
    order = (kept_request.c.at, kept_request.c.id)
    query = (
        sa.select(kept_request, resource.c.name.label("resource_name"), resource.c.app_name)
        .outerjoin(resource, resource.c.uuid == kept_request.c.resource_uuid)
        .where(*_narrow(wanted))
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    if before is not None:
        query = query.where(sa.tuple_(*order) < before)
    return [_read(row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def count_requests(connection: sa.Connection, wanted: Wanted, *, recent_since: datetime) -> dict[Kind, int]:
    """Return how many there are of each kind."""
    kept = kept_request.c
    answer, is_recent = _answer_class().label("answer"), (kept.at >= recent_since).label("is_recent")
    query = sa.select(kept.direction, answer, is_recent, sa.func.count().label("total")).where(*_narrow(wanted))
    return {
        Kind(Direction(row.direction), row.answer, bool(row.is_recent)): row.total
        for row in connection.execute(query.group_by(kept.direction, answer, is_recent))
    }


def list_excess_requests(
    connection: sa.Connection,
    *,
    before: datetime,
    limit: int,
    of_one: int = MOST_OF_ONE,
    of_checks: int = MOST_CHECKS,
    in_all: int = MOST,
) -> list[int]:
    """Return ids of what is too old, or too much: of one resource, of checks, or in all; the latest stay."""
    kept = kept_request.c
    newest = kept.id.desc()
    is_check = kept.purpose == CHECK
    ranked = sa.select(
        kept.id,
        kept.at,
        is_check.label("is_check"),
        sa.func.row_number().over(partition_by=kept.resource_uuid, order_by=newest).label("of_one"),
        sa.func.row_number().over(partition_by=is_check, order_by=newest).label("of_kind"),
        sa.func.row_number().over(order_by=newest).label("in_all"),
    ).subquery()
    each = ranked.c
    is_excess = sa.or_(
        each.at < before,
        each.of_one > of_one,
        each.in_all > in_all,
        sa.and_(each.is_check, each.of_kind > of_checks),
    )
    return list(connection.execute(sa.select(each.id).where(is_excess).limit(limit)).scalars())


def forget_requests(connection: sa.Connection, ids: Collection[int]) -> None:
    connection.execute(sa.delete(kept_request).where(kept_request.c.id.in_(ids)))


def _narrow(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    kept = kept_request.c
    conditions: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (kept.resource_uuid, wanted.resource_uuid),
        (kept.workflow, wanted.workflow),
        (kept.step, wanted.step),
        (kept.direction, wanted.direction),
    ):
        if value:
            conditions.append(column == value)
    if wanted.text:
        places = (kept.path, kept.request_id)
        conditions.append(sa.or_(*(place.contains(wanted.text, autoescape=True) for place in places)))
    if wanted.answer is not None:
        conditions.append(_answer_class() == wanted.answer)
    if wanted.since is not None:
        conditions.append(kept.at >= wanted.since)
    return conditions


def _answer_class() -> sa.ColumnElement[int]:
    return sa.func.coalesce(kept_request.c.status // 100, NO_ANSWER)


def _read(row: Mapping[Any, Any]) -> RequestRow:
    return RequestRow(**{**row, "direction": Direction(row["direction"])})
