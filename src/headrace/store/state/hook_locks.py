"""Queries about locks that hooks take by name, in whatever process they run. Who dies holding one loses it in time."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.store.sql.tables.schema import hook_lock
from headrace.store.sql.upsert import insert_new


def take_hook_lock(connection: sa.Connection, name: str, holder: str, *, now: datetime, lease: timedelta) -> bool:
    """Take a lock that nobody holds, or whose holder has not kept it; return whether it is had."""
    row = {"name": name, "holder": holder, "held_until": now + lease}
    if insert_new(connection, hook_lock, row) is not None:
        return True
    is_free = sa.and_(hook_lock.c.name == name, hook_lock.c.held_until <= now)
    return connection.execute(sa.update(hook_lock).where(is_free).values(row)).rowcount == 1


def keep_hook_lock(connection: sa.Connection, name: str, holder: str, *, now: datetime, lease: timedelta) -> bool:
    """Go on holding a lock; return whether it is still held."""
    query = sa.update(hook_lock).where(hook_lock.c.name == name, hook_lock.c.holder == holder)
    return connection.execute(query.values(held_until=now + lease)).rowcount == 1


def give_hook_lock_back(connection: sa.Connection, name: str, holder: str) -> None:
    connection.execute(sa.delete(hook_lock).where(hook_lock.c.name == name, hook_lock.c.holder == holder))
