"""Queries about links that show a person's board to whoever has them, until they end or are revoked.

A link is known by its key. What opens it beside the key is a signature, which is stored nowhere: who reads the database
cannot make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.tables.schema import share_link

# So many of one person's may be good at a time, of one resource.
MOST_LINKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Giver:
    """Who gives a link, and the resource that they look from; one of the two names of a person may be empty."""

    resource_uuid: str
    user_id: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLinkRow:
    """A link that is good until `ends_at`."""

    id: int
    resource_uuid: str
    key: str
    user_id: str
    email: str
    made_at: datetime
    ends_at: datetime


def add_share_link(connection: sa.Connection, giver: Giver, key: str, *, now: datetime, ends_at: datetime) -> bool:
    """Store a link, and return whether it was: a person has so many and no more."""
    if len(list_own_share_links(connection, giver, now=now)) >= MOST_LINKS:
        return False
    row = {"resource_uuid": giver.resource_uuid, "user_id": giver.user_id, "email": giver.email, "key": key}
    connection.execute(sa.insert(share_link).values(**row, made_at=now, ends_at=ends_at))
    return True


def find_share_link(connection: sa.Connection, key: str, *, now: datetime) -> ShareLinkRow | None:
    """Return the link of a key, unless it was revoked or has ended."""
    row = connection.execute(_select(now).where(share_link.c.key == key)).one_or_none()
    return None if row is None else _read(row)


def list_own_share_links(connection: sa.Connection, giver: Giver, *, now: datetime) -> list[ShareLinkRow]:
    """Return the links that a person gave of a resource and that are good, the newest first."""
    return [_read(row) for row in connection.execute(_select(now).where(_is_of(giver)))]


def list_share_links(connection: sa.Connection, uuid: str, *, now: datetime) -> list[ShareLinkRow]:
    """Return everybody's links of a resource that are good, the newest first."""
    return [_read(row) for row in connection.execute(_select(now).where(share_link.c.resource_uuid == uuid))]


def revoke_share_link(connection: sa.Connection, giver: Giver, id_: int) -> bool:
    """Let a person's link show nothing from now on, and return whether there was one."""
    return connection.execute(sa.delete(share_link).where(share_link.c.id == id_, _is_of(giver))).rowcount > 0


def revoke_share_links(connection: sa.Connection, uuid: str) -> int:
    """Let no link of a resource show anything from now on, and return how many there were."""
    return connection.execute(sa.delete(share_link).where(share_link.c.resource_uuid == uuid)).rowcount


def forget_share_links(connection: sa.Connection, *, ended_before: datetime) -> None:
    """Delete links that have ended, and with them who gave them."""
    connection.execute(sa.delete(share_link).where(share_link.c.ends_at < ended_before))


def _is_of(giver: Giver) -> sa.ColumnElement[bool]:
    """Whether a person gave a link: by Heroku's id of them where it is known, else by their address."""
    same = share_link.c.user_id == giver.user_id
    person = same if giver.user_id else sa.and_(same, share_link.c.email == giver.email)
    return sa.and_(share_link.c.resource_uuid == giver.resource_uuid, person)


def _select(now: datetime) -> sa.Select[Any]:
    columns = (share_link.c[name] for name in ShareLinkRow.__slots__)
    return sa.select(*columns).where(share_link.c.ends_at > now).order_by(share_link.c.id.desc())


def _read(row: sa.Row[Any]) -> ShareLinkRow:
    return ShareLinkRow(**row._mapping)  # noqa: SLF001
