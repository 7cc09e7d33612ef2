"""One run of a workflow: its steps, each done once, tried again as the retry table says."""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from headrace.errors import HeadraceError, Refused
from headrace.hooks.registry import find_blamed
from headrace.logs import LogName
from headrace.protocol.retries import Policy, decide_retry
from headrace.telemetry.context import about
from headrace.telemetry.tracing import span
from headrace.workflows.engine.attempts import StepOutcome
from headrace.workflows.engine.journal import Journal
from headrace.workflows.engine.redaction import Redact, spell_error

log = logging.getLogger(__name__)

JSON = Any
# Is told of an attempt that failed: the resource's uuid, the error, which attempt it was, and whether another follows.
Tell = Callable[[str, Exception, int, bool], Awaitable[None]]


class StepFailed(HeadraceError):
    """A step gave up. `reason` is the kind of its last error; `message` may be shown to the customer, if set."""

    def __init__(self, step: str, *, reason: str, message: str | None) -> None:
        self.step = step
        self.reason = reason
        self.message = message
        super().__init__(f"step {step} gave up: {reason}")


class WorkflowFailed(HeadraceError):
    """A workflow ended with an error of its own, not of a step; the text is only the error's kind."""


class Places(Protocol):
    """Where a run counts as at work, or as waiting: the room of its worker."""

    def working(self, workflow_id: str, step: str) -> AbstractContextManager[None]: ...

    async def rest(self, workflow_id: str, seconds: float) -> None: ...


class Run:
    """One run of a workflow: it keeps what its steps came to, so that what is done is not done again."""

    def __init__(
        self,
        workflow_id: str,
        uuid: str,
        *,
        places: Places,
        journal: Journal,
        clock: Callable[[], datetime],
        retries: dict[type[BaseException], Policy],
        redact: Redact,
        confirm: Callable[[], Awaitable[None]],
        tell: Tell | None = None,
    ) -> None:
        """`confirm` raises Superseded when another worker has the workflow; `tell` is told of attempts that failed."""
        self._tell = tell
        self.workflow_id = workflow_id
        self._uuid = uuid
        self._places = places
        self.journal = journal
        self._redact = redact
        self._confirm = confirm
        self._clock = clock
        self._retries = retries

    async def step(self, name: str, function: Callable[[], Awaitable[JSON]], *, leaves_traces: bool = False) -> JSON:
        """Run a step until it is done, waiting between attempts as the retry table says.

        A step runs at least once: after a crash it may run again, so it has to be idempotent. Its value is
        stored in clear. A workflow has one step of a name.

        One that `leaves_traces` of its effect, in the transaction that has it, and looks for them first, is done
        without anything being stored of it: after a crash it runs again and finds them.

        Raises:
            StepFailed: the retry table gives up.
        """
        past = await self.journal.recall(name)
        while True:
            if past:
                last = past[-1].outcome
                if "done" in last:
                    return last["done"]
                if "wait" not in last:
                    raise StepFailed(name, reason=last["reason"], message=last["message"])
                if not await self._may_go_on(past[-1], attempts=len(past)):
                    await self.journal.conclude(past[-1])
                    continue
            with self._places.working(self.workflow_id, name):
                attempt = await self._attempt(name, function, past)
                if leaves_traces and not past and "done" in attempt.outcome:
                    return attempt.outcome["done"]
                await self.journal.record(attempt)

    async def find_failure(self, names: Collection[str]) -> StepFailed | None:
        """Return how one of these steps has given up, before a crash say; None when none has."""
        for name in names:
            for step in await self.journal.recall(name):
                if "reason" in step.outcome and "wait" not in step.outcome:
                    return StepFailed(name, reason=step.outcome["reason"], message=step.outcome["message"])
        return None

    async def _may_go_on(self, last: StepOutcome, *, attempts: int) -> bool:
        """Wait for the next attempt, and return whether there is one: an operator may order that there is none.

        The order is looked for whenever an attempt could begin, and once more when what it came to is kept: one that
        has begun is brought to its end, and if it is done the order came too late.
        """
        while True:
            order = await self.journal.find_order()
            if order is not None and order.is_to_give_up(last.step):
                return False
            left = self._measure_wait(last)
            if left <= timedelta(0) or (order is not None and order.is_to_try_now(last.step, attempts=attempts)):
                # A machine that sleeps, sleeps here.
                await self._confirm()
                return True
            if order is not None:
                await self.journal.drop_order()
            await self._places.rest(self.workflow_id, left.total_seconds())

    def _measure_wait(self, last: StepOutcome) -> timedelta:
        """Return how long to wait yet; what has passed since then counts, also of the time that nobody was there."""
        wait = timedelta(seconds=last.outcome["wait"])
        return min(last.ended_at + wait - self._clock(), wait)

    async def _attempt(
        self, name: str, function: Callable[[], Awaitable[JSON]], past: Sequence[StepOutcome]
    ) -> StepOutcome:
        """Make one attempt and return its outcome; an error becomes a value, so that no text of one is stored."""
        began_at = self._clock()
        first_at = past[0].began_at if past else began_at
        attempt = len(past) + 1
        outcome: dict[str, JSON]
        try:
            with about(step=name, attempt=attempt), span(f"step {name}", headrace_attempt=attempt):
                outcome = {"done": await function()}
        except Exception as error:  # noqa: BLE001 - the worker's one boundary: a hook may raise anything
            reason = type(error).__name__
            wait = decide_retry(error, attempt=attempt, started_at=first_at, now=self._clock(), table=self._retries)
            await self._report(name, error, attempt=attempt, will_retry=wait is not None)
            if self._tell is not None:
                await self._tell(self._uuid, error, attempt, wait is not None)
            if wait is None:
                outcome = {"reason": reason, "message": _customer_message(error)}
            else:
                outcome = {"wait": wait.total_seconds(), "reason": reason}
        return StepOutcome(step=name, began_at=began_at, ended_at=self._clock(), outcome=outcome)

    async def _report(self, name: str, error: Exception, *, attempt: int, will_retry: bool) -> None:
        detail = {"workflow": self.workflow_id, "step": name, "attempt": attempt, "error": type(error).__name__}
        if (hook := find_blamed(error)) is not None:
            detail["hook"] = hook
        if isinstance(error, Refused):
            told = await self._redact(self._uuid, error.message)
            log.info(LogName.STEP_REFUSED, extra={**detail, "told": told})
            return
        if isinstance(error, HeadraceError):
            detail["error"] = await self._redact(self._uuid, str(error))
        else:
            # Of a hook's own error the operator wants the traceback.
            detail["traceback"] = await self._redact(self._uuid, spell_error(error))
        log.log(_level(will_retry), LogName.STEP_FAILED, extra={**detail, "will_retry": will_retry})


def _level(will_retry: bool) -> int:  # noqa: FBT001
    return logging.WARNING if will_retry else logging.ERROR


def _customer_message(error: Exception) -> str | None:
    """Only what a hook says with Refused is meant for the customer."""
    return error.message if isinstance(error, Refused) else None
