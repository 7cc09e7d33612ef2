"""Queries at the doors: login forms that were used, sessions that were ended, and wrong passwords of operators."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from headrace.store.sql.tables.counted import operator_attempt
from headrace.store.sql.tables.schema import ended_session, sso_login
from headrace.store.sql.upsert import insert_new

# Whoever deletes digests may have a clock that is ahead of those that take forms and sessions. So a digest is kept for
# an hour longer than it is good for, by that clock and by the latest moment that stands beside it, whichever is more.
KEPT_LONGER = timedelta(hours=1)
# No client has such an address. A file of SQLite's needs four pages more for the one; PostgreSQL takes 60 letters.
TRIAL, SHORT_TRIAL = "trial" + "-" * 16_384, "trial"


def claim_login(connection: sa.Connection, digests: Sequence[str], *, expires_at: datetime) -> bool:
    """Record a form as used, and return whether this is its first use.

    The first digest decides. The others, of weaker tokens, are recorded so that the form cannot come back with
    these alone; two people's forms of one second have them in common.
    """
    rows = [insert_new(connection, sso_login, {"digest": digest, "expires_at": expires_at}) for digest in digests]
    return rows[0] is not None


def add_ended_session(connection: sa.Connection, digest: str, *, forgotten_at: datetime) -> None:
    insert_new(connection, ended_session, {"digest": digest, "forgotten_at": forgotten_at})


def is_session_ended(connection: sa.Connection, digest: str) -> bool:
    query = sa.select(sa.exists().where(ended_session.c.digest == digest))
    return bool(connection.execute(query).scalar_one())


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


def write_for_trial(connection: sa.Connection) -> None:
    """Write as much as a provision, and take it back: what nobody ever sees shows whether there is room for it.

    An update of no row, or of a few letters in place, is taken by a file that is full.
    """
    client = TRIAL if connection.dialect.name == "sqlite" else SHORT_TRIAL
    connection.execute(sa.insert(operator_attempt).values(client=client, at=datetime.fromtimestamp(0, UTC)))
    connection.execute(sa.delete(operator_attempt).where(operator_attempt.c.client == client))


def has_old_logins(connection: sa.Connection, *, now: datetime, attempts_before: datetime) -> bool:
    """Whether there is something to forget."""
    moments = (sso_login.c.expires_at, ended_session.c.forgotten_at)
    spans = [sa.select(bound(each)).scalar_subquery() for each in moments for bound in (sa.func.min, sa.func.max)]
    has_attempts = sa.exists().where(operator_attempt.c.at < attempts_before)
    *bounds, is_any = connection.execute(sa.select(*spans, has_attempts)).one()
    pairs = zip(bounds[::2], bounds[1::2], strict=True)
    return is_any or any(latest is not None and first < min(now, latest) - KEPT_LONGER for first, latest in pairs)


def forget_old_logins(connection: sa.Connection, *, now: datetime, attempts_before: datetime) -> None:
    """Delete what nobody asks about any more."""
    for moment in (sso_login.c.expires_at, ended_session.c.forgotten_at):
        latest = connection.execute(sa.select(sa.func.max(moment))).scalar()
        if latest is not None:
            connection.execute(sa.delete(moment.table).where(moment < min(now, latest) - KEPT_LONGER))
    connection.execute(sa.delete(operator_attempt).where(operator_attempt.c.at < attempts_before))
