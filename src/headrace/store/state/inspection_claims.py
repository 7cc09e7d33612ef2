"""Queries that bound what people may have inspected at once: each thing, and for each person, once in a while."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from headrace.store.sql.tables.schema import inspection_claim
from headrace.store.sql.upsert import insert_new_of


def claim_inspections(
    connection: sa.Connection, subjects: Collection[str], *, now: datetime, claimed_before: datetime
) -> set[str]:
    """Claim what nobody has claimed since `claimed_before`, and return which that is; of many at once one gets it."""
    if not subjects:
        return set()
    new: set[str] = insert_new_of(
        connection, inspection_claim, [{"subject": subject, "at": now} for subject in sorted(subjects)]
    )
    # Locked in an order, so that two who claim the same wait for each other and do not meet head on.
    old = sa.select(inspection_claim.c.subject).where(
        inspection_claim.c.subject.in_(set(subjects) - new), inspection_claim.c.at <= claimed_before
    )
    free = set(connection.execute(old.order_by(inspection_claim.c.subject).with_for_update()).scalars())
    connection.execute(sa.update(inspection_claim).where(inspection_claim.c.subject.in_(free)).values(at=now))
    return new | free


def forget_inspection_claims(connection: sa.Connection, *, claimed_before: datetime) -> None:
    """Delete what keeps nobody from anything any more."""
    connection.execute(sa.delete(inspection_claim).where(inspection_claim.c.at <= claimed_before))
