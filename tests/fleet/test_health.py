"""Is it Heroku, headrace or the hooks: where a fault is, by what is counted."""

from collections.abc import Mapping

import pytest

from headrace.fleet.day import Hour
from headrace.fleet.health import Fault, find_fault
from headrace.store.reports.vitals import Trouble
from headrace.store.state.notices import NoticeKind
from store.making import NOON

MISSING = [Trouble(kind=NoticeKind.WORKER_MISSING, text="no worker is alive")]


def last_hour(*, done: int, failed: int) -> list[Hour]:
    return [Hour(begins_at=NOON, done=done, refused=9, failed=failed, waiting=9)]


@pytest.mark.parametrize(
    ("is_silent", "failed_checks", "troubles", "hours", "fault"),
    [
        (False, {}, [], last_hour(done=9, failed=2), Fault.NONE),
        (True, {}, MISSING, last_hour(done=0, failed=9), Fault.HEROKU),
        (False, {"HerokuBroken": 2, "Unreachable": 1}, [], [], Fault.HEROKU),
        (False, {"HerokuBroken": 2, "TokenRejected": 99}, [], [], Fault.NONE),
        (False, {}, MISSING, last_hour(done=0, failed=9), Fault.HEADRACE),
        (False, {}, [], last_hour(done=50, failed=3), Fault.HOOKS),
        (False, {}, [], last_hour(done=57, failed=3), Fault.NONE),
    ],
)
def test_a_fault_is_where_it_is(
    is_silent: bool,  # noqa: FBT001
    failed_checks: Mapping[str, int],
    troubles: list[Trouble],
    hours: list[Hour],
    fault: Fault,
) -> None:
    """Heroku's comes first: it makes the rest look bad. Few failures are none, and what a hook refuses is no fault."""
    assert fault == find_fault(NOON if is_silent else None, failed_checks, troubles, hours)
