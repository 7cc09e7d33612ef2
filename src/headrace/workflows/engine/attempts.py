"""The engine's rows of steps: what attempts at the steps of workflows came to.

We write them ourselves, as the engine writes those of steps that it runs.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.store.sql.rows import pass_rows, rows_as_table
from headrace.store.sql.upsert import insert_from
from headrace.store.state.resources import AttemptOrder
from headrace.workflows.engine.ledger import name_table, read_moment, spell_moment

operation_outputs = name_table(
    "operation_outputs",
    *("workflow_uuid", "function_id", "function_name", "output", "started_at_epoch_ms", "completed_at_epoch_ms"),
    "serialization",
)
_LIST_OUTCOMES = (
    sa.select(operation_outputs)
    .where(operation_outputs.c.workflow_uuid == sa.bindparam("id"))
    .order_by(operation_outputs.c.function_id)
)
_OF_STEP = (
    operation_outputs.c.workflow_uuid == sa.bindparam("id"),
    operation_outputs.c.function_name == sa.bindparam("name"),
)
_LAST_OF_STEP = sa.select(sa.func.max(operation_outputs.c.function_id)).where(*_OF_STEP).scalar_subquery()
_CHANGE_LAST = (
    sa.update(operation_outputs)
    .where(*_OF_STEP, operation_outputs.c.function_id == _LAST_OF_STEP)
    .values(output=sa.bindparam("text"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a step, once it is over: `reason` is the kind of the error that ended it, None when it is done.

    `wait` is how many seconds later the next attempt comes, None when there is none. What a step returned is not read.
    """

    workflow_id: str
    number: int
    step: str
    began_at: datetime | None
    ended_at: datetime | None
    wait: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What an attempt at a step came to.

    `outcome` has its value as `done`, or the `reason` why there is none: with the seconds to `wait` until the next
    attempt, or, where none follows, with the `message` for the customer, if there is one.
    """

    step: str
    began_at: datetime
    ended_at: datetime
    outcome: Mapping[str, Any]

    @property
    def has_next(self) -> bool:
        """Whether another attempt follows."""
        return "wait" in self.outcome

    def conclude(self) -> "StepOutcome":
        """Return the outcome of an attempt that failed as that of one after which no other follows."""
        return replace(self, outcome={"reason": self.outcome["reason"], "message": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAttempt:
    """An attempt that is to be kept, under its number in its workflow, with what it came to."""

    workflow_id: str
    uuid: str
    number: int
    outcome: StepOutcome
    has_failed_before: bool

    def heed(self, order: AttemptOrder | None) -> "KeptAttempt":
        """Return the attempt as the last one at its step, if it failed and the order is to give that up."""
        is_over = order is not None and order.is_to_give_up(self.outcome.step) and self.outcome.has_next
        return replace(self, outcome=self.outcome.conclude()) if is_over else self


class _Outcome(msgspec.Struct):
    """Of what an attempt left behind, what tells how it ended."""

    wait: float | None = None
    reason: str | None = None


def list_attempts(connection: sa.Connection, workflow_ids: Collection[str]) -> dict[str, Sequence[Attempt]]:
    """Return the attempts at the steps of these workflows that are over, in order."""
    steps = operation_outputs
    query = (
        sa.select(steps)
        .where(steps.c.workflow_uuid.in_(workflow_ids), sa.not_(steps.c.function_name.like("DBOS.%")))
        .order_by(steps.c.workflow_uuid, steps.c.function_id)
    )
    found: dict[str, list[Attempt]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.workflow_uuid].append(_read_attempt(row))
    return dict(found)


def list_outcomes(connection: sa.Connection, workflow_id: str) -> list[tuple[int, StepOutcome]]:
    """Return what attempts at the steps of a workflow came to, in order, each with its number.

    The engine's own waiting, which an older release kept there too, came to nothing.
    """
    rows = connection.execute(_LIST_OUTCOMES, {"id": workflow_id})
    return [(row.function_id, _read_outcome(row)) for row in rows]


def add_outcomes(connection: sa.Connection, attempts: Sequence[KeptAttempt]) -> None:
    """Keep what attempts came to, one or more, as the engine keeps the steps that it runs itself."""
    rows = (
        {
            "workflow_uuid": each.workflow_id,
            "function_id": each.number,
            "function_name": each.outcome.step,
            "output": msgspec.json.encode(each.outcome.outcome).decode(),
            "started_at_epoch_ms": spell_moment(each.outcome.began_at),
            "completed_at_epoch_ms": spell_moment(each.outcome.ended_at),
        }
        for each in attempts
    )
    connection.execute(_build_add_outcomes(connection.dialect.name), pass_rows(connection, rows))


@cache
def _build_add_outcomes(dialect: str) -> sa.Insert:
    texts = dict.fromkeys(("workflow_uuid", "function_name", "output"), sa.Text())
    numbers = dict.fromkeys(("function_id", "started_at_epoch_ms", "completed_at_epoch_ms"), sa.BigInteger())
    rows = rows_as_table(dialect, **texts, **numbers)
    insert: sa.Insert = insert_from(
        dialect, operation_outputs, {**rows.c, "serialization": sa.literal("portable_json")}
    )
    return insert


def conclude_last(connection: sa.Connection, workflow_id: str, outcome: StepOutcome) -> None:
    """Keep of the latest attempt at a step that no other follows."""
    text = msgspec.json.encode(outcome.outcome).decode()
    connection.execute(_CHANGE_LAST, {"id": workflow_id, "name": outcome.step, "text": text})


def _read_attempt(row: sa.Row[Any]) -> Attempt:
    try:
        outcome = msgspec.json.decode(row.output or "{}", type=_Outcome)
    except msgspec.DecodeError:
        # It is of a release that wrote it in another way.
        outcome = _Outcome()
    return Attempt(
        workflow_id=row.workflow_uuid,
        number=row.function_id,
        step=row.function_name,
        began_at=read_moment(row.started_at_epoch_ms) if row.started_at_epoch_ms else None,
        ended_at=read_moment(row.completed_at_epoch_ms) if row.completed_at_epoch_ms else None,
        wait=outcome.wait,
        reason=outcome.reason,
    )


def _read_outcome(row: sa.Row[Any]) -> StepOutcome:
    return StepOutcome(
        step=row.function_name,
        began_at=read_moment(row.started_at_epoch_ms or 0),
        ended_at=read_moment(row.completed_at_epoch_ms or 0),
        outcome={} if row.function_name.startswith("DBOS.") else msgspec.json.decode(row.output),
    )
