"""Whether anybody works: which processes live, what waits for them, and what is wrong with that."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.tables.schema import resource
from headrace.store.state.due import find_longest_due
from headrace.store.state.notices import NoticeKind
from headrace.store.state.pulses import Pulse, list_pulses, read_database_clock

# Processes tell every five seconds that they live.
ALIVE_FOR = timedelta(seconds=30)
# What a signed login allows, and more than a clock that is kept ever differs.
MOST_SKEW = timedelta(seconds=30)
# What lasts for less is told to nobody: it is over before it is read.
SILENT_AFTER = timedelta(seconds=30)
# Later than this, and than some looks that were missed, the sweep does not keep up or is stuck.
LATE_AFTER = timedelta(minutes=15)
MISSED_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """Which processes live, and what waits.

    `pulses` are of those that live. `silent_for` is how long ago any process was last seen to write, by the database's
    clock; None where none ever was. `waiting_since` is when the provision that waits longest was asked for, `due_since`
    when the look was due that waits longest, and `running` how many resources have a workflow that runs or waits to.
    """

    now: datetime
    pulses: list[Pulse] = field(default_factory=list)
    silent_for: timedelta | None = None
    waiting_since: datetime | None = None
    due_since: datetime | None = None
    running: int = 0

    @property
    def workers(self) -> list[Pulse]:
        return [each for each in self.pulses if each.is_worker]

    @property
    def is_waiting(self) -> bool:
        """Whether there is work for a worker."""
        return self.running > 0 or (self.due_since is not None and self.due_since <= self.now)

    def find_widest_skews(self) -> dict[str, float]:
        """Return by how many seconds a living process's clock differs most from the database's, and from Heroku's."""
        from_database = [each.ahead_of_database for each in self.pulses]
        from_heroku = [each.ahead_of_heroku for each in self.pulses if each.ahead_of_heroku is not None]
        of = {"database": from_database, "heroku": from_heroku}
        return {clock: max(ahead, key=abs) for clock, ahead in of.items() if ahead}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with the service as a whole: a notice that nobody settles, and that is gone when it is over."""

    kind: NoticeKind
    text: str


def load_vitals(connection: sa.Connection, *, now: datetime) -> Vitals:
    """Look at what there is; `now` is by the clock of whoever asks."""
    at_database = read_database_clock(connection)
    pulses = list_pulses(connection)
    running, waiting_since = measure_work(connection)
    return Vitals(
        now=now,
        pulses=[each for each in pulses if at_database - each.at < ALIVE_FOR],
        silent_for=max(at_database - pulses[0].at, timedelta(0)) if pulses else None,
        waiting_since=waiting_since,
        due_since=find_longest_due(connection),
        running=running,
    )


def measure_work(connection: sa.Connection) -> tuple[int, datetime | None]:
    """Return how many resources have a workflow that runs or waits, and since when the oldest provision waits."""
    waiting = sa.select(sa.func.min(resource.c.created_at)).where(resource.c.state == State.PROVISIONING)
    running = sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None))
    return connection.execute(running).scalar_one(), connection.execute(waiting).scalar()


def find_silence(pulses: Iterable[Pulse], *, now: datetime) -> datetime | None:
    """Return since when Heroku has answered none of the processes; `now` is by the database's clock, as the pulses are.

    A process that it still answers outweighs another that it does not: then it is that one's own way to Heroku.
    """
    alive = [each for each in pulses if now - each.at < ALIVE_FOR]
    answered = max((each.heroku_answered_at for each in alive if each.heroku_answered_at), default=None)
    silent = [each.heroku_silent_since for each in alive if each.heroku_silent_since]
    since = min((at for at in silent if answered is None or at >= answered), default=None)
    return since if since is not None and now - since >= SILENT_AFTER else None


def load_troubles(connection: sa.Connection, *, now: datetime, recheck_every: timedelta) -> list[Trouble]:
    return list(find_troubles(load_vitals(connection, now=now), recheck_every=recheck_every))


def find_troubles(vitals: Vitals, *, recheck_every: timedelta) -> Iterator[Trouble]:
    """Say what is wrong."""
    if vitals.silent_for is not None and vitals.silent_for > ALIVE_FOR:
        text = f"no process has written anything for {_spell(vitals.silent_for)}"
        yield Trouble(kind=NoticeKind.DATABASE_UNWRITTEN, text=text)
    if vitals.is_waiting and not vitals.workers:
        since = vitals.waiting_since
        waits = f"a provision has waited for {_spell(vitals.now - since)}" if since else "work waits"
        yield Trouble(kind=NoticeKind.WORKER_MISSING, text=f"no worker is alive, and {waits}")
    for worker in vitals.workers:
        if worker.problem is not None:
            yield Trouble(kind=NoticeKind.WORKER_STUCK, text=worker.problem)
    if is_sweep_late(vitals, recheck_every=recheck_every):
        lag = vitals.now - (vitals.due_since or vitals.now)
        yield Trouble(kind=NoticeKind.SWEEP_LATE, text=f"a look at a placement has been due for {_spell(lag)}")
    yield from _find_skews(vitals)


def is_sweep_late(vitals: Vitals, *, recheck_every: timedelta) -> bool:
    """Whether looks are made far too late; what is claimed and not done is late too."""
    late_after = max(LATE_AFTER, MISSED_LOOKS * recheck_every)
    return vitals.due_since is not None and vitals.now - vitals.due_since > late_after


def _find_skews(vitals: Vitals) -> Iterator[Trouble]:
    for each in vitals.pulses:
        for clock, ahead in (("the database's", each.ahead_of_database), ("Heroku's", each.ahead_of_heroku)):
            if ahead is not None and abs(ahead) > MOST_SKEW.total_seconds():
                process = "worker" if each.is_worker else "web process"
                text = f"the clock of a {process} and {clock} are {abs(ahead):,.0f} s apart"
                yield Trouble(kind=NoticeKind.CLOCKS_DIFFER, text=text)


def _spell(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} minutes"
