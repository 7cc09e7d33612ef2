"""The fence: what runs under it proves in each transaction of its own that it may still write.

A process that was paused, or cut off from its database, may wake up long after somebody else has taken its work over.
Only the database can tell, and only in the very transaction that writes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import sqlalchemy as sa

T = TypeVar("T")

# Raises Superseded unless whoever writes over this connection may still write.
Fence = Callable[[sa.Connection], None]

_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


class Superseded(BaseException):
    """What wants to write has been taken over by somebody else: it ends here, and nothing of it is written.

    No Exception, so that neither a hook nor a step takes it for a failure and tries again.
    """


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Put whatever the block writes behind a fence, in tasks and threads that it starts too."""
    token = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(token)


def put_behind_fence(query: Callable[[sa.Connection], T]) -> Callable[[sa.Connection], T]:
    """Return a query with the fence of whoever calls this before it, if there is one."""
    fence = _fence.get()
    if fence is None:
        return query

    def run(connection: sa.Connection) -> T:
        fence(connection)
        return query(connection)

    return run


def is_superseded(error: BaseException) -> bool:
    """Whether this is what the fence raised, or a group of errors with one of it."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(Superseded) is not None
    return isinstance(error, Superseded)
