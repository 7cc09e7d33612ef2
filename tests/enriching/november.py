"""A month of a small fleet, with two promotions to production, and what each resource was asked for in each hour."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from enriching.worlds import add_resource, moment
from headrace.store.sql.tables.schema import pipeline, placement

BEGIN, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PIPELINES = ("storefront", "billing", "search")
# Of each app: the pipeline, and the stages that it came to, with the moment; the last may be that it was removed.
APPS: dict[str, tuple[str | None, tuple[tuple[str, str], ...]]] = {
    "shop-eu": ("storefront", (("2026-10-20T08:00:00", "production"),)),
    "shop-us": ("storefront", (("2026-10-28T08:00:00", "staging"), ("2026-11-10T10:00:00", "production"))),
    "shop-pr-41": ("storefront", (("2026-11-05T13:00:00", "review"), ("2026-11-09T17:00:00", "gone"))),
    "ledger": (
        "billing",
        (
            ("2026-10-30T08:00:00", "development"),
            ("2026-11-12T09:00:00", "staging"),
            ("2026-11-24T14:30:00", "production"),
        ),
    ),
    "finder": ("search", (("2026-11-03T12:00:00", "staging"),)),
    "handbook": (None, (("2026-10-25T08:00:00", "none"),)),
}
# Requests in a quiet hour, by stage; twice of it by day, on weekends half.
LOAD = {"production": 900, "staging": 60, "review": 24, "development": 30, "none": 45, "unknown": 60}


def id_of(app: str, kind: str) -> str:
    """The same id for the same app: of its resource, or of itself."""
    return f"{kind}{list(APPS).index(app):07}-89ab-4def-8123-456789abcdef"


def find_stage(app: str, at: datetime) -> str:
    """Where an app stood: before it was first looked at, nobody knew."""
    return next((stage for since, stage in reversed(APPS[app][1]) if _read(since) <= at), "unknown")


def count_requests(app: str, at: datetime) -> int:
    """What a resource was asked for in an hour: as much as its stage brings, with days, weekends and some growth."""
    load = LOAD[find_stage(app, at)] * (2 if 8 <= at.hour < 20 else 1)
    load = load // 2 if at.isoweekday() > 5 else load
    return load + load * (at - BEGIN).days // 100 + list(APPS).index(app) * (at.hour % 3)


def list_usage() -> Iterator[tuple[str, datetime, int]]:
    """Yield an app, an hour and its requests, for all hours in which its resource was there."""
    for number in range((END - BEGIN) // HOUR):
        at = BEGIN + number * HOUR
        for app in APPS:
            is_there = app != "shop-pr-41" or find_stage(app, at) == "review"
            if is_there:
                yield app, at, count_requests(app, at)


def write_usage(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("resource", "hour", "requests"))
        writer.writerows((id_of(app, "0"), f"{at:%Y-%m-%dT%H:%M:%SZ}", count) for app, at, count in list_usage())


def fill(connection: sa.Connection) -> None:
    """Have the fleet stand in a database as headrace has learnt of it."""
    rows = [{"id": name, "name": name, "observed_at": BEGIN} for name in PIPELINES]
    connection.execute(sa.insert(pipeline), rows)
    for app, (where, stages) in APPS.items():
        gone = next((since for since, stage in stages if stage == "gone"), None)
        begins = moment("2026-10-20T08:00:00")
        state = {"state": "deprovisioned", "deprovisioned_at": moment(gone)} if gone else {"state": "provisioned"}
        add_resource(
            connection, id_of(app, "0"), app_name=app, created_at=begins, provisioned_at=begins, plan="basic", **state
        )
        for number, (since, stage) in enumerate(stages):
            if stage == "gone":
                continue
            values = {
                "resource_uuid": id_of(app, "0"),
                "app_id": id_of(app, "a"),
                "app_name": app,
                "pipeline_id": where,
                "stage": None if where is None else stage,
                "valid_from": moment(since),
                "valid_to": moment(stages[number + 1][0]) if number + 1 < len(stages) else None,
            }
            connection.execute(sa.insert(placement).values(values))


def _read(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
