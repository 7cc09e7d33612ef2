"""What is counted by the hour as it happens: Heroku's answers, checks that failed, and how much work there was."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from headrace.store.sql.tables.counted import hour_count
from headrace.store.sql.upsert import add_up, raise_to

HOUR = timedelta(hours=1)
KEPT_FOR = timedelta(days=8)


class HourFigure(StrEnum):
    """What is counted.

    `ANSWERS` are Heroku's, by class; `ANSWERED_WITHIN` has them by the bound in seconds that they kept within, and
    `FAILED_CHECKS` is by the kind of the error. Of `IN_WORK`, resources with a workflow, and `OLDEST`, the seconds for
    which the oldest provision had waited, the highest of the hour stands.
    """

    ANSWERS = "answers"
    ANSWERED_WITHIN = "answered_within"
    FAILED_CHECKS = "failed_checks"
    IN_WORK = "in_work"
    OLDEST = "oldest"


SUMS = (HourFigure.ANSWERS, HourFigure.ANSWERED_WITHIN, HourFigure.FAILED_CHECKS)
Counts = Mapping[tuple[HourFigure, str], float]


def save_hour_counts(connection: sa.Connection, counts: Counts, *, now: datetime) -> None:
    """Add sums to those of the hour, and let the highest stand of what is no sum."""
    begins_at = now.replace(minute=0, second=0, microsecond=0)
    # In one order, as every process writes the same rows.
    rows = [
        {"begins_at": begins_at, "figure": figure, "label": label[:30], "value": value}
        for (figure, label), value in sorted(counts.items())
    ]
    if sums := [row for row in rows if row["figure"] in SUMS]:
        add_up(connection, hour_count, sums, "value")
    if highest := [row for row in rows if row["figure"] not in SUMS]:
        raise_to(connection, hour_count, highest, "value")


def list_hour_counts(
    connection: sa.Connection, *, since: datetime
) -> dict[tuple[datetime, HourFigure], dict[str, float]]:
    """Return the values by label, of each hour that began since then and each figure."""
    found: dict[tuple[datetime, HourFigure], dict[str, float]] = {}
    for row in connection.execute(sa.select(hour_count).where(hour_count.c.begins_at >= since)):
        if row.figure in list(HourFigure):
            found.setdefault((row.begins_at, HourFigure(row.figure)), {})[row.label] = row.value
    return found


def forget_hour_counts(connection: sa.Connection, *, before: datetime) -> None:
    connection.execute(sa.delete(hour_count).where(hour_count.c.begins_at < before))
