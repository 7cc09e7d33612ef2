"""What the steps of a workflow have come to so far: read once a run, and added to.

It is the engine's own table of steps, in the engine's own form. We write it ourselves because the engine does so for
every step, in two transactions, and needs them to come in the same order in each run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.state.resources import AttemptOrder, find_attempt_order, take_attempt_order
from headrace.workflows.engine.attempts import StepOutcome, add_outcome, conclude_last, list_outcomes
from headrace.workflows.engine.ledger import find_carried


class Journal:
    """The steps of one workflow, for one run of it."""

    def __init__(
        self, database: Database, workflow_id: str, *, uuid: str, carried: Mapping[str, Any] | None = None
    ) -> None:
        """`carried` is what a workflow took over that never ran before: of such a one there is nothing to read."""
        self._database = database
        self._uuid = uuid
        self._workflow_id = workflow_id
        self._number = 0
        self._known: defaultdict[str, list[StepOutcome]] = defaultdict(list)
        self._is_read = carried is not None
        self._carried: Mapping[str, Any] = carried or {}

    async def open(self) -> Mapping[str, Any]:
        """Read, once, what steps came to before this run; return what the workflow took over of a request."""
        if not self._is_read:
            self._is_read = True
            self._carried, outcomes = await self._database.read(_read, self._workflow_id)
            for number, outcome in outcomes:
                self._number = number
                if outcome.outcome:
                    self._known[outcome.step].append(outcome)
        return self._carried

    async def recall(self, name: str) -> Sequence[StepOutcome]:
        """Return what attempts at a step came to, in this run or before it; what is recorded later is added."""
        await self.open()
        return self._known[name]

    async def record(self, outcome: StepOutcome) -> None:
        """Keep what an attempt came to.

        An order that was given before is heeded with it: where it was to give up, no attempt follows one that failed.

        Raises:
            Superseded: another worker has the workflow.
        """
        self._number += 1
        write = self._record_heeding if self._known[outcome.step] else self._record
        self._known[outcome.step].append(await self._database.write(write, self._number, outcome))

    async def find_order(self) -> AttemptOrder | None:
        """Return what an operator has ordered of the next attempt, if that was not heeded yet."""
        return await self._database.read(find_attempt_order, self._uuid, self._workflow_id)

    async def drop_order(self) -> None:
        """Have an order count as heeded that is about something past."""
        await self._database.write(take_attempt_order, self._uuid, self._workflow_id)

    async def conclude(self, last: StepOutcome) -> None:
        """Heed the order to give up: after the latest attempt at a step, which failed, no other follows.

        Raises:
            Superseded: another worker has the workflow.
        """
        concluded = last.conclude()
        await self._database.write(self._conclude, concluded)
        self._known[last.step][-1] = concluded

    def _record(self, connection: sa.Connection, number: int, outcome: StepOutcome) -> StepOutcome:
        add_outcome(connection, self._workflow_id, number, outcome)
        return outcome

    def _record_heeding(self, connection: sa.Connection, number: int, outcome: StepOutcome) -> StepOutcome:
        order = take_attempt_order(connection, self._uuid, self._workflow_id)
        is_over = order is not None and order.is_to_give_up(outcome.step)
        return self._record(connection, number, outcome.conclude() if is_over and outcome.has_next else outcome)

    def _conclude(self, connection: sa.Connection, outcome: StepOutcome) -> None:
        take_attempt_order(connection, self._uuid, self._workflow_id)
        conclude_last(connection, self._workflow_id, outcome)


def _read(connection: sa.Connection, workflow_id: str) -> tuple[Mapping[str, Any], list[tuple[int, StepOutcome]]]:
    return find_carried(connection, workflow_id), list_outcomes(connection, workflow_id)
