"""Waking: what an operator orders of a workflow that waits for its next attempt reaches its worker."""

from math import inf

from headrace.store.state.resources import list_ordered_workflows
from headrace.workflows.lifecycle.core import Core

MOST = 1000


class Waking:
    """Every worker does it, again and again: whichever has the workflow has it look, until the order was heeded."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run_once(self) -> float:
        """Wake what there are orders about; return after how many seconds to look again, if nothing is told before."""
        ordered = await self._core.database.watch(list_ordered_workflows, limit=MOST)
        self._core.engine.wake(ordered)
        return 0.0 if ordered else inf
