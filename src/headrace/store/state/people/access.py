"""Queries about who may see an app, as Heroku last said; these are people, and forgotten with what they could see."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.pipelines import Access
from headrace.store.sql.rows import is_among, pass_texts
from headrace.store.sql.tables.schema import access, access_check, resource
from headrace.store.sql.upsert import insert_as_table, upsert_as_table

# The clocks of processes may differ by so much without one of them being wrong.
CLOCKS_DIFFER_BY = timedelta(minutes=1)


def save_access(connection: sa.Connection, app_id: str, found: Access, *, now: datetime) -> None:
    """Record who may see an app by an answer that was asked for `now`; whoever is not in it may not."""
    save_accesses(connection, {app_id: (found, now)})


def save_accesses(connection: sa.Connection, answers: Mapping[str, tuple[Access, datetime]]) -> None:
    """Do the same for apps, one or more, each with its answer and when that was asked for."""
    in_order = sorted(answers)
    checks = [{"app_id": app_id, "checked_at": answers[app_id][1]} for app_id in in_order]
    upsert_as_table(connection, access_check, checks, changes=("checked_at",))
    connection.execute(_build_delete(connection.dialect.name), pass_texts(connection, in_order))
    people = [
        {"app_id": app_id, "person": person} for app_id in in_order for person in _list_people(answers[app_id][0])
    ]
    if people:
        insert_as_table(connection, access, people)


def _list_people(found: Access) -> list[str]:
    return sorted([f"id:{user_id}" for user_id in found.user_ids] + [f"email:{email}" for email in found.emails])


def doubt_access(connection: sa.Connection, app_id: str | None, *, now: datetime) -> None:
    """Trust what was read of an app's people no longer: it is asked for again before anybody sees the app.

    The answer stays: whom it refused is not let in by Heroku's silence.
    """
    connection.execute(sa.update(access_check).where(access_check.c.app_id == app_id).values(doubted_at=now))


def build_is_fresh(*, after: sa.ColumnElement[datetime], now: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Whether Heroku's answer about an app's people is recent enough, and nothing has put it in doubt since.

    One of the future was noted by a clock that was ahead, and is nobody's to be sure of.
    """
    is_doubted = access_check.c.doubted_at >= access_check.c.checked_at
    is_recent = access_check.c.checked_at.between(after, now)
    return sa.and_(is_recent, sa.or_(access_check.c.doubted_at.is_(None), ~is_doubted))


def bring_access_back_to_now(connection: sa.Connection, *, now: datetime) -> None:
    """Take answers of the future for answers of now that are in doubt: a clock that was ahead has been put right.

    They are asked for again; until then they refuse whom they refused.
    """
    later = now + CLOCKS_DIFFER_BY
    is_ahead = sa.or_(access_check.c.checked_at > later, access_check.c.doubted_at > later)
    checked_at = sa.case((access_check.c.checked_at > now, now), else_=access_check.c.checked_at)
    connection.execute(sa.update(access_check).where(is_ahead).values(checked_at=checked_at, doubted_at=now))


def list_freshly_checked_apps(
    connection: sa.Connection, app_ids: Collection[str], *, after: datetime, now: datetime
) -> set[str]:
    """Return, of these apps, those of which Heroku's answer about their people is recent enough."""
    asked = {"apps": list(app_ids), "after": after, "latest": now + CLOCKS_DIFFER_BY}
    return set(connection.execute(_LIST_FRESH, asked).scalars())


def _build_list_fresh() -> sa.Select[Any]:
    moment = access_check.c.checked_at.type
    is_fresh = build_is_fresh(after=sa.bindparam("after", type_=moment), now=sa.bindparam("latest", type_=moment))
    is_asked = access_check.c.app_id.in_(sa.bindparam("apps", expanding=True))
    return sa.select(access_check.c.app_id).where(is_asked, is_fresh)


# Built once: building a statement costs about as much as running it.
_LIST_FRESH = _build_list_fresh()


@cache
def _build_delete(dialect: str) -> sa.Delete:
    return sa.delete(access).where(is_among(access.c.app_id, dialect))


def forget_people(connection: sa.Connection, app_id: str | None = None) -> None:
    """Delete who may see an app, or any app, on which no resource is left."""
    is_here = sa.and_(resource.c.app_id == access_check.c.app_id, resource.c.state != State.DEPROVISIONED)
    apps = sa.select(access_check.c.app_id).where(sa.not_(sa.exists().where(is_here)))
    if app_id is not None:
        apps = apps.where(access_check.c.app_id == app_id)
    gone = list(connection.execute(apps).scalars())
    # In the order of `save_access`: else the two may each have what the other waits for.
    for table in (access_check, access):
        connection.execute(sa.delete(table).where(table.c.app_id.in_(gone)))
