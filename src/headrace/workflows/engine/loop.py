"""The event loop on which workflows run: what asks Heroku many thousand times is best on the quickest one there is."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from dbos._event_loop import BackgroundEventLoop


class WorkflowLoop(BackgroundEventLoop):
    """The engine's own, on the loop that the web is on too: uvloop's, where `headrace[fast]` has brought it."""

    def __init__(self, needs_no_thread: Callable[[], bool]) -> None:
        """`needs_no_thread` says, where somebody has a thread call something, whether that waits for nothing."""
        super().__init__()
        self._needs_no_thread = needs_no_thread

    def _run_event_loop(self) -> None:
        loop = self._loop = _make_loop()
        asyncio.set_event_loop(loop)
        if self._executor is not None:
            loop.set_default_executor(_SparingThreads(self._executor, self._needs_no_thread))
        self._running = True
        self._ready.set()
        try:
            loop.run_forever()
        finally:
            loop.close()


class _SparingThreads(ThreadPoolExecutor):
    """Another's threads, which are spared what waits for nothing.

    To hand a call over and its result back takes two threads their turn: longer than most of these calls.
    """

    def __init__(self, threads: Executor, needs_no_thread: Callable[[], bool]) -> None:
        # An event loop takes nothing else; of its own it never has any.
        super().__init__(max_workers=1)
        self._others = threads
        self._needs_no_thread = needs_no_thread

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not self._needs_no_thread():
            return self._others.submit(function, *args, **kwargs)
        called: Future[Any] = Future()
        try:
            called.set_result(function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is for whoever waits for the result
            called.set_exception(error)
        return called


def _make_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
