"""Rows that a statement is given as one value."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.rows import is_among, pass_rows, pass_texts, rows_as_table
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


async def test_a_text_is_among_those_that_a_statement_is_given_whatever_it_holds(database: Database) -> None:
    """What means something in an array of a PostgreSQL means nothing in a text."""
    texts = ['"quoted"', "back\\slash", "{a,b}", "", "NULL", "it's", "ü, \n\t", '\\"']

    def find(connection: sa.Connection) -> list[str]:
        rows = rows_as_table(connection.dialect.name, text=sa.Text())
        given = pass_rows(connection, [{"text": text} for text in [*texts, "another", "a", "b"]])
        connection.execute(sa.text("CREATE TEMPORARY TABLE held (text TEXT)"))
        held = sa.table("held", sa.column("text", sa.Text()))
        connection.execute(sa.insert(held).from_select(["text"], sa.select(rows.c.text)), given)
        query = sa.select(held.c.text).where(is_among(held.c.text, connection.dialect.name))
        return sorted(connection.execute(query, pass_texts(connection, texts)).scalars())

    assert sorted(texts) == await database.write(find)
