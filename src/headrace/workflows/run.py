"""One run of a workflow: its steps, each done once, tried again as the retry table says."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from headrace.errors import HeadraceError, Refused
from headrace.protocol.retries import Policy, decide_retry
from headrace.workflows.masks import Mask, spell_error

log = logging.getLogger(__name__)

JSON = Any


class StepFailed(Exception):
    """A step gave up. `reason` is the kind of its last error; `message` may be shown to the customer, if set."""

    def __init__(self, step: str, *, reason: str, message: str | None) -> None:
        self.step = step
        self.reason = reason
        self.message = message
        super().__init__(f"step {step} gave up: {reason}")


class Steps(Protocol):
    """What keeps the steps of the workflow that calls it: DBOS."""

    async def run_step(self, name: str, function: Callable[[], Awaitable[JSON]]) -> JSON: ...

    async def pause(self, seconds: float) -> None: ...


class Run:
    """One run of a workflow: it checkpoints steps, so that a step that is done is not done again."""

    def __init__(
        self,
        workflow_id: str,
        uuid: str,
        *,
        steps: Steps,
        clock: Callable[[], datetime],
        retries: dict[type[BaseException], Policy],
        mask: Mask,
    ) -> None:
        self.workflow_id = workflow_id
        self._uuid = uuid
        self._steps = steps
        self._mask = mask
        self._clock = clock
        self._retries = retries

    async def step(self, name: str, function: Callable[[], Awaitable[JSON]]) -> JSON:
        """Run a step until it is done, waiting between attempts as the retry table says.

        A step runs at least once: after a crash it may run again, so it has to be idempotent. Its value is
        stored in clear.

        Raises:
            StepFailed: the retry table gives up.
        """
        started_at: datetime | None = None
        attempt = 0
        while True:
            attempt += 1
            make_attempt = partial(self._attempt, name, function, attempt=attempt, started_at=started_at)
            outcome = await self._steps.run_step(name, make_attempt)
            if "done" in outcome:
                return outcome["done"]
            if "wait" not in outcome:
                raise StepFailed(name, reason=outcome["reason"], message=outcome["message"])
            started_at = datetime.fromisoformat(outcome["started_at"])
            await self._steps.pause(outcome["wait"])

    async def _attempt(
        self, name: str, function: Callable[[], Awaitable[JSON]], *, attempt: int, started_at: datetime | None
    ) -> dict[str, JSON]:
        """Make one attempt and return its outcome; an error becomes a value, so that no text of one is stored."""
        began = started_at or self._clock()
        try:
            return {"done": await function()}
        except Exception as error:  # noqa: BLE001 - the worker's one boundary: a hook may raise anything
            now = self._clock()
            wait = decide_retry(error, attempt=attempt, started_at=began, now=now, table=self._retries)
            await self._report(name, error, attempt=attempt, will_retry=wait is not None)
            if wait is None:
                return {"reason": type(error).__name__, "message": _customer_message(error)}
            reason = type(error).__name__
            return {"wait": wait.total_seconds(), "started_at": began.isoformat(), "reason": reason}

    async def _report(self, name: str, error: Exception, *, attempt: int, will_retry: bool) -> None:
        detail = {"workflow": self.workflow_id, "step": name, "attempt": attempt, "error": type(error).__name__}
        if isinstance(error, Refused):
            log.info("step.refused", extra=detail)
            return
        if isinstance(error, HeadraceError):
            detail["error"] = await self._mask(self._uuid, str(error))
        else:
            # Of a hook's own error the operator wants the traceback.
            detail["traceback"] = await self._mask(self._uuid, spell_error(error))
        log.log(_level(will_retry), "step.failed", extra={**detail, "will_retry": will_retry})


def _level(will_retry: bool) -> int:  # noqa: FBT001
    return logging.WARNING if will_retry else logging.ERROR


def _customer_message(error: Exception) -> str | None:
    """Only what a hook says with Refused is meant for the customer."""
    return error.message if isinstance(error, Refused) else None
