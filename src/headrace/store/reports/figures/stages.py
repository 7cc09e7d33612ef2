"""At which stage an app is, as every report counts it."""

import sqlalchemy as sa

from headrace.models import NO_PIPELINE, NOT_TOLD
from headrace.store.sql.tables.schema import placement


def stage_of(place: sa.FromClause = placement) -> sa.ColumnElement[str]:
    """Return the stage of a placement that was joined to a resource, or what is said where there is none."""
    return sa.case((place.c.id.is_(None), NOT_TOLD), else_=sa.func.coalesce(place.c.stage, NO_PIPELINE))
