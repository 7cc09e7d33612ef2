"""What the steps of a workflow have come to so far: read once a run, and added to.

It is the engine's own table of steps, in the engine's own form. We write it ourselves because the engine does so for
every step, in two transactions, and needs them to come in the same order in each run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.workflows.engine.attempts import StepOutcome, add_outcome, list_outcomes
from headrace.workflows.engine.ledger import find_carried


class Journal:
    """The steps of one workflow, for one run of it."""

    def __init__(self, database: Database, workflow_id: str) -> None:
        self._database = database
        self._workflow_id = workflow_id
        self._number = 0
        self._known: defaultdict[str, list[StepOutcome]] = defaultdict(list)
        self._is_read = False
        self._carried: Mapping[str, Any] = {}

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

        Raises:
            Superseded: another worker has the workflow.
        """
        self._number += 1
        await self._database.write(add_outcome, self._workflow_id, self._number, outcome)
        self._known[outcome.step].append(outcome)


def _read(connection: sa.Connection, workflow_id: str) -> tuple[Mapping[str, Any], list[tuple[int, StepOutcome]]]:
    return find_carried(connection, workflow_id), list_outcomes(connection, workflow_id)
