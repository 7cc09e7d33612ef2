"""What hooks share for as long as a service runs: a client session, a pool of connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, TypeVar

from headrace.errors import MisuseError

T = TypeVar("T")

Open = Callable[[], AsyncIterator[T] | AbstractAsyncContextManager[T]]


class Lifespan(Generic[T]):
    """What `@service.lifespan` makes of a function: `value` is what it yields, while the service runs.

    It is opened before any hook is called and closed after the last, on the event loop of all async hooks.
    """

    def __init__(self, open_: Open[T]) -> None:
        self._open = open_
        self._values: list[T] = []
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def value(self) -> T:
        """What the function has yielded.

        Raises:
            MisuseError: no service runs in this process.
        """
        if not self._values:
            raise MisuseError("A lifespan has a value only while its service runs: in hooks, and beside them.")
        return self._values[0]

    async def begin(self) -> None:
        """Open it; called on the loop that it is to be on. What the function raises comes out of this."""
        begun = asyncio.get_running_loop().create_future()
        self._ending = asyncio.Event()
        # Opened and closed in one task, as what is opened may demand.
        self._task = asyncio.create_task(self._live(begun))
        await asyncio.wait({self._task, begun}, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            self._task.result()

    async def finish(self) -> None:
        """Close it, if it is open."""
        task, self._task = self._task, None
        if task is not None:
            self._ending.set()
            await task

    async def _live(self, begun: asyncio.Future[None]) -> None:
        async with self._enter() as value:
            self._values.append(value)
            begun.set_result(None)
            try:
                await self._ending.wait()
            finally:
                self._values.clear()

    def _enter(self) -> AbstractAsyncContextManager[T]:
        opened = self._open()
        if isinstance(opened, AbstractAsyncContextManager):
            return opened
        return asynccontextmanager(lambda: opened)()
