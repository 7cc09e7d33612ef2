"""Asking about many things, some at a time."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_OWN: AbstractAsyncContextManager[Any] = nullcontext()


async def gather_bounded(
    ask: Callable[[T], Awaitable[R]],
    items: Iterable[T],
    *,
    limit: int,
    slots: AbstractAsyncContextManager[Any] = _OWN,
) -> list[R]:
    """Ask about every item and return the answers, in the order in which they came.

    No coroutine is made before its turn, nor an item taken: a stop leaves none behind. `slots` is a semaphore that
    others ask under as well: who came first keeps a slot for as long as they have an item left that was not taken.
    """
    left, answers = iter(items), []
    first = list(itertools.islice(left, limit))
    left = itertools.chain(first, left)

    async def work() -> None:
        async with slots:
            for item in left:
                answers.append(await ask(item))  # noqa: PERF401 - others append in between

    await asyncio.gather(*(work() for _ in first))
    return answers
