"""Opening and closing a database."""

import sqlalchemy as sa

from headrace.store.database import Database


async def test_a_connection_that_comes_back_after_the_end_is_closed(database: Database) -> None:
    """A thread that was still using it leaves none open, which the server would have to find out."""
    late = database.engine.connect()
    late.execute(sa.text("SELECT 1"))
    used = late.connection.driver_connection
    database.close()
    late.close()

    assert used is not None
    assert late.closed
    assert used.closed if hasattr(used, "closed") else _is_closed(used)


def _is_closed(connection: object) -> bool:
    import sqlite3

    assert isinstance(connection, sqlite3.Connection)
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False
