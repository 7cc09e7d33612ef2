"""Queries about placements: where an app is, since when, when Heroku was last asked, and who may see it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.models import Inspection, Outcome, Pipeline, Placement, Ref, State
from headrace.protocol.pipelines import Access
from headrace.store.schema import access, access_check, pipeline, placement, placement_check, resource
from headrace.store.upsert import insert_new, upsert

# Only these have a place worth asking for: the token of a resource that is gone is dead.
LIVE = (State.PROVISIONING, State.PROVISIONED)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """When and how Heroku last answered about a placement, what went wrong since, and when a look was last wanted."""

    outcome: Outcome | None
    error: str | None
    checked_at: datetime | None
    tried_at: datetime | None
    wanted_at: datetime | None

    def is_wanted_since(self, looked_up_at: datetime) -> bool:
        """Whether a look that began then came too early for the last wish."""
        return self.wanted_at is not None and self.wanted_at > looked_up_at


# Told of a move in the transaction that records it: the resource's uuid, the old placement and the new one.
OnMove = Callable[[sa.Connection, str, PlacementRow, PlacementRow], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look found out. `name` is None when the add-on itself was not read, but its app's place alone.

    `is_pipeline_read` tells whether `placement` has what the pipeline says of itself, or its id alone.
    """

    uuid: str
    name: str | None
    app: Ref
    outcome: Outcome
    placement: Placement | None
    looked_up_at: datetime
    etag: str | None = None
    etag_path: str | None = None
    is_pipeline_read: bool = False


def save_inspection(
    connection: sa.Connection, inspection: Inspection, *, next_check_at: datetime
) -> tuple[PlacementRow | None, PlacementRow] | None:
    """Record what an inspection found, as `save_found` does."""
    found = Found(
        uuid=inspection.addon.id,
        name=inspection.addon.name,
        app=inspection.app,
        outcome=inspection.outcome,
        placement=inspection.placement,
        looked_up_at=inspection.looked_up_at,
        is_pipeline_read=True,
    )
    return save_found(connection, found, next_check_at=next_check_at)


def save_found(
    connection: sa.Connection, found: Found, *, next_check_at: datetime
) -> tuple[PlacementRow | None, PlacementRow] | None:
    """Record what a look found out; return the old and the new placement when the app has moved.

    FORBIDDEN and APP_HIDDEN say nothing about the place, so they close no placement. An answer that was overtaken
    by a newer one on its way here, or by a deprovision, says nothing at all.
    """
    uuid, now = found.uuid, found.looked_up_at
    # Its row is locked, so that two answers about one resource are recorded one after the other.
    state = connection.execute(sa.select(resource.c.state).where(resource.c.uuid == uuid).with_for_update()).scalar()
    check = find_check(connection, uuid)
    is_overtaken = check is not None and check.checked_at is not None and check.checked_at > now
    if is_overtaken or state not in LIVE:
        return None
    is_whole = found.name is not None
    if is_whole:
        names = {"app_id": found.app.id, "app_name": found.app.name, "name": found.name}
        connection.execute(sa.update(resource).where(resource.c.uuid == uuid).values(names))
    is_due = check is not None and check.is_wanted_since(now)
    _save_check(
        connection,
        uuid,
        {
            "outcome": found.outcome,
            "error": None,
            "checked_at": now,
            "tried_at": now,
            "next_check_at": now if is_due else next_check_at,
            "etag": found.etag,
            "etag_path": found.etag_path,
            **({"read_whole_at": now} if is_whole else {}),
        },
    )
    if found.outcome not in (Outcome.PLACED, Outcome.UNCOUPLED):
        return None
    if found.placement is not None and found.is_pipeline_read:
        _save_pipeline(connection, found.placement, now)
    elif found.placement is not None:
        named = found.placement.pipeline
        insert_new(connection, pipeline, {"id": named.id, "name": named.name, "observed_at": NEVER})
    return _move(connection, found)


def save_failed_check(
    connection: sa.Connection, uuid: str, *, error: str, now: datetime, next_check_at: datetime
) -> None:
    """Record that Heroku was asked and did not answer; what was known stays."""
    _save_check(connection, uuid, {"error": error, "tried_at": now, "next_check_at": next_check_at})


