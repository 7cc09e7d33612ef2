"""The event loop of a service's async hooks: one in a process, on a thread of its own, be it a worker or a web process.

So what a hook opens, a client session say, is of the loop that every other hook runs on, whoever calls it; and a hook
that blocks holds up other hooks, and neither HTTP nor workflows.
"""

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LOOP_THREAD = "headrace-hook-loop"


class HookLoop:
    """Made when it is needed, also after the end."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    @property
    def running(self) -> asyncio.AbstractEventLoop | None:
        """The loop, None before it is needed and after its end."""
        return self._loop

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, in the context of whoever calls this, and return what it returns.

        That ends with the caller: where this is cancelled, so is the coroutine.
        """
        loop = self._begin()
        if asyncio.get_running_loop() is loop:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))

    async def wait_for(self, awaitable: Awaitable[T]) -> T:
        """Await there what a plain function returned."""

        async def wait() -> T:
            return await awaitable

        return await self.run(wait())

    def end(self) -> None:
        """End the loop, and cancel what still runs on it; nobody is waited for."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _begin(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A hook that blocks it for ever keeps no process from its end.
                threading.Thread(target=_run, args=(self._loop,), name=LOOP_THREAD, daemon=True).start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
