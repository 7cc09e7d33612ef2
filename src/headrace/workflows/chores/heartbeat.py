"""The heartbeat: every process, a worker or not, writes every few seconds that it lives, and what time it has.

What is written is as much as a provision: where the pulse is committed, an acknowledgement would be.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Protocol
from uuid import uuid4

import sqlalchemy as sa

from headrace.store.reports.vitals import LATE_AFTER, find_silence, measure_work
from headrace.store.state.due import find_longest_due
from headrace.store.state.hour_counts import KEPT_FOR, Counts, HourFigure, forget_hour_counts, save_hour_counts
from headrace.store.state.people.logins import write_for_trial
from headrace.store.state.pulses import Pulse, forget_pulses, list_pulses, read_database_clock, save_pulse
from headrace.workflows.chores.counting import HourTally
from headrace.workflows.lifecycle.core import Core

# The engine's own parts are given as long before they count as stuck.
STUCK_AFTER_SECONDS = 300.0
# How much work there is takes a count: it is taken this often, and counts by the hour are written with it.
COUNTED_EVERY_SECONDS = 30.0

# What time it is for the database.
DatabaseClock = Callable[[sa.Connection], datetime]


class Heroku(Protocol):
    """Whether Heroku answers, and what time it has, as far as this process has asked it."""

    def measure_ahead(self) -> float | None: ...
    def measure_silence(self) -> timedelta | None: ...
    def measure_last_answer(self) -> timedelta | None: ...


class Heartbeat:
    """Tells that this process lives, and knows what the last try to tell came to.

    `heroku_silent_since` is since when Heroku has answered no process, as of the last beat; None where it answers.
    `read_clock` is what the own clock is compared with. `stuck_after` is how many seconds one look may stay the one
    that waits longest of all that are late. `tally` is what this process has counted of the hour.
    """

    def __init__(
        self,
        core: Core,
        *,
        heroku: Heroku,
        tally: HourTally,
        read_clock: DatabaseClock = read_database_clock,
        stuck_after: float = STUCK_AFTER_SECONDS,
    ) -> None:
        self._core = core
        self._heroku = heroku
        self._tally = tally
        self._next_count = 0.0
        self.heroku_silent_since: datetime | None = None
        self.read_clock = read_clock
        self._stuck_after = stuck_after
        self._process_id = str(uuid4())
        self._oldest: tuple[datetime | None, float] = (None, 0.0)

    async def beat(self) -> None:
        """Tell that this process lives.

        Raises:
            SQLAlchemyError: the database takes no writes.
        """
        counts = self._tally.take() if monotonic() >= self._next_count else None
        try:
            await self._core.database.write(partial(self._beat, counts=counts))
        except BaseException:
            self._tally.put_back(counts or {})
            raise
        if counts is not None:
            self._next_count = monotonic() + COUNTED_EVERY_SECONDS

    def find_problem(self) -> str | None:
        """Say what keeps this process from the work that it is there for, as of the last beat."""
        engine = self._core.engine
        if not engine.is_worker:
            return None
        since, seen_at = self._oldest
        if since is not None and monotonic() - seen_at > self._stuck_after:
            return "the sweep is stuck: one look has been the latest of all for minutes; read the log, and restart"
        return engine.find_problem()

    def _beat(self, connection: sa.Connection, *, counts: Counts | None) -> None:
        write_for_trial(connection)
        if self._core.engine.is_worker:
            self._watch_sweep(connection)
        beat = self._feel(connection, at=read_database_clock(connection))
        save_pulse(connection, beat)
        pulses = list_pulses(connection)
        if any(each.at < beat.at - LATE_AFTER for each in pulses):
            forget_pulses(connection, before=beat.at - LATE_AFTER)
        self.heroku_silent_since = find_silence(pulses, now=beat.at)
        # Last: every process writes the same rows, and none may wait for them with what another waits for.
        if counts is not None:
            self._count(connection, counts)

    def _count(self, connection: sa.Connection, counts: Counts) -> None:
        """Write down what this process has counted, and how much work there is for all of them."""
        now = self._core.clock()
        running, waiting_since = measure_work(connection)
        waited = max(0.0, (now - waiting_since).total_seconds()) if waiting_since else 0.0
        work = {(HourFigure.IN_WORK, ""): float(running), (HourFigure.OLDEST, ""): waited}
        save_hour_counts(connection, {**counts, **work}, now=now)
        forget_hour_counts(connection, before=now - KEPT_FOR)

    def _feel(self, connection: sa.Connection, *, at: datetime) -> Pulse:
        answered, silent = self._heroku.measure_last_answer(), self._heroku.measure_silence()
        compared = at if self.read_clock is read_database_clock else self.read_clock(connection)
        return Pulse(
            process_id=self._process_id,
            is_worker=self._core.engine.is_worker,
            at=at,
            ahead_of_database=(self._core.clock() - compared).total_seconds(),
            ahead_of_heroku=self._heroku.measure_ahead(),
            problem=self.find_problem(),
            heroku_answered_at=None if answered is None else at - answered,
            heroku_silent_since=None if silent is None else at - silent,
        )

    def _watch_sweep(self, connection: sa.Connection) -> None:
        """Note since when the look that waits longest has been the same one, if it is late."""
        due_since = find_longest_due(connection)
        late = due_since if due_since is not None and self._core.clock() - due_since > LATE_AFTER else None
        if late is None or late != self._oldest[0]:
            self._oldest = (late, monotonic())
