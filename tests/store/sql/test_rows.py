"""Rows that a statement is given as one value."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.rows import pass_rows, rows_as_table
from headrace.store.sql.tables.columns import Moment

NOON = datetime(2026, 11, 2, 12, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("given", [NOON, NOON.astimezone(timezone(timedelta(hours=-5)))])
async def test_a_moment_is_the_same_whatever_zone_it_or_the_session_has(database: Database, given: datetime) -> None:
    def ask(connection: sa.Connection) -> datetime:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'America/New_York'")
        rows = rows_as_table(connection.dialect.name, at=Moment())
        found: datetime = connection.execute(sa.select(rows.c.at), pass_rows(connection, [{"at": given}])).scalar_one()
        return found

    assert NOON == await database.write(ask)


async def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with database.reads.connect() as connection, pytest.raises(ValueError, match="could mean anything"):
        pass_rows(connection, [{"at": datetime(2026, 11, 2, 12)}])  # noqa: DTZ001
