"""What the pulses of several processes say together."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.store.reports.vitals import ALIVE_FOR, SILENT_AFTER, find_silence
from headrace.store.state.pulses import Pulse

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def feel(name: str, *, answered: float | None = None, silent: float | None = None, told: float = 0) -> Pulse:
    """Build the pulse of a process; each figure is how many seconds ago."""
    return Pulse(
        process_id=name,
        is_worker=False,
        at=NOW - told * SECOND,
        ahead_of_database=0.0,
        ahead_of_heroku=None,
        problem=None,
        heroku_answered_at=None if answered is None else NOW - answered * SECOND,
        heroku_silent_since=None if silent is None else NOW - silent * SECOND,
    )


@pytest.mark.parametrize(
    ("pulses", "since"),
    [
        pytest.param([], None, id="nobody lives"),
        pytest.param([feel("a"), feel("b")], None, id="nobody has asked"),
        pytest.param([feel("a", answered=100, silent=90)], 90, id="it has stopped to answer"),
        pytest.param([feel("a", answered=100, silent=90), feel("b")], 90, id="another has not asked"),
        pytest.param([feel("a", answered=100, silent=90), feel("b", silent=95)], 95, id="the longest counts"),
        pytest.param([feel("a", answered=100, silent=90), feel("b", answered=5)], None, id="another is answered"),
        pytest.param(
            [feel("a", answered=100, silent=90), feel("b", answered=60, silent=50)], 50, id="one was cut off before"
        ),
        pytest.param([feel("a", silent=SILENT_AFTER.total_seconds() - 1)], None, id="only just"),
        pytest.param([feel("a", silent=90, told=ALIVE_FOR.total_seconds())], None, id="who says so is dead"),
    ],
)
def test_heroku_is_silent_when_it_answers_no_living_process(pulses: list[Pulse], since: int | None) -> None:
    assert (None if since is None else NOW - since * SECOND) == find_silence(pulses, now=NOW)
