"""When to inspect a placement again: the sooner, the likelier that it has changed.

| since the place last changed | an inspection every | with the default of 5 minutes |
|---|---|---|
| up to a day | `every` | 5 min |
| up to a week | 3 x `every` | 15 min |
| up to a month | 12 x `every` | 1 h |
| longer | 36 x `every` | 3 h |

A person who opens the board, a webhook about the app and a plan change make a placement due at once, whatever
stands here. An inspection that fails is tried again after `every`, later as long as it has been failing, and after a
day at the latest.
"""

import zlib
from datetime import datetime, timedelta

PACES = ((timedelta(days=1), 1), (timedelta(days=7), 3), (timedelta(days=30), 12))
SLOWEST_PACE = 36
LONGEST_WAIT = timedelta(days=1)
# So that what came at the same time, such as an import, is not due at the same time for ever.
SPREAD = 0.1


def decide_next_inspection(*, now: datetime, changed_at: datetime, every: timedelta, name: str) -> datetime:
    """Return when a placement is due that Heroku answered about just now.

    `changed_at` is when the app came to its place. What has the same `name` keeps in step: the resources of one
    pipeline are inspected together, because one answer tells about all of them.
    """
    return now + every * (_find_pace(now - changed_at) * _spread(name))


def decide_next_try(
    *, now: datetime, answered_at: datetime | None, every: timedelta, name: str, hold_off: timedelta = timedelta(0)
) -> datetime:
    """Return when to try again what failed just now. `hold_off` is what Heroku asks to wait at the least."""
    failing_for = now - answered_at if answered_at else every
    wait = min(max(failing_for, every), LONGEST_WAIT) * _spread(name)
    return now + max(wait, hold_off)


def find_longest_wait(every: timedelta) -> timedelta:
    """Return how long no placement waits that was asked about just now; what Heroku asks to wait is an hour at most."""
    return max(every * SLOWEST_PACE, LONGEST_WAIT) * (1 + SPREAD)


def _find_pace(quiet_for: timedelta) -> int:
    for longest, pace in PACES:
        if quiet_for <= longest:
            return pace
    return SLOWEST_PACE


def _spread(name: str) -> float:
    """A number between 1 and 1 + SPREAD, always the same for a name."""
    return 1 + SPREAD * (zlib.crc32(name.encode()) % 1000) / 1000
