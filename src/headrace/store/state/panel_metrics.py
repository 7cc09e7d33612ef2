"""What panels said in numbers: one value a day of each resource and name, beside the stage of its app then."""

from collections.abc import Collection, Mapping
from datetime import date

import sqlalchemy as sa

from headrace.models import NO_PIPELINE, NOT_TOLD, State
from headrace.store.sql.tables.counted import panel_metric, panel_read
from headrace.store.sql.tables.schema import resource
from headrace.store.sql.upsert import upsert, upsert_all
from headrace.store.state.placements import find_current_placement


def list_unread(connection: sa.Connection, day: date, *, after: str, limit: int) -> list[str]:
    """Return resources behind one whose panel was not asked for this day's numbers yet, in the order of their uuids."""
    query = (
        sa.select(resource.c.uuid)
        .join(panel_read, panel_read.c.resource_uuid == resource.c.uuid, isouter=True)
        .where(
            resource.c.uuid > after,
            resource.c.state == State.PROVISIONED,
            sa.or_(panel_read.c.day.is_(None), panel_read.c.day < day),
        )
        .order_by(resource.c.uuid)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def save_panel_metrics(connection: sa.Connection, uuid: str, day: date, metrics: Mapping[str, float]) -> None:
    """Keep a resource's numbers of a day, of which there may be none; what it said before on that day goes."""
    own = sa.and_(panel_metric.c.resource_uuid == uuid, panel_metric.c.day == day)
    connection.execute(sa.delete(panel_metric).where(own))
    if metrics:
        stage = _find_stage(connection, uuid)
        rows = [
            {"day": day, "name": name, "resource_uuid": uuid, "value": float(value), "stage": stage}
            for name, value in sorted(metrics.items())
        ]
        upsert_all(connection, panel_metric, rows, changes=("value", "stage"))
    upsert(connection, panel_read, {"resource_uuid": uuid, "day": day}, changes=("day",))


def find_panel_metrics(connection: sa.Connection, uuids: Collection[str], day: date) -> dict[str, dict[str, float]]:
    """Return what these resources said on a day, by resource and name; who said nothing is left out."""
    query = sa.select(panel_metric).where(panel_metric.c.resource_uuid.in_(uuids), panel_metric.c.day == day)
    found: dict[str, dict[str, float]] = {}
    for row in connection.execute(query.order_by(panel_metric.c.name)):
        found.setdefault(row.resource_uuid, {})[row.name] = row.value
    return found


def forget_panel_metrics(connection: sa.Connection, *, before: date) -> None:
    connection.execute(sa.delete(panel_metric).where(panel_metric.c.day < before))


def _find_stage(connection: sa.Connection, uuid: str) -> str:
    placed = find_current_placement(connection, uuid)
    return NOT_TOLD if placed is None else placed.stage or NO_PIPELINE
