"""What the day's count costs: of everything, by what has changed, and what each change costs so that it can be."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.models import Addon, Inspection, Outcome, Placement, Ref, Stage, State
from headrace.store.reports.figures.kept_count import KeptCount, advance, count_day_from, count_until, tell
from headrace.store.reports.figures.roll_up import count_day
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement, plan_change, resource
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.resources import update_resource

# How many resources a quarter of an hour changes: of a million, four in a hundred a day.
CHANGED = 400
ROUNDS, IN_ROUND = 8, 100
QUARTER = timedelta(minutes=15)
# What finds changes by their moment, and what keeps it up.
BY_MOMENT = tuple(
    index
    for table in (resource, placement, plan_change)
    for index in table.indexes
    if [column.name for column in index.columns]
    in (["provisioned_at"], ["deprovisioned_at"], ["imported_at"], ["valid_from"], ["settled_at"])
)


def measure_counting(database: Database, live: Collection[str], *, now: datetime) -> dict[str, float]:
    """Return the seconds that a count takes, and those that a change of one of these resources takes.

    A worker counts by the changes of the last quarter of an hour or two.
    """
    figures: dict[str, float] = {}
    started_at = now - 2 * QUARTER
    with database.reads.connect() as connection:
        counts = count_until(connection, started_at)
    kept = KeptCount(revision=1, as_of=started_at, checked_at=started_at, counts=counts)
    uuids = iter(live)
    figures |= _measure_changes(database, uuids, now=started_at)
    with database.reads.connect() as connection:
        quarter_ago = advance(connection, kept, now - QUARTER)
        assert quarter_ago is not None
        kept = KeptCount(revision=1, as_of=now - QUARTER, checked_at=now, counts=quarter_ago)
    with database.transaction() as connection:
        for number in range(CHANGED):
            _change(connection, next(uuids), number, at=now - QUARTER + number * QUARTER / CHANGED)
    with database.reads.connect() as connection:
        figures["counting a day, all of it"], everything = _time(lambda: count_day(connection, now.date()))
        took = [_time(lambda: count_day_from(connection, kept, now.date())) for _ in range(3)]
        figures[f"the same, by {CHANGED} changes"] = min(seconds for seconds, _ in took)
        assert {*everything} == {*tell(took[0][1] or ())}
    return figures


def _measure_changes(database: Database, uuids: Iterator[str], *, now: datetime) -> dict[str, float]:
    """Return what a change takes with the indexes by moment and without, in turns: the shortest of some rounds."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * ROUNDS):
        is_without = number % 2 == 1
        with _without_indexes(database, is_without=is_without), database.transaction() as connection:
            some = [next(uuids) for _ in range(IN_ROUND)]
            seconds, _ = _time(partial(_change_all, connection, some, at=now))
            found[is_without].append(seconds / IN_ROUND)
    return {"a change": min(found[False]), "the same, not found by its moment": min(found[True])}


@contextmanager
def _without_indexes(database: Database, *, is_without: bool) -> Iterator[None]:
    if is_without:
        _alter(database, lambda index, connection: index.drop(connection))
    yield
    if is_without:
        _alter(database, lambda index, connection: index.create(connection))


def _alter(database: Database, act: Callable[[sa.Index, sa.Connection], None]) -> None:
    with database.transaction() as connection:
        for index in BY_MOMENT:
            act(index, connection)


def _change_all(connection: sa.Connection, uuids: Collection[str], *, at: datetime) -> None:
    for number, uuid in enumerate(uuids):
        _change(connection, uuid, number, at=at)


def _change(connection: sa.Connection, uuid: str, number: int, *, at: datetime) -> None:
    """Move a resource's app, or have it go."""
    if number % 4 == 0:
        close_placement(connection, uuid, now=at)
        update_resource(connection, uuid, state=State.DEPROVISIONED, deprovisioned_at=at)
        return
    pipeline_id = connection.execute(
        sa.select(placement.c.pipeline_id).where(placement.c.resource_uuid == uuid, placement.c.valid_to.is_(None))
    ).scalar()
    app = Ref(id=uuid, name=f"app-{number}")
    addon = Addon(id=uuid, name=f"acme-{number}", app=app, plan=app, addon_service=app, state=State.PROVISIONED)
    place = Placement(pipeline=Ref(id=pipeline_id, name=None), stage=list(Stage)[number % 5]) if pipeline_id else None
    outcome = Outcome.PLACED if place else Outcome.UNCOUPLED
    inspection = Inspection(addon=addon, outcome=outcome, placement=place, looked_up_at=at)
    save_inspection(connection, inspection, next_check_at=at + QUARTER)


def _time(act: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = act()
    return time.perf_counter() - began, found