def want_check(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """Make a resource's placement due, because something may have changed."""
    connection.execute(
        sa.update(placement_check)
        .where(placement_check.c.resource_uuid == uuid)
        .values(wanted_at=now, next_check_at=now)
    )


def want_first_check(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """Make a placement due that may never have been looked up."""
    _save_check(connection, uuid, {"next_check_at": now})


def find_current_placement(connection: sa.Connection, uuid: str) -> PlacementRow | None:
    return _find_placement(connection, placement.c.resource_uuid == uuid, placement.c.valid_to.is_(None))


def close_placement(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """A resource that is gone is in no place any more; its history stays."""
    connection.execute(
        sa.update(placement)
        .where(placement.c.resource_uuid == uuid, placement.c.valid_to.is_(None))
        .values(valid_to=now)
    )


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
    return _find_placement(connection, placement.c.id == placement_id)


def find_previous_placement(connection: sa.Connection, uuid: str, row: PlacementRow) -> PlacementRow | None:
    """The place the app was in until it came to this one."""
    query = (
        _placements()
        .where(placement.c.resource_uuid == uuid, placement.c.id < row.id)
        .order_by(placement.c.id.desc())
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    return None if found is None else _read(found)


def find_check(connection: sa.Connection, uuid: str) -> CheckRow | None:
    query = sa.select(placement_check).where(placement_check.c.resource_uuid == uuid)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    outcome = Outcome(row.outcome) if row.outcome else None
    return CheckRow(
        outcome=outcome,
        error=row.error,
        checked_at=row.checked_at,
        tried_at=row.tried_at,
        wanted_at=row.wanted_at,
    )


def save_access(connection: sa.Connection, app_id: str, found: Access, *, now: datetime) -> None:
    """Record who may see an app; whoever is not in the answer may not."""
    upsert(connection, access_check, {"app_id": app_id, "checked_at": now}, changes=("checked_at",))
    connection.execute(sa.delete(access).where(access.c.app_id == app_id))
    people = [f"id:{user_id}" for user_id in found.user_ids] + [f"email:{email}" for email in found.emails]
    if people:
        connection.execute(sa.insert(access), [{"app_id": app_id, "person": person} for person in sorted(people)])


def forget_access(connection: sa.Connection, app_id: str | None) -> None:
    """Trust what was read of an app's people no longer: it is asked for again before anybody sees the app."""
    connection.execute(sa.delete(access_check).where(access_check.c.app_id == app_id))


def list_visible_apps(
    connection: sa.Connection, app_ids: Collection[str], *, people: Sequence[str], checked_after: datetime
) -> set[str]:
    """Of these apps, the ones that a person may see, according to a reading that is fresh enough."""
    values = {"app_ids": list(app_ids), "people": people, "after": checked_after}
    return set(connection.execute(_query_visible_apps(), values).scalars())


@cache
def _query_visible_apps() -> sa.Select[Any]:
    return (
        sa.select(access.c.app_id)
        .join(access_check, access_check.c.app_id == access.c.app_id)
        .where(
            access.c.app_id.in_(sa.bindparam("app_ids", expanding=True)),
            access.c.person.in_(sa.bindparam("people", expanding=True)),
            access_check.c.checked_at >= sa.bindparam("after"),
        )
    )


def list_freshly_checked_apps(connection: sa.Connection, app_ids: Collection[str], *, after: datetime) -> set[str]:
    query = sa.select(access_check.c.app_id).where(
        access_check.c.app_id.in_(app_ids), access_check.c.checked_at >= after
    )
    return set(connection.execute(query).scalars())


def _save_check(connection: sa.Connection, uuid: str, values: dict[str, Any]) -> None:
    upsert(connection, placement_check, {"resource_uuid": uuid, **values}, changes=tuple(values))


def save_pipeline(connection: sa.Connection, found: Pipeline, *, now: datetime) -> None:
    """Record what a pipeline says of itself; one that would not be read this time keeps the name it had."""
    values: dict[str, Any] = {
        "name": found.name or None,
        "owner_id": found.owner.id if found.owner else None,
        "owner_type": found.owner.type if found.owner else None,
        "generation": found.generation.name if found.generation else None,
        "observed_at": now,
    }
    changes = tuple(name for name, value in values.items() if value is not None)
    upsert(connection, pipeline, {"id": found.id, **values}, changes=changes)


def _save_pipeline(connection: sa.Connection, found: Placement, now: datetime) -> None:
    generation = Ref(id=found.generation, name=found.generation) if found.generation else None
    pipeline_found = Pipeline(
        id=found.pipeline.id, name=found.pipeline.name or "", owner=found.owner, generation=generation
    )
    save_pipeline(connection, pipeline_found, now=now)


def _move(connection: sa.Connection, found: Found) -> tuple[PlacementRow | None, PlacementRow] | None:
    uuid, now = found.uuid, found.looked_up_at
    old = find_current_placement(connection, uuid)
    placed = found.placement
    place = (found.app.id, placed.pipeline.id if placed else None, str(placed.stage) if placed else None)
    if old is not None and (old.app_id, old.pipeline_id, old.stage) == place:
        return None
    if old is not None:
        connection.execute(sa.update(placement).where(placement.c.id == old.id).values(valid_to=now))
    app_id, pipeline_id, stage = place
    connection.execute(
        sa.insert(placement).values(
            resource_uuid=uuid,
            app_id=app_id,
            app_name=found.app.name,
            pipeline_id=pipeline_id,
            stage=stage,
            valid_from=now,
        )
    )
    new = find_current_placement(connection, uuid)
    return None if new is None else (old, new)


def _placements() -> sa.Select[Any]:
    return sa.select(placement, pipeline.c.name.label("pipeline_name")).outerjoin(
        pipeline, pipeline.c.id == placement.c.pipeline_id
    )


def _find_placement(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> PlacementRow | None:
    row = connection.execute(_placements().where(*conditions)).one_or_none()
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
