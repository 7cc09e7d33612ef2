"""What panels said in numbers, summed by stage."""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa

from headrace.store.sql.tables.counted import panel_metric


class StageSum(NamedTuple):
    """The sum of a name's values at a stage on a day, and of how many resources."""

    day: date
    name: str
    stage: str
    value: float
    resources: int


def find_metrics_day(connection: sa.Connection, *, now: datetime) -> date | None:
    """Return the latest day of which anything is kept: one that is over, or today where there is no other."""
    today = now.date()
    query = sa.select(sa.func.max(panel_metric.c.day))
    over = connection.execute(query.where(panel_metric.c.day < today)).scalar()
    return over or connection.execute(query).scalar()


def sum_panel_metrics(connection: sa.Connection, days: Collection[date]) -> list[StageSum]:
    """Return the sums of these days, by day, name and stage in this order."""
    by = (panel_metric.c.day, panel_metric.c.name, panel_metric.c.stage)
    query = (
        sa.select(*by, sa.func.sum(panel_metric.c.value), sa.func.count())
        .where(panel_metric.c.day.in_(days))
        .group_by(*by)
        .order_by(*by)
    )
    return [StageSum(*row) for row in connection.execute(query)]
