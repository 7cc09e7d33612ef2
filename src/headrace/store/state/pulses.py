"""Queries about processes: which of them live, and what time they have."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from headrace.store.sql.tables.counted import pulse
from headrace.store.sql.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """That a process lives, as it told last: `at` is by the database's clock.

    Its own clock is `ahead_of_database` seconds ahead, and `ahead_of_heroku`, as far as Heroku has told it the time.
    `problem` is what keeps a worker from working. `heroku_answered_at` and `heroku_silent_since` are when Heroku last
    answered it, and since when it does not; None where it was not asked.
    """

    process_id: str
    is_worker: bool
    at: datetime
    ahead_of_database: float
    ahead_of_heroku: float | None
    problem: str | None
    heroku_answered_at: datetime | None
    heroku_silent_since: datetime | None


def read_database_clock(connection: sa.Connection) -> datetime:
    """Return what time it is for the database; a file of SQLite's has its machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def save_pulse(connection: sa.Connection, process: Pulse) -> None:
    row = asdict(process)
    upsert(connection, pulse, row, changes=tuple(name for name in row if name != "process_id"))


def list_pulses(connection: sa.Connection) -> list[Pulse]:
    """Return what processes told last, whoever told last of all first."""
    rows = connection.execute(sa.select(pulse).order_by(pulse.c.at.desc()))
    return [Pulse(**row._mapping) for row in rows]  # noqa: SLF001


def forget_pulses(connection: sa.Connection, *, before: datetime) -> None:
    """Delete processes that have ended; the last that told anything stays, so that it is known when that was."""
    latest = sa.select(sa.func.max(pulse.c.at)).scalar_subquery()
    connection.execute(sa.delete(pulse).where(pulse.c.at < before, pulse.c.at < latest))
