"""The fence: what runs under it proves in each transaction of its own that it may still write.

A process that was paused, or cut off from its database, may wake up long after somebody else has taken its work over.
Only the database can tell, and only in the very transaction that writes.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")


class Superseded(BaseException):
    """What wants to write has been taken over by somebody else: it ends here, and nothing of it is written.

    No Exception, so that neither a hook nor a step takes it for a failure and tries again.
    """


# Returns those of many holders who may still write, and go on to until this transaction ends, if there is one.
FindStanding = Callable[[sa.Connection, Collection[Any]], Collection[Any]]


@dataclass(frozen=True, slots=True)
class Fence:
    """Who writes, and how the database is asked whether he still may: of one, or of many in one statement."""

    holder: Hashable
    find_standing: FindStanding

    def require(self, connection: sa.Connection) -> None:
        """Raise Superseded unless the holder may still write over this connection."""
        if self in find_superseded(connection, [self]):
            raise Superseded(self.holder)


_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Put whatever the block writes behind a fence, in tasks and threads that it starts too."""
    token = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(token)


def find_fence() -> Fence | None:
    """Return the fence that whoever calls this writes behind, if there is one."""
    return _fence.get()


def find_superseded(connection: sa.Connection, fences: Collection[Fence]) -> set[Fence]:
    """Return those of these fences whose holders may not write any more."""
    kinds: defaultdict[FindStanding, set[Any]] = defaultdict(set)
    for fence in fences:
        kinds[fence.find_standing].add(fence.holder)
    return {
        Fence(holder, find_standing)
        for find_standing, holders in kinds.items()
        for holder in holders.difference(find_standing(connection, holders))
    }


def put_behind_fence(query: Callable[[sa.Connection], T]) -> Callable[[sa.Connection], T]:
    """Return a query with the fence of whoever calls this before it, if there is one."""
    fence = _fence.get()
    if fence is None:
        return query

    def run(connection: sa.Connection) -> T:
        fence.require(connection)
        return query(connection)

    return run


def is_superseded(error: BaseException) -> bool:
    """Whether this is what the fence raised, or a group of errors with one of it."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(Superseded) is not None
    return isinstance(error, Superseded)
