"""Queries about placements: where an app is, since when, and when Heroku was last asked."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import Inspection, Outcome, Pipeline, Placement, Ref, State
from headrace.store.sql.rows import pass_rows, pass_uuids, rows_as_table, select_uuids
from headrace.store.sql.tables.schema import pipeline, placement, placement_check, resource
from headrace.store.sql.upsert import insert_as_table, upsert_as_table
from headrace.store.state.hour_counts import HourFigure, save_hour_counts
from headrace.store.state.pipelines import add_pipelines, save_pipelines
from headrace.store.state.resources import lock_resources

# Only these have a place worth asking for: the token of a resource that is gone is dead.
LIVE = (State.PROVISIONING, State.PROVISIONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRow:
    """One stretch of time that an app spent in one place; `valid_to` None means now."""

    id: int
    app_id: str
    app_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    stage: str | None
    valid_from: datetime
    valid_to: datetime | None

    def is_at(self, other: "PlacementRow") -> bool:
        """Whether this is the same place as another's, at whatever time."""
        return (self.app_id, self.pipeline_id, self.stage) == (other.app_id, other.pipeline_id, other.stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionRow:
    """When and how Heroku last answered about a placement, what went wrong since, and when one was last wanted."""

    outcome: Outcome | None
    error: str | None
    checked_at: datetime | None
    tried_at: datetime | None
    wanted_at: datetime | None


# Told of a move in the transaction that records it: the resource's uuid, the old placement and the new one.
OnMove = Callable[[sa.Connection, str, PlacementRow, PlacementRow], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an inspection found out, and when the next is due.

    `name` is None when the add-on itself was not read, but its app's place alone. `is_pipeline_read` tells whether
    `placement` has what the pipeline says of itself, or its id alone.
    """

    uuid: str
    name: str | None
    app: Ref
    outcome: Outcome
    placement: Placement | None
    inspected_at: datetime
    next_check_at: datetime
    etag: str | None = None
    etag_path: str | None = None
    is_pipeline_read: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A place that an app has come to from another one."""

    uuid: str
    old: PlacementRow
    new: PlacementRow


def save_inspection(connection: sa.Connection, inspection: Inspection, *, next_check_at: datetime) -> Moved | None:
    """Record what an inspection found, as `save_found` does."""
    return next(iter(save_found(connection, [describe_inspected(inspection, next_check_at=next_check_at)])), None)


def describe_inspected(inspection: Inspection, *, next_check_at: datetime) -> Found:
    """Return what is to be recorded of an inspection."""
    return Found(
        uuid=inspection.addon.id,
        name=inspection.addon.name,
        app=inspection.app,
        outcome=inspection.outcome,
        placement=inspection.placement,
        inspected_at=inspection.looked_up_at,
        next_check_at=next_check_at,
        is_pipeline_read=True,
    )


def save_found(connection: sa.Connection, found: Collection[Found]) -> list[Moved]:
    """Record what inspections of so many resources found out, in as many statements as for one; return what has moved.

    Where no place was known before, nothing has moved.
    FORBIDDEN and APP_HIDDEN say nothing about the place, so they close no placement. An answer that was overtaken
    by a newer one on its way here, or by a deprovision, says nothing at all.
    """
    if not found:
        return []
    found = _leave_out_overtaken(connection, found)
    names = [{"uuid": each.uuid, "name": each.name, **_name_app(each)} for each in found if each.name is not None]
    if names:
        connection.execute(_build_name(connection.dialect.name), pass_rows(connection, names))
    _save_inspections(connection, [_describe_inspection(each) for each in found])
    told = [each for each in found if each.outcome in (Outcome.PLACED, Outcome.UNCOUPLED)]
    _save_pipelines_of(connection, told)
    return _move(connection, told)


def _leave_out_overtaken(connection: sa.Connection, found: Collection[Found]) -> list[Found]:
    """Have two answers about one resource recorded one after the other, and see which still count.

    An answer that a newer wish for one has overtaken counts, and leaves the resource due.
    """
    uuids = [each.uuid for each in found]
    states = lock_resources(connection, uuids)
    checks = connection.execute(_build_find_checks(connection.dialect.name), pass_uuids(uuids))
    inspections = {row.resource_uuid: row for row in checks}
    kept = []
    for each in found:
        last, now = inspections.get(each.uuid), each.inspected_at
        is_overtaken = last is not None and last.checked_at is not None and last.checked_at > now
        if is_overtaken or states.get(each.uuid) not in LIVE:
            continue
        is_due = last is not None and last.wanted_at is not None and last.wanted_at > now
        kept.append(replace(each, next_check_at=now) if is_due else each)
    return kept


def _name_app(found: Found) -> dict[str, Any]:
    return {"app_id": found.app.id, "app_name": found.app.name}


def _describe_inspection(found: Found) -> dict[str, Any]:
    now = found.inspected_at
    return {
        "resource_uuid": found.uuid,
        "outcome": found.outcome,
        "error": None,
        "checked_at": now,
        "tried_at": now,
        "next_check_at": found.next_check_at,
        # Whoever has it in a batch need not inspect it any more.
        "batch": None,
        "etag": found.etag,
        "etag_path": found.etag_path,
        **({"read_whole_at": now} if found.name is not None else {}),
    }


def _save_pipelines_of(connection: sa.Connection, found: Collection[Found]) -> None:
    # The latest answer about a pipeline last.
    in_order = sorted(found, key=lambda each: each.inspected_at)
    placements = [(each, each.placement) for each in in_order if each.placement is not None]
    read = {
        place.pipeline.id: (_describe_pipeline(place), each.inspected_at)
        for each, place in placements
        if each.is_pipeline_read
    }
    save_pipelines(connection, read.values())
    named = {place.pipeline.id: place.pipeline.name for _, place in placements}
    add_pipelines(connection, {each: name for each, name in named.items() if each not in read})


def _describe_pipeline(place: Placement) -> Pipeline:
    return Pipeline(
        id=place.pipeline.id, name=place.pipeline.name or "", owner=place.owner, generation=place.generation
    )


def save_failed_inspection(
    connection: sa.Connection, uuid: str, *, error: str, now: datetime, next_check_at: datetime
) -> None:
    """Record that Heroku was asked and did not answer; what was known stays."""
    failed = {"resource_uuid": uuid, "error": error, "tried_at": now, "next_check_at": next_check_at}
    _save_inspections(connection, [failed])
    save_hour_counts(connection, {(HourFigure.FAILED_CHECKS, error): 1}, now=now)


def want_inspection(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """Make a resource's placement due, because something may have changed."""
    connection.execute(
        sa.update(placement_check)
        .where(placement_check.c.resource_uuid == uuid)
        .values(wanted_at=now, next_check_at=now)
    )


def make_first_due(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """Make a placement due that may never have been inspected."""
    _save_inspections(connection, [{"resource_uuid": uuid, "next_check_at": now}])


def find_current_placement(connection: sa.Connection, uuid: str) -> PlacementRow | None:
    return find_current_placements(connection, [uuid]).get(uuid)


def find_current_placements(connection: sa.Connection, uuids: Collection[str]) -> dict[str, PlacementRow]:
    """Return the place of each of these resources that has one."""
    rows = connection.execute(_build_find_current(connection.dialect.name), pass_uuids(uuids))
    return {row.resource_uuid: _read(row) for row in rows}


def close_placement(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """A resource that is gone is in no place any more, and is never due again; its history stays."""
    connection.execute(
        sa.update(placement)
        .where(placement.c.resource_uuid == uuid, placement.c.valid_to.is_(None))
        .values(valid_to=now)
    )
    # Left there, the inspections of all that is gone would stand before those that are due.
    connection.execute(sa.delete(placement_check).where(placement_check.c.resource_uuid == uuid))


def list_placements(connection: sa.Connection, uuid: str) -> list[PlacementRow]:
    """Every place a resource's app has been in, oldest first."""
    query = _placements().where(placement.c.resource_uuid == uuid).order_by(placement.c.valid_from, placement.c.id)
    return [_read(row) for row in connection.execute(query)]


def pick_placement(places: Sequence[PlacementRow], *, as_of: datetime | None) -> PlacementRow | None:
    """Return, of a history in order, the place at a moment; None for the moment means now."""
    for place in reversed(places):
        if as_of is None or place.valid_from <= as_of:
            is_over = place.valid_to is not None and (as_of is None or place.valid_to <= as_of)
            return None if is_over else place
    return None


def find_placement(connection: sa.Connection, placement_id: int) -> PlacementRow | None:
    return _find_last(connection, placement.c.id == placement_id)


def find_previous_placement(connection: sa.Connection, uuid: str, row: PlacementRow) -> PlacementRow | None:
    """The place the app was in until it came to this one."""
    return _find_last(connection, placement.c.resource_uuid == uuid, placement.c.id < row.id)


def note_told(connection: sa.Connection, placement_ids: Collection[int], *, now: datetime) -> None:
    """Note that a provision's hook was called with each of these places."""
    if placement_ids:
        told = pass_rows(connection, [{"id": each} for each in sorted(placement_ids)])
        connection.execute(_build_tell(connection.dialect.name), told | {"told_at": now})


def find_told_and_current(
    connection: sa.Connection, uuids: Collection[str]
) -> dict[str, tuple[PlacementRow | None, PlacementRow | None]]:
    """Return the place with which a provision's hook was last called, None when there was none to tell, and today's."""
    known: dict[str, tuple[PlacementRow | None, PlacementRow | None]] = {}
    rows = connection.execute(_build_list_told_and_current(connection.dialect.name), pass_uuids(uuids))
    for row in rows:
        told, current = known.get(row.resource_uuid, (None, None))
        told = told if row.told_at is None else _read(row)
        known[row.resource_uuid] = told, current if row.valid_to is not None else _read(row)
    return known


def find_outcomes(connection: sa.Connection, uuids: Collection[str]) -> dict[str, Outcome]:
    """Return what Heroku last answered about these resources' places, as far as it has."""
    found = connection.execute(_build_find_checks(connection.dialect.name), pass_uuids(uuids))
    return {row.resource_uuid: Outcome(row.outcome) for row in found if row.outcome}


def find_inspection(connection: sa.Connection, uuid: str) -> InspectionRow | None:
    row = connection.execute(_FIND_CHECK, {"uuid": uuid}).one_or_none()
    if row is None:
        return None
    outcome = Outcome(row.outcome) if row.outcome else None
    return InspectionRow(
        outcome=outcome,
        error=row.error,
        checked_at=row.checked_at,
        tried_at=row.tried_at,
        wanted_at=row.wanted_at,
    )


def _save_inspections(connection: sa.Connection, inspections: Sequence[dict[str, Any]]) -> None:
    rows: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for each in inspections:
        rows[tuple(each)].append(each)
    for (_, *changes), alike in rows.items():
        upsert_as_table(connection, placement_check, alike, changes=tuple(changes))


def _move(connection: sa.Connection, found: Sequence[Found]) -> list[Moved]:
    """Close the places that apps have left and open those that they came to."""
    if not found:
        return []
    before = find_current_placements(connection, [each.uuid for each in found])
    moved = [each for each in found if _differs(each, before.get(each.uuid))]
    if not moved:
        return []
    left = [(each, before[each.uuid]) for each in moved if each.uuid in before]
    if left:
        closed = [{"b_id": old.id, "valid_to": each.inspected_at} for each, old in left]
        connection.execute(_CLOSE, closed)
    insert_as_table(connection, placement, [_describe_place(each) for each in moved])
    after = find_current_placements(connection, [each.uuid for each, _ in left]) if left else {}
    return [Moved(uuid=each.uuid, old=old, new=after[each.uuid]) for each, old in left]


def _differs(found: Found, known: PlacementRow | None) -> bool:
    place = _describe_place(found)
    return known is None or (known.app_id, known.pipeline_id, known.stage) != (
        place["app_id"],
        place["pipeline_id"],
        place["stage"],
    )


def _describe_place(found: Found) -> dict[str, Any]:
    placed = found.placement
    return {
        "resource_uuid": found.uuid,
        **_name_app(found),
        "pipeline_id": placed.pipeline.id if placed else None,
        "stage": str(placed.stage) if placed else None,
        "coupled_at": placed.coupled_at if placed else None,
        "valid_from": found.inspected_at,
    }


# Built once: building a statement costs about as much as running it.
_CLOSE = sa.update(placement).where(placement.c.id == sa.bindparam("b_id")).values(valid_to=sa.bindparam("valid_to"))
_FIND_CHECK = sa.select(placement_check).where(placement_check.c.resource_uuid == sa.bindparam("uuid"))


@cache
def _build_tell(dialect: str) -> sa.Update:
    told = sa.select(rows_as_table(dialect, id=sa.Integer()).c.id)
    return sa.update(placement).where(placement.c.id.in_(told)).values(told_at=sa.bindparam("told_at"))


@cache
def _build_find_checks(dialect: str) -> sa.Select[Any]:
    columns = (placement_check.c[name] for name in ("resource_uuid", "outcome", "checked_at", "wanted_at"))
    return sa.select(*columns).where(placement_check.c.resource_uuid.in_(select_uuids(dialect)))


@cache
def _build_name(dialect: str) -> sa.Update:
    columns = ("name", "app_id", "app_name")
    rows = rows_as_table(dialect, uuid=resource.c.uuid.type, **{name: resource.c[name].type for name in columns})
    named = sa.update(resource).where(resource.c.uuid == rows.c.uuid)
    return named.values({name: rows.c[name] for name in columns})


def _placements() -> sa.Select[Any]:
    return sa.select(placement, pipeline.c.name.label("pipeline_name")).outerjoin(
        pipeline, pipeline.c.id == placement.c.pipeline_id
    )


_IS_CURRENT = placement.c.valid_to.is_(None)


@cache
def _build_list_told_and_current(dialect: str) -> sa.Select[Any]:
    is_either = sa.or_(_IS_CURRENT, placement.c.told_at.is_not(None))
    theirs = _placements().where(placement.c.resource_uuid.in_(select_uuids(dialect)), is_either)
    return theirs.order_by(placement.c.id)


@cache
def _build_find_current(dialect: str) -> sa.Select[Any]:
    return _placements().where(placement.c.resource_uuid.in_(select_uuids(dialect)), _IS_CURRENT)


def _find_last(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> PlacementRow | None:
    row = connection.execute(_placements().where(*conditions).order_by(placement.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _read(row)


def _read(row: sa.Row[Any]) -> PlacementRow:
    return PlacementRow(
        id=row.id,
        app_id=row.app_id,
        app_name=row.app_name,
        pipeline_id=row.pipeline_id,
        pipeline_name=row.pipeline_name,
        stage=row.stage,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )
