"""What the steps of a workflow have come to so far: read once a run, and added to.

It is the engine's own table of steps, in the engine's own form. We write it ourselves because the engine does so for
every step, in two transactions, and needs them to come in the same order in each run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.group_commit import GATHERED_SECONDS
from headrace.store.state.resources import AttemptOrder, find_attempt_order, take_attempt_order, take_attempt_orders
from headrace.workflows.engine.attempts import KeptAttempt, StepOutcome, add_outcomes, conclude_last, list_outcomes
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
        attempt = KeptAttempt(
            workflow_id=self._workflow_id,
            uuid=self._uuid,
            number=self._number,
            outcome=outcome,
            has_failed_before=bool(self._known[outcome.step]),
        )
        # While Heroku is away, hundreds fail at once.
        kept = await self._database.write_together(_record, attempt, gathered_for=GATHERED_SECONDS)
        self._known[outcome.step].append(kept)

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

    def _conclude(self, connection: sa.Connection, outcome: StepOutcome) -> None:
        take_attempt_order(connection, self._uuid, self._workflow_id)
        conclude_last(connection, self._workflow_id, outcome)


def _record(connection: sa.Connection, attempts: Sequence[KeptAttempt]) -> list[StepOutcome]:
    """Keep what attempts came to, and return it: no other follows where the order was to give up."""
    again = {each.workflow_id: each.uuid for each in attempts if each.has_failed_before}
    orders = take_attempt_orders(connection, again) if again else {}
    kept = [each.heed(orders.get(each.workflow_id)) for each in attempts]
    add_outcomes(connection, kept)
    return [each.outcome for each in kept]


def _read(connection: sa.Connection, workflow_id: str) -> tuple[Mapping[str, Any], list[tuple[int, StepOutcome]]]:
    return find_carried(connection, workflow_id), list_outcomes(connection, workflow_id)
