"""How PostgreSQL is to plan what a batch's record asks of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from headrace.emulator import Clock
from headrace.inspector.freshness import SPREAD
from headrace.store.sql.database import Database
from pair import play_pair


async def test_a_record_is_planned_anew_and_none_of_its_rows_is(postgres_url: str) -> None:
    """Else it goes by plans of an empty table; and planned each by itself, each row would cost a plan of its keys."""
    clock = Clock()
    async with play_pair(postgres_url, clock=clock) as pair:
        for app in ("shop", "shop-staging"):
            await pair.heroku.create_addon(app, "acme-search:basic")
        await pair.settle()
        pair.heroku.move("shop-staging", "production")
        clock.advance(timedelta(minutes=5) * (1 + SPREAD))
        with _noting(pair.parts.database) as transactions:
            await pair.sweep()

    # But for the engine's fence, which comes before.
    sent = [[text for text in each if "headrace_engine." not in text] for each in transactions]
    records = [each for each in sent if any("INSERT INTO headrace.placement " in text for text in each)]
    assert ["DISCARD PLANS"] == [each[0] for each in records]
    assert [] == [text for each in records for text in each if "plan_cache_mode" in text]


@contextmanager
def _noting(database: Database) -> Iterator[list[list[str]]]:
    """Collect what is sent until the block ends, by transaction."""
    transactions: list[list[str]] = []

    def begin(connection: sa.Connection) -> None:
        connection.info["sent"] = []
        transactions.append(connection.info["sent"])

    def note(connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        connection.info["sent"].append(statement)

    sa.event.listen(database.writes, "begin", begin)
    sa.event.listen(database.writes, "before_cursor_execute", note)
    yield transactions
    sa.event.remove(database.writes, "begin", begin)
    sa.event.remove(database.writes, "before_cursor_execute", note)
