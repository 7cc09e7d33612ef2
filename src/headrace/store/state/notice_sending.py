"""Queries about notices that are sent out: each when it is raised, and once more when it is settled."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.tables.schema import notice
from headrace.store.state.notices import NoticeRow, read_notice, select_notices

# What `sent` counts.
RAISED_SENT, ALL_SENT = 1, 2


class NoticeNews(StrEnum):
    """What is told of a notice."""

    RAISED = "raised"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """What is to be sent of a notice: after so many tries that failed; it happened at `at`."""

    notice: NoticeRow
    news: NoticeNews
    at: datetime
    tries: int


def list_unsent(connection: sa.Connection, *, now: datetime, since: datetime, limit: int) -> list[Unsent]:
    """Return what is to be sent now of what happened since, what happened first first."""
    is_raised = sa.and_(notice.c.sent < RAISED_SENT, notice.c.raised_at > since)
    is_settled = sa.and_(notice.c.sent < ALL_SENT, notice.c.settled_at > since)
    is_due = sa.or_(notice.c.send_at.is_(None), notice.c.send_at <= now)
    columns = (notice.c.sent, notice.c.send_tries)
    query = select_notices().add_columns(*columns).where(sa.or_(is_raised, is_settled), is_due)
    rows = connection.execute(query.order_by(notice.c.id).limit(limit))
    return [_read(row, since=since) for row in rows]


def claim_unsent(connection: sa.Connection, unsent: Unsent, *, now: datetime, until: datetime) -> bool:
    """Keep others from sending the same for a while; return whether nobody does it or has done it."""
    is_due = sa.or_(notice.c.send_at.is_(None), notice.c.send_at <= now)
    query = sa.update(notice).where(*_is_to_be_sent(unsent), is_due).values(send_at=until)
    return connection.execute(query).rowcount == 1


def note_sent(connection: sa.Connection, unsent: Unsent) -> None:
    """Note that something has been sent; what comes next of its notice begins anew."""
    sent = RAISED_SENT if unsent.news is NoticeNews.RAISED else ALL_SENT
    query = sa.update(notice).where(*_is_to_be_sent(unsent))
    connection.execute(query.values(sent=sent, send_tries=0, send_at=None))


def note_unsent(connection: sa.Connection, unsent: Unsent, *, again_at: datetime) -> None:
    """Note that a try has failed, and when the next one is made."""
    query = sa.update(notice).where(*_is_to_be_sent(unsent))
    connection.execute(query.values(send_tries=unsent.tries + 1, send_at=again_at))


def _is_to_be_sent(unsent: Unsent) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    below = RAISED_SENT if unsent.news is NoticeNews.RAISED else ALL_SENT
    return notice.c.id == unsent.notice.id, notice.c.sent < below


def _read(row: sa.Row[Any], *, since: datetime) -> Unsent:
    found = read_notice(row)
    is_raised = row.sent < RAISED_SENT and found.raised_at > since
    at = found.raised_at if is_raised or found.settled_at is None else found.settled_at
    news = NoticeNews.RAISED if is_raised else NoticeNews.SETTLED
    return Unsent(notice=found, news=news, at=at, tries=row.send_tries)
