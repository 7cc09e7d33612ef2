"""What is told of a fleet at once: the gauges of a scrape, and the report of a week, of what is kept and without it."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headrace.fleet.experiments import COHORT_WEEKS
from headrace.fleet.insights import WEEK
from headrace.fleet.report import load_report
from headrace.store.reports.figures.kept_count import (
    NAME,
    KeptCount,
    begin_to_keep,
    count_until,
    forget_kept,
    list_kept,
    save_kept,
)
from headrace.store.reports.figures.metrics import count_provisioned, load_check_counts, load_fleet_counts
from headrace.store.reports.figures.roll_up import begin
from headrace.store.reports.weekly.kept_cohorts import COHORTS, count_settled, save_kept_cohorts
from headrace.store.sql.database import Database

# What has happened since is counted with each scrape.
QUARTER = timedelta(minutes=15)
SMALL_PLANS = ("free",)


def measure_reporting(database: Database, *, now: datetime) -> dict[str, float]:
    """Return the seconds of each; what comes out of what is kept is what comes out of everything."""
    figures: dict[str, float] = {}

    def time_it(name: str, ask: Callable[[sa.Connection], Any]) -> Any:
        with database.reads.connect() as connection:
            began = time.perf_counter()
            found = ask(connection)
            figures[name] = time.perf_counter() - began
        return found

    everything = time_it("gauges, of everything", count_provisioned)
    _keep_fleet(database, now - QUARTER)
    assert everything == time_it("gauges", lambda connection: load_fleet_counts(connection, now=now)).provisioned
    time_it("gauges, of looks", load_check_counts)
    counted = time_it("a report, of everything", lambda connection: _report(connection, now))
    _keep_cohorts(database, begin(now.date() - timedelta(days=now.weekday())))
    kept = time_it("a report", lambda connection: _report(connection, now))
    assert counted == kept
    with database.transaction() as connection:
        forget_kept(connection)
    return figures


def _report(connection: sa.Connection, now: datetime) -> Any:
    return load_report(connection, weeks=1, small_plans=SMALL_PLANS, now=now)


def _keep_fleet(database: Database, as_of: datetime) -> None:
    with database.transaction() as connection:
        begin_to_keep(connection)
        revision = list_kept(connection)[NAME].revision
        kept = KeptCount(revision=revision, as_of=as_of, checked_at=as_of, counts=count_until(connection, as_of))
        assert save_kept(connection, kept)


def _keep_cohorts(database: Database, until: datetime) -> None:
    with database.transaction() as connection:
        begin_to_keep(connection, COHORTS)
        revision = list_kept(connection)[COHORTS].revision
        cohorts = count_settled(connection, since=until - COHORT_WEEKS * WEEK, until=until)
        assert save_kept_cohorts(connection, cohorts, until=until, revision=revision, now=until)
