"""What became of the provisions that Heroku asked for lately."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.schema import resource

# So many of each state at the most: more are not needed to see how it goes.
MOST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionRow:
    """A provision; `is_refused` tells that a hook refused it, with words for the customer."""

    created_at: datetime
    provisioned_at: datetime | None
    is_waiting: bool
    is_refused: bool


def list_provisions_since(connection: sa.Connection, *, since: datetime) -> list[ProvisionRow]:
    """Return provisions that were asked for since a moment; what was imported was not asked for."""
    found = []
    for state in State:
        query = (
            sa.select(resource.c.created_at, resource.c.provisioned_at, resource.c.message, resource.c.imported_at)
            .where(resource.c.state == state, resource.c.created_at >= since)
            .order_by(resource.c.created_at.desc())
            .limit(MOST)
        )
        found += [
            ProvisionRow(
                created_at=row.created_at,
                provisioned_at=row.provisioned_at,
                is_waiting=state is State.PROVISIONING,
                is_refused=row.message is not None,
            )
            for row in connection.execute(query)
            if row.imported_at is None
        ]
    return found
