"""What a hook may ask about the resources around its own, and how it keeps others from what it shares with them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

# Returns the other resources of its pipeline.
FindSiblings = Callable[[], Awaitable[Any]]
# Holds a lock of this name for as long as its block lasts.
Lock = Callable[[str], AbstractAsyncContextManager[None]]


async def find_nobody() -> list[Any]:
    """What siblings are where a test makes a hook's argument: none."""
    return []


@asynccontextmanager
async def hold_nothing(_name: str) -> AsyncIterator[None]:
    """What a lock is where a test makes a hook's argument: nobody else is there."""
    yield


@dataclass(frozen=True, slots=True)
class Company:
    """Who is around a resource, and who has to wait."""

    find_siblings: FindSiblings = find_nobody
    lock: Lock = hold_nothing
