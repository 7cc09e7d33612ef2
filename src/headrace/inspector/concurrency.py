"""Asking about many things, some at a time."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def gather_bounded(ask: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int) -> list[R]:
    """Ask about every item and return the answers, in the order in which they came.

    No coroutine is made before its turn, nor an item taken: a stop leaves none behind.
    """
    left, answers = iter(items), []
    first = list(itertools.islice(left, limit))
    left = itertools.chain(first, left)

    async def work() -> None:
        for item in left:
            answers.append(await ask(item))  # noqa: PERF401 - others append in between

    await asyncio.gather(*(work() for _ in first))
    return answers
