"""Whether what open boards show has changed: of many of them at once, and no more than tells it.

What a mark is made of is never shown. Two that are equal say that a look finds what the one before it found, until time
alone makes something of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.store.reports.board import SHOWN, Recent, bind_recent, make_moment
from headrace.store.sql.rows import is_among, pass_texts
from headrace.store.sql.tables.schema import (
    access,
    access_check,
    ended_session,
    pipeline,
    placement,
    placement_check,
    resource,
)
from headrace.store.state.people.access import build_is_fresh
from headrace.store.state.placements import LIVE

_NOTHING: frozenset[Any] = frozenset()


class Asker(NamedTuple):
    """Who looks: the keys of a person, what they look from, and the digest of their session."""

    people: tuple[str, ...]
    opened: str
    session: str


def load_marks(
    connection: sa.Connection, askers: Collection[Asker], *, recent: Recent, ask_every: timedelta
) -> dict[Asker, int]:
    """Return a mark for each of these whose session has not ended.

    Where there is something to ask Heroku about, it is another one after a while, so that it is asked again.
    """
    turn = recent.now.timestamp() // ask_every.total_seconds()
    dialect, moments = connection.dialect.name, bind_recent(recent)
    people = {person for asker in askers for person in asker.people}
    opened = {asker.opened for asker in askers}
    known = _gather(connection, _query_known(dialect), people, moments)
    beside = _gather(connection, _query_beside(dialect), {*opened, *(asker.session for asker in askers)}, moments)
    seen = {asker: [known.get(person, _NOTHING) for person in asker.people] for asker in askers}
    # Nearly everybody is known at the app that they come from; who is not sees it for a reason of their own.
    strangers = {asker for asker, sets in seen.items() if all(row[1] != asker.opened for rows in sets for row in rows)}
    asked = {asker.opened for asker in strangers}
    own = _gather(connection, _query_opened(dialect), asked, moments) if asked else {}
    marks = {}
    for asker, sets in seen.items():
        rows = [own.get(asker.opened, _NOTHING) if asker in strangers else _NOTHING, *sets]
        # The last column tells whether Heroku has answered lately.
        near = beside.get(asker.opened)
        is_to_be_asked = near is not None or any(not row[-1] for some in rows for row in some)
        if asker.session not in beside:
            marks[asker] = hash((*rows, near, turn if is_to_be_asked else None))
    return marks


def _gather(
    connection: sa.Connection,
    query: sa.Select[Any] | sa.CompoundSelect[Any],
    asked: Iterable[str],
    moments: dict[str, Any],
) -> dict[str, frozenset[tuple[Any, ...]]]:
    """Return the rows of each that is asked about, which stands in the first column, as the driver gives them."""
    rows = defaultdict[str, list[tuple[Any, ...]]](list)
    result = connection.execute(query, {**pass_texts(connection, asked), **moments})
    # Whether a row is another one is all that is asked: making values of it would be most of the work.
    assert result.cursor is not None
    for row in result.cursor.fetchall():
        rows[row[0]].append(row)
    result.close()
    return {first: frozenset(some) for first, some in rows.items()}


@cache
def _query_known(dialect: str) -> sa.Select[Any]:
    """What is on the apps that people may see by Heroku's last answer."""
    query = _show(access.c.person).join(access, access.c.app_id == resource.c.app_id)
    return query.where(is_among(access.c.person, dialect))


@cache
def _query_opened(dialect: str) -> sa.Select[Any]:
    return _show(resource.c.uuid).where(is_among(resource.c.uuid, dialect))


@cache
def _query_beside(dialect: str) -> sa.CompoundSelect[Any]:
    """What is near to what is looked from, and the sessions that have ended: no uuid is a session's digest."""
    ended = sa.select(ended_session.c.digest, sa.null()).where(is_among(ended_session.c.digest, dialect))
    return sa.union_all(_select_near(dialect), ended)


def _select_near(dialect: str) -> sa.Select[Any]:
    """The apps in the same pipeline about whose people Heroku has not answered lately: a look has it asked."""
    here, there = placement.alias("here"), placement.alias("there")
    is_fresh = build_is_fresh(after=make_moment("after"), now=make_moment("now"))
    return (
        sa.select(here.c.resource_uuid, resource.c.app_id)
        .join(there, sa.and_(there.c.pipeline_id == here.c.pipeline_id, there.c.valid_to.is_(None)))
        .join(resource, resource.c.uuid == there.c.resource_uuid)
        .outerjoin(access_check, access_check.c.app_id == resource.c.app_id)
        .where(
            is_among(here.c.resource_uuid, dialect),
            here.c.valid_to.is_(None),
            resource.c.state.in_(LIVE),
            sa.or_(access_check.c.checked_at.is_(None), sa.not_(is_fresh)),
        )
        .distinct()
    )


def _show(of: sa.ColumnElement[str]) -> sa.Select[Any]:
    """What a look goes by, and what a card shows, but when it was last checked and will be next."""
    current, before = placement.alias("current"), placement.alias("before")
    check = placement_check.c
    shown = resource.c
    return (
        sa.select(
            of,
            *(shown.uuid, shown.name, shown.plan, shown.region, shown.state, shown.message),
            *(shown.app_id, shown.app_name, shown.created_at),
            *(current.c.pipeline_id, pipeline.c.name, current.c.stage, current.c.valid_from),
            *(before.c.stage, check.outcome, check.checked_at.is_(None), check.error.is_(None)),
            check.read_whole_at.between(make_moment("after"), make_moment("now")),
            *(access_check.c.checked_at, access_check.c.doubted_at),
            build_is_fresh(after=make_moment("after"), now=make_moment("now")),
        )
        .select_from(resource)
        .outerjoin(current, sa.and_(current.c.resource_uuid == shown.uuid, current.c.valid_to.is_(None)))
        .outerjoin(
            before,
            sa.and_(before.c.resource_uuid == shown.uuid, before.c.valid_to == current.c.valid_from),
        )
        .outerjoin(pipeline, pipeline.c.id == current.c.pipeline_id)
        .outerjoin(placement_check, check.resource_uuid == shown.uuid)
        .outerjoin(access_check, access_check.c.app_id == shown.app_id)
        .where(shown.state.in_(SHOWN))
    )
