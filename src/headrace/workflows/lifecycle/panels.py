"""What the partner shows of a resource on a card of the board, and the numbers that are kept of it."""

import asyncio
import logging
from datetime import date, timedelta
from functools import partial
from time import monotonic

from headrace.errors import HeadraceError, HookFailed, MisuseError
from headrace.hooks.panel import Panel
from headrace.hooks.registry import Hooks
from headrace.hooks.steps import StepBook, refuse_steps
from headrace.inspector.board import PlacedResource
from headrace.inspector.concurrency import gather_bounded
from headrace.logs import LogName
from headrace.store.state.panel_metrics import forget_panel_metrics, list_unread, save_panel_metrics
from headrace.workflows.engine.redaction import Redaction, spell_error
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.failures import Failures
from headrace.workflows.lifecycle.hook_arguments import find_hook_resource

log = logging.getLogger(__name__)

# In the worker, where nobody waits for them.
PAGE, AT_ONCE = 50, 8
METRICS_SECONDS = 10.0
# When all were asked, or failed: how long until those that failed, and the new ones, are looked for.
REST_SECONDS = 600.0


class Panels:
    """Asks the partner's panel hook: while somebody waits for the board, and once a day for its numbers."""

    def __init__(self, core: Core, hooks: Hooks, redaction: Redaction, failures: Failures, *, keep: timedelta) -> None:
        """`keep` is for how long the numbers stay; for no time at all, nobody is asked for them."""
        self.failures = failures
        self._core = core
        self._hooks = hooks
        self._redaction = redaction
        self._keep_for = keep
        self._after = ""
        self._rests_until = 0.0

    @property
    def is_there(self) -> bool:
        """Whether the partner has such a hook."""
        return self._hooks.has("panel")

    async def find(self, placed: PlacedResource) -> Panel | None:
        """Return what the hook shows of a resource.

        Raises:
            HookFailed: it raised an error; the text is its traceback without secrets.
            MisuseError: it returned something else.
        """
        return await self._ask(placed.uuid)

    async def run_once(self) -> None:
        """Keep today's numbers of some resources, in the worker.

        Any number of workers may: what was read is not asked for again, and what was read twice is kept once. A hook
        that fails is asked again when all others were.
        """
        if not (self._keep_for and self.is_there) or monotonic() < self._rests_until:
            return
        day = self._core.clock().date()
        uuids = await self._core.database.read(list_unread, day, after=self._after, limit=PAGE)
        failures = await gather_bounded(partial(self._keep, day), uuids, limit=AT_ONCE)
        if failed := [failure for failure in failures if failure]:
            uuid, error = failed[0]
            extra = {"resource": uuid, "count": len(failed)}
            log.error(LogName.PANEL_METRICS_FAILED, extra=extra, exc_info=error)
        self._after = uuids[-1] if len(uuids) == PAGE else ""
        if not self._after:
            self._rests_until = monotonic() + REST_SECONDS
            await self._core.database.write(forget_panel_metrics, before=day - self._keep_for)

    async def _keep(self, day: date, uuid: str) -> tuple[str, Exception] | None:
        """Return what kept a resource's numbers from being kept, None where nothing did."""
        try:
            panel = await asyncio.wait_for(self._ask(uuid), METRICS_SECONDS)
        except (HeadraceError, TimeoutError) as error:
            return uuid, error
        await self._core.database.write(save_panel_metrics, uuid, day, panel.metrics if panel else {})
        return None

    async def _ask(self, uuid: str) -> Panel | None:
        resource = await find_hook_resource(self._core, uuid, steps=StepBook(refuse_steps))
        try:
            panel = await self._hooks.call("panel", resource)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text goes no further unredacted
            text = await self._redaction.redact(uuid, spell_error(error))
            await self.failures.tell(uuid, error, 1, False)
            raise HookFailed(text) from None
        if panel is not None and not isinstance(panel, Panel):
            raise MisuseError(f"The panel hook returned a {type(panel).__name__}; return a Panel or None.")
        return panel
