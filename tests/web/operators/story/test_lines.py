"""What a timeline joins, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.store.reports.deliveries import DeliveryRow
from headrace.store.reports.histories import LifecycleRow
from headrace.web.operators.story.lines import Source, fold_lines, join_lines, spell_title
from headrace.workflows.engine.attempts import Attempt

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def event(number: int, name: str, *, at: int = 0, **detail: Any) -> LifecycleRow:
    return LifecycleRow(id=number, at=NOON + at * SECOND, name=name, detail=detail)


def attempt(number: int, step: str, *, at: int, reason: str | None = None, wait: float | None = None) -> Attempt:
    ended_at = NOON + at * SECOND
    return Attempt(
        workflow_id="provision:u:1",
        number=number,
        step=step,
        began_at=ended_at - SECOND,
        ended_at=ended_at,
        wait=wait,
        reason=reason,
    )


DELIVERY = DeliveryRow(
    resource_uuid="u",
    resource_name="acme-1",
    event_id="e1",
    entity="api:app",
    action="update",
    created_at=NOON,
    received_at=NOON + 3 * SECOND,
)
EVENTS = [event(9, "provision.requested"), event(10, "grant.exchanged"), event(11, "provision.done", at=4)]
STEPS = {
    "provision:u:1": [
        attempt(1, "run_hook", at=1, reason="OSError", wait=0.5),
        attempt(3, "run_hook", at=2, reason="OSError", wait=1.0),
        attempt(5, "run_hook", at=3),
    ]
}


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_a_timeline_joins_everything_in_order(*, is_newest_first: bool) -> None:
    """Events, deliveries and steps by their moments; numbers as numbers; and from anywhere on, the rest."""
    lines = join_lines(EVENTS, [DELIVERY], STEPS, since=None, is_newest_first=is_newest_first)
    said = [(line.source, line.id.rpartition(":")[2]) for line in lines]
    rests = [join_lines(EVENTS, [DELIVERY], STEPS, since=line.key, is_newest_first=is_newest_first) for line in lines]

    expected = [
        (Source.EVENT, "9"),
        (Source.EVENT, "10"),
        (Source.STEP, "000001"),
        (Source.STEP, "000003"),
        (Source.DELIVERY, "e1"),
        (Source.STEP, "000005"),
        (Source.EVENT, "11"),
    ]
    assert (expected[::-1] if is_newest_first else expected) == said
    assert [lines[number + 1 :] for number in range(len(lines))] == rests


def test_lines_that_say_the_same_are_one() -> None:
    """With their count and when the last was; what says something else stays apart."""
    lines = join_lines(EVENTS, [DELIVERY], STEPS, since=None, is_newest_first=False)
    folds = fold_lines(lines)

    assert [1, 1, 2, 1, 1, 1] == [fold.count for fold in folds]
    assert (NOON + SECOND, NOON + 2 * SECOND) == (folds[2].line.at, folds[2].last_at)
    assert [False, False, True, False, False, False] == [fold.line.is_failure for fold in folds]
    assert [
        "Provision requested",
        "Grant exchanged",
        "Step run_hook of a provision",
        "Delivery of api:app update",
        "Step run_hook of a provision",
        "Provision done",
    ] == [spell_title(fold.line) for fold in folds]
