"""The cohorts of a year that are kept, as they were counted when its last week was over.

To count them goes through all placements and resources there are, and what was known at the end of a week is the same
ever after, but for one thing: a resource's first stage counts if it is told within a day. So those that were
provisioned on the last day are left out, and counted with each report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.store.reports.figures.kept_count import find_kept_row, save_kept_row
from headrace.store.reports.figures.roll_up import UNWATCHED_SECONDS
from headrace.store.reports.weekly.cohorts import Beginnings, Stays, list_beginnings, list_stays

COHORTS = "cohorts"
# How long after a provision its first stage may be told and still count.
TOLD_WITHIN = timedelta(seconds=UNWATCHED_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohorts:
    """How pipelines and resources began, and what became of them."""

    beginnings: Sequence[Beginnings]
    stays: Sequence[Stays]

    def is_same(self, other: "Cohorts") -> bool:
        """Whether both count the same, in whatever order they were read."""
        return {*self.beginnings} == {*other.beginnings} and {*self.stays} == {*other.stays}


def load_cohorts(connection: sa.Connection, *, since: datetime, until: datetime) -> Cohorts:
    """Return the cohorts from one moment to another: what is kept of them, or else what is counted now."""
    settled = load_kept_cohorts(connection, until=until) or count_settled(connection, since=since, until=until)
    recent = list_stays(connection, since=max(since, until - TOLD_WITHIN), until=until)
    return Cohorts(beginnings=settled.beginnings, stays=[*settled.stays, *recent])


def count_settled(connection: sa.Connection, *, since: datetime, until: datetime) -> Cohorts:
    """Count all of them but the stays of what was provisioned on the last day."""
    return Cohorts(
        beginnings=list_beginnings(connection, since=since, until=until),
        stays=list_stays(connection, since=since, until=until, before=until - TOLD_WITHIN),
    )


def load_kept_cohorts(connection: sa.Connection, *, until: datetime) -> Cohorts | None:
    """Return the cohorts that are kept, None where they are not of that moment."""
    row = find_kept_row(connection, COHORTS)
    if row is None or row.as_of != until:
        return None
    beginnings, stays = row.counts
    return Cohorts(beginnings=[Beginnings(*each) for each in beginnings], stays=[Stays(*each) for each in stays])


def save_kept_cohorts(
    connection: sa.Connection, cohorts: Cohorts, *, until: datetime, revision: int, now: datetime
) -> bool:
    """Keep cohorts in the place of what has this revision; return whether that was still there."""
    counts = (cohorts.beginnings, cohorts.stays)
    return save_kept_row(connection, COHORTS, revision, as_of=until, checked_at=now, counts=counts)
