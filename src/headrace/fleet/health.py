"""Whether all is well, and if not, whether it is Heroku, headrace or the partner's hooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from headrace.errors import HerokuBroken, RateLimited, Unreachable
from headrace.fleet.day import Day, Hour, load_day
from headrace.store.reports.sync import load_sync_state
from headrace.store.reports.vitals import Trouble, find_silence, find_troubles, load_vitals

# Looks that fail for these reasons fail at Heroku's side.
OF_HEROKU = (HerokuBroken.__name__, Unreachable.__name__, RateLimited.__name__)
# A single failure is no fault of a whole; and of many, so few are not either.
FEWEST, SHARE = 3, 0.05


class Fault(StrEnum):
    """Where what is wrong is wrong."""

    NONE = "none"
    HEROKU = "heroku"
    HEADRACE = "headrace"
    HOOKS = "hooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the service is doing now, and how its last day was.

    `failed_checks` counts live resources whose last look brought no answer, by the kind of the error. `running` is how
    many resources have a workflow that runs or waits, `waiting_since` when the provision that waits longest was asked
    for; `due_since` when the look was due that waits longest.
    """

    fault: Fault
    heroku_silent_since: datetime | None
    failed_checks: Mapping[str, int]
    troubles: Sequence[Trouble]
    workers: int
    running: int
    waiting_since: datetime | None
    due_since: datetime | None
    day: Day


def load_health(connection: sa.Connection, *, now: datetime, recheck_every: timedelta) -> Health:
    """Return how the service is doing by the clock of whoever asks."""
    vitals = load_vitals(connection, now=now)
    checks = load_sync_state(connection, now=now).troubled
    failed_checks = {kind: count for kind, count in checks.items() if kind[:1].isupper()}
    silent_since = find_silence(vitals.pulses, now=now)
    troubles = list(find_troubles(vitals, recheck_every=recheck_every))
    day = load_day(connection, now=now)
    return Health(
        fault=find_fault(silent_since, failed_checks, troubles, day.hours),
        heroku_silent_since=silent_since,
        failed_checks=failed_checks,
        troubles=troubles,
        workers=len(vitals.workers),
        running=vitals.running,
        waiting_since=vitals.waiting_since,
        due_since=vitals.due_since if vitals.due_since and vitals.due_since <= now else None,
        day=day,
    )


def find_fault(
    silent_since: datetime | None, failed_checks: Mapping[str, int], troubles: Sequence[Trouble], hours: Sequence[Hour]
) -> Fault:
    """Return where the fault is: what is Heroku's comes first, as it makes the rest look bad."""
    if silent_since is not None or sum(failed_checks.get(kind, 0) for kind in OF_HEROKU) >= FEWEST:
        return Fault.HEROKU
    if troubles:
        return Fault.HEADRACE
    # The hour that has just begun tells little.
    failed, done = (sum(getattr(hour, name) for hour in hours[-2:]) for name in ("failed", "done"))
    return Fault.HOOKS if failed >= FEWEST and failed > SHARE * (failed + done) else Fault.NONE
