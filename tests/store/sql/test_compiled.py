"""A statement's text is built once in a process, for each database that understands it alike."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from headrace.store.sql.compiled import MOST, CompiledStatements
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import resource
from headrace.store.state.resources import find_resource


def test_a_database_that_is_opened_again_has_its_statements_built_already(database_url: str) -> None:
    """Also on the connections of writers, and whatever is asked for."""
    statement = sa.select(resource.c.uuid).where(resource.c.uuid == sa.bindparam("uuid"))
    ran: list[Any] = []
    for uuid in ("one", "another"):
        database = Database(database_url)
        for engine in (database.reads, database.writes):
            with engine.connect() as connection:
                event.listen(connection, "after_execute", lambda *of: ran.append(of[-1].context.compiled))
                assert [] == connection.execute(statement, {"uuid": uuid}).all()
                assert find_resource(connection, uuid) is None
        database.close()

    first, second = ran[:2]
    assert [first, second] * 4 == ran


def test_statements_of_servers_that_differ_are_kept_apart() -> None:
    """What SQLite is sent is not for PostgreSQL, nor that of one version for another's."""
    kept = CompiledStatements()
    newer = make_dialect("postgresql+psycopg")
    newer.server_version_info = (18, 4)
    kept[make_dialect("postgresql+psycopg"), "statement"] = "of PostgreSQL"
    kept[make_dialect("sqlite"), "statement"] = "of SQLite"

    assert "of PostgreSQL" == kept.get((make_dialect("postgresql+psycopg"), "statement"))
    assert "of SQLite" == kept.get((make_dialect("sqlite"), "statement"))
    assert kept.get((newer, "statement")) is None
    assert kept.get((make_dialect("sqlite"), "another")) is None


def test_statements_do_not_gather_for_ever() -> None:
    """One whose form depends on what is asked for would fill the memory."""
    kept, sqlite = CompiledStatements(), make_dialect("sqlite")
    for number in range(3 * MOST):
        kept[sqlite, number] = number
        assert number == kept.get((sqlite, number))
        assert len(kept) <= MOST


def make_dialect(name: str) -> sa.Dialect:
    """Return one of its own, as each engine has it."""
    return sa.create_engine(f"{name}://").dialect
