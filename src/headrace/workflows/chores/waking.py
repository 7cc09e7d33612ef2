"""Waking: what an operator orders of a workflow that waits for its next attempt reaches its worker."""

from headrace.store.state.resources import list_ordered_workflows
from headrace.workflows.lifecycle.core import Core

MOST = 1000


class Waking:
    """Every worker does it, again and again: whichever has the workflow has it look, until the order was heeded."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run_once(self) -> None:
        self._core.engine.wake(await self._core.database.watch(list_ordered_workflows, limit=MOST))
