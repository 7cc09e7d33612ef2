"""Asking about many things, some at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def gather_bounded(ask: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int) -> list[R]:
    """Ask about every item and return the answers, in the order in which they came.

    No coroutine is made before its turn: a stop leaves none behind.
    """
    asked, answers = list(items), []
    left = iter(asked)

    async def work() -> None:
        for item in left:
            answers.append(await ask(item))  # noqa: PERF401 - others append in between

    await asyncio.gather(*(work() for _ in range(min(limit, len(asked)))))
    return answers
