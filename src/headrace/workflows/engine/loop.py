"""The event loop on which workflows run: what asks Heroku many thousand times is best on the quickest one there is."""

import asyncio

from dbos._event_loop import BackgroundEventLoop
from uvicorn.loops.auto import auto_loop_factory


class WorkflowLoop(BackgroundEventLoop):
    """The engine's own, on the loop that uvicorn would choose: uvloop's, where `headrace[fast]` has brought it."""

    def _run_event_loop(self) -> None:
        loop = self._loop = auto_loop_factory()()
        asyncio.set_event_loop(loop)
        if self._executor is not None:
            loop.set_default_executor(self._executor)
        self._running = True
        self._ready.set()
        try:
            loop.run_forever()
        finally:
            loop.close()
