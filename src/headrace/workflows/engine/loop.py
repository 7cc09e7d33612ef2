"""The event loop on which workflows run: what asks Heroku many thousand times is best on the quickest one there is."""

import asyncio

from dbos._event_loop import BackgroundEventLoop


class WorkflowLoop(BackgroundEventLoop):
    """The engine's own, on the loop that the web is on too: uvloop's, where `headrace[fast]` has brought it."""

    def _run_event_loop(self) -> None:
        loop = self._loop = _make_loop()
        asyncio.set_event_loop(loop)
        if self._executor is not None:
            loop.set_default_executor(self._executor)
        self._running = True
        self._ready.set()
        try:
            loop.run_forever()
        finally:
            loop.close()


def _make_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
