"""Queries about what happened, in one order for everybody, for those who follow it with a cursor.

A line of a timeline gets its id while its transaction is open, and another that began later may be committed first: who
has read up to the later id would never see the earlier one. So what is followed are positions, and a line gets its own
when it is committed, from whoever asks for changes. One at a time gives them, so they are seen in their order. A
database that was restored gives positions anew; a cursor also says when its line was, and so is known to be of another
history.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.store.sql.database import let_idle
from headrace.store.sql.tables.schema import change_count, lifecycle_event, resource

NAME = "changes"
# Of one transaction, so that a fleet's whole past keeps nobody waiting for long.
BATCH = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ChangeCursor(NamedTuple):
    """Where somebody is who follows what happens: behind the line of this position, which was at this moment."""

    position: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A line of a timeline, with its place in the order of all."""

    position: int
    at: datetime
    resource_uuid: str
    resource_name: str
    name: str
    detail: dict[str, Any]

    @property
    def cursor(self) -> ChangeCursor:
        return ChangeCursor(self.position, self.at)


def has_unnumbered_changes(connection: sa.Connection) -> bool:
    """Whether a line that is committed has no position yet."""
    query = sa.select(lifecycle_event.c.id).where(lifecycle_event.c.position.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def number_changes(connection: sa.Connection, *, limit: int = BATCH) -> int:
    """Give the next positions to lines that are committed, and return to how many.

    Where another is about it, none get any from here: whoever waits for them looks again.
    """
    mine = sa.select(change_count.c.last).where(change_count.c.name == NAME).with_for_update(skip_locked=True)
    last = connection.execute(mine).scalar()
    if last is None:
        return 0
    order = sa.func.row_number().over(order_by=lifecycle_event.c.id)
    unnumbered = (
        sa.select(lifecycle_event.c.id, order.label("number"))
        .where(lifecycle_event.c.position.is_(None))
        .order_by(lifecycle_event.c.id)
        .limit(limit)
        .subquery()
    )
    count = connection.execute(
        sa.update(lifecycle_event)
        .where(lifecycle_event.c.id == unnumbered.c.id)
        .values(position=last + unnumbered.c.number)
    ).rowcount
    moved = sa.update(change_count).where(change_count.c.name == NAME).values(last=last + count)
    connection.execute(moved)
    return count


def is_of_this_history(connection: sa.Connection, cursor: ChangeCursor) -> bool:
    """Whether the line that a cursor stands behind is the one that has this position here."""
    query = sa.select(lifecycle_event.c.at).where(lifecycle_event.c.position == cursor.position)
    return connection.execute(query).scalar() == cursor.at


def find_change_cursor(connection: sa.Connection, *, until: int | None = None) -> ChangeCursor | None:
    """Return the cursor behind the last line that has a position, or behind the last up to one; None without any."""
    query = sa.select(lifecycle_event.c.position, lifecycle_event.c.at).where(lifecycle_event.c.position.is_not(None))
    if until is not None:
        query = query.where(lifecycle_event.c.position <= until)
    row = connection.execute(query.order_by(lifecycle_event.c.position.desc()).limit(1)).first()
    return None if row is None else ChangeCursor(row.position, row.at)


def list_changes(connection: sa.Connection, *, after: int, limit: int) -> list[ChangeRow]:
    """Return what happened behind a position, in order."""
    query = _CHANGES.where(lifecycle_event.c.position > after).order_by(lifecycle_event.c.position).limit(limit)
    return [_read(row) for row in connection.execute(query)]


def read_changes(connection: sa.Connection, *, after: int, until: int) -> Iterator[ChangeRow]:
    """Yield what happened behind a position and up to another, by the moment, as it is asked for."""
    is_between = sa.and_(lifecycle_event.c.position > after, lifecycle_event.c.position <= until)
    query = _CHANGES.where(is_between).order_by(lifecycle_event.c.at, lifecycle_event.c.position)
    let_idle(connection)
    with connection.execution_options(yield_per=BATCH).execute(query) as result:
        for row in result:
            yield _read(row)


_CHANGES: sa.Select[Any] = sa.select(
    lifecycle_event.c.position,
    lifecycle_event.c.at,
    lifecycle_event.c.resource_uuid,
    resource.c.name.label("resource_name"),
    lifecycle_event.c.name,
    lifecycle_event.c.detail,
).join(resource, resource.c.uuid == lifecycle_event.c.resource_uuid)


def _read(row: sa.Row[Any]) -> ChangeRow:
    return ChangeRow(**row._mapping)  # noqa: SLF001


def write_change_cursor(cursor: ChangeCursor) -> str:
    """Return a cursor as a text that may stand in an address."""
    return f"{cursor.position}-{(cursor.at - EPOCH) // timedelta(microseconds=1)}"


def read_change_cursor(text: str) -> ChangeCursor | None:
    """Return the cursor that a text is, or None where it is none."""
    position, _, moment = text.partition("-")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 17 for part in (position, moment)):
        return None
    try:
        return ChangeCursor(int(position), EPOCH + timedelta(microseconds=int(moment)))
    except OverflowError:
        return None
