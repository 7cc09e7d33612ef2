"""What an operator orders of a workflow that waits for its next attempt: one order of a resource at a time.

It stands with the resource until the workflow has heeded it, or has ended.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.schema import resource


class AttemptOrderKind(StrEnum):
    """What becomes of the next attempt."""

    # It is made at once.
    TRY_NOW = "try-now"
    # There is none.
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOrder:
    """An order about a workflow, at a step of which so many `attempts` had failed when it was given."""

    kind: AttemptOrderKind
    workflow: str
    step: str
    attempts: int

    def is_to_give_up(self, step: str) -> bool:
        """Whether a step is to be given up: however often it was tried since."""
        return self.kind is AttemptOrderKind.GIVE_UP and self.step == step

    def is_to_try_now(self, step: str, *, attempts: int) -> bool:
        """Whether the next attempt at a step is to be made at once: the one that was meant, and no later one."""
        return self.kind is AttemptOrderKind.TRY_NOW and (self.step, self.attempts) == (step, attempts)


_FIND = sa.select(resource.c.ordered).where(resource.c.uuid == sa.bindparam("uuid"))
_LOCK = _FIND.with_for_update()
_SAVE = sa.update(resource).where(resource.c.uuid == sa.bindparam("key")).values(ordered=sa.bindparam("ordered"))
_LIST = sa.select(resource.c.ordered).where(resource.c.ordered.is_not(None)).limit(sa.bindparam("most"))


def save_attempt_order(connection: sa.Connection, uuid: str, order: AttemptOrder) -> None:
    """Give an order, in place of one that was given before."""
    connection.execute(_SAVE, {"key": uuid, "ordered": asdict(order)})


def find_attempt_order(connection: sa.Connection, uuid: str, workflow: str) -> AttemptOrder | None:
    """Return the order about a workflow of a resource that has not been heeded yet."""
    return read_attempt_order(connection.execute(_FIND, {"uuid": uuid}).scalar(), workflow)


def take_attempt_order(connection: sa.Connection, uuid: str, workflow: str) -> AttemptOrder | None:
    """Do the same, and have it count as heeded."""
    order = read_attempt_order(connection.execute(_LOCK, {"uuid": uuid}).scalar(), workflow)
    if order is not None:
        connection.execute(_SAVE, {"key": uuid, "ordered": None})
    return order


def list_ordered_workflows(connection: sa.Connection, *, limit: int) -> list[str]:
    """Return the workflows about which there are orders that have not been heeded."""
    return [str(row["workflow"]) for row in connection.execute(_LIST, {"most": limit}).scalars()]


def read_attempt_order(ordered: Mapping[str, Any] | None, workflow: str) -> AttemptOrder | None:
    """Return what stands with a resource, if it is about this workflow."""
    if ordered is None or ordered["workflow"] != workflow:
        return None
    return AttemptOrder(**{**ordered, "kind": AttemptOrderKind(ordered["kind"])})
