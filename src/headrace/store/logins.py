"""Queries at the doors: login forms that were used, and wrong passwords of those who would be operators."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from headrace.store.schema import operator_attempt, sso_login
from headrace.store.upsert import insert_new


def claim_login(connection: sa.Connection, digests: Sequence[str], *, expires_at: datetime) -> bool:
    """Record a form as used, and return whether this is its first use.

    The first digest decides. The others, of weaker tokens, are recorded so that the form cannot come back with
    these alone; two people's forms of one second have them in common.
    """
    rows = [insert_new(connection, sso_login, {"digest": digest, "expires_at": expires_at}) for digest in digests]
    return rows[0] is not None


def add_attempt(connection: sa.Connection, client: str, *, now: datetime) -> None:
    connection.execute(sa.insert(operator_attempt).values(client=client, at=now))


def count_attempts(connection: sa.Connection, client: str, *, after: datetime) -> tuple[int, int]:
    """Return how many attempts count against a client, and against everybody."""
    of_client = sa.func.count(sa.case((operator_attempt.c.client == client, 1)))
    query = sa.select(of_client, sa.func.count()).where(operator_attempt.c.at > after)
    mine, everybodys = connection.execute(query).one()
    return mine, everybodys


def forget_attempts(connection: sa.Connection, client: str) -> None:
    connection.execute(sa.delete(operator_attempt).where(operator_attempt.c.client == client))


def forget_old_logins(connection: sa.Connection, *, now: datetime, attempts_before: datetime) -> None:
    """Delete what nobody asks about any more."""
    connection.execute(sa.delete(sso_login).where(sso_login.c.expires_at < now))
    connection.execute(sa.delete(operator_attempt).where(operator_attempt.c.at < attempts_before))
