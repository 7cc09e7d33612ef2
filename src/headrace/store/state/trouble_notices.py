"""Queries about notices of the service as a whole: one for each trouble that lasts, from its beginning to its end."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from headrace.store.sql.tables.schema import notice, resource
from headrace.store.state.notices import SERVICE_KINDS, NoticeKind, raise_notice

# Who settles them.
BY = "headrace"


def list_open_troubles(connection: sa.Connection) -> set[NoticeKind]:
    """Return which troubles have an open notice."""
    kinds = sa.select(notice.c.kind).where(notice.c.kind.in_(SERVICE_KINDS), notice.c.settled_at.is_(None))
    return {NoticeKind(kind) for kind in connection.execute(kinds).scalars()}


def raise_trouble(connection: sa.Connection, kind: NoticeKind, *, text: str, begun_at: datetime) -> None:
    """Raise the notice of a trouble, unless one is open; without any resource nobody is affected, and none is raised.

    A row names a resource because its column wants one. It is the oldest, which is the same for whoever else raises the
    same at this moment: one of the two finds the other's.
    """
    oldest = sa.select(resource.c.uuid).order_by(resource.c.created_at, resource.c.uuid).limit(1)
    uuid = connection.execute(oldest).scalar()
    if uuid is not None and kind not in list_open_troubles(connection):
        raise_notice(connection, uuid, kind, now=begun_at, text=text)


def settle_troubles(connection: sa.Connection, kinds: Collection[NoticeKind], *, now: datetime) -> None:
    """Settle the open notices of troubles that are over."""
    query = sa.update(notice).where(notice.c.kind.in_(kinds), notice.c.settled_at.is_(None))
    connection.execute(query.values(settled_at=now, settled_by=BY))
