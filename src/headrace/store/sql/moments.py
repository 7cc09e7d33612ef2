"""Reckoning with moments, which the two databases spell differently."""

from datetime import datetime

import sqlalchemy as sa


def seconds_between(
    connection: sa.Connection, start: sa.ColumnElement[datetime], end: sa.ColumnElement[datetime]
) -> sa.ColumnElement[float]:
    """The seconds from one moment to another, to the millisecond."""
    if connection.dialect.name == "sqlite":
        # A Julian day is good for a millisecond, not for more.
        days = sa.func.julianday(end, type_=sa.Float) - sa.func.julianday(start, type_=sa.Float)
        return sa.func.round(days * 86_400.0, 3, type_=sa.Float)
    return sa.cast(sa.extract("epoch", end - start), sa.Float)
