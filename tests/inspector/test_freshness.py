"""When a placement is due again, as values."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.inspector.freshness import LONGEST_WAIT, SPREAD, decide_next_inspection, decide_next_try

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("quiet_for", "pace"),
    [(timedelta(0), 1), (DAY, 1), (2 * DAY, 3), (7 * DAY, 3), (8 * DAY, 12), (30 * DAY, 12), (31 * DAY, 36)],
)
def test_what_has_long_been_still_is_looked_at_more_rarely(quiet_for: timedelta, pace: int) -> None:
    """By the table: every 5, 15, 60 or 180 minutes, and up to a tenth later."""
    wait = decide_next_inspection(now=NOON, changed_at=NOON - quiet_for, every=EVERY, name="any") - NOON

    assert pace * EVERY <= wait <= pace * EVERY * (1 + SPREAD)


def test_what_has_one_name_keeps_in_step_and_the_rest_is_spread() -> None:
    """The resources of a pipeline are due together; a thousand pipelines are not."""
    moments = [
        decide_next_inspection(now=NOON, changed_at=NOON, every=EVERY, name=f"pipeline-{n}") for n in range(1000)
    ]

    assert moments[7] == decide_next_inspection(now=NOON, changed_at=NOON, every=EVERY, name="pipeline-7")
    assert len(set(moments)) > 500


@pytest.mark.parametrize(
    ("failing_for", "least"),
    [(timedelta(0), EVERY), (2 * EVERY, 2 * EVERY), (DAY / 2, DAY / 2), (9 * DAY, LONGEST_WAIT)],
)
def test_what_goes_on_failing_is_tried_more_rarely(failing_for: timedelta, least: timedelta) -> None:
    """As long as it has been failing, a day at the most."""
    wait = decide_next_try(now=NOON, answered_at=NOON - failing_for, every=EVERY, name="any") - NOON

    assert least <= wait <= least * (1 + SPREAD)


def test_heroku_says_how_long_to_wait_at_the_least() -> None:
    """A 429 is obeyed where the table would come back sooner."""
    hour = timedelta(hours=1)

    assert NOON + hour == decide_next_try(now=NOON, answered_at=NOON, every=EVERY, name="any", hold_off=hour)
