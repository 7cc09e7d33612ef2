"""An older release on a database that a newer one has had: it says so, serves, and takes no work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from browsing import visit
from headrace.doctor import Level, examine
from headrace.models import State
from headrace.store.sql.database import Database
from pair import play_pair

OURS = ("alembic_version", "version_num", "'9999'")
THE_ENGINES = ("dbos_migrations", "version", "version + 1")


@pytest.mark.parametrize(
    ("table", "finding"), [(OURS, "database"), (THE_ENGINES, "workflows")], ids=["our tables", "the engine's tables"]
)
async def test_on_a_newer_database_the_web_serves_and_the_worker_takes_nothing(
    database_url: str, table: tuple[str, str, str], finding: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is acknowledged waits for the newer release, or for the database to be as it was."""
    with _made_newer(database_url, table) as undo:
        async with play_pair(database_url) as pair:
            addon = await pair.heroku.create_addon("shop", "acme-search:basic")
            row = await pair.find(addon.id)
            ready = await visit(pair, "/ready")
            found = {each.subject: each for each in await examine(pair.parts)}
            said = [record.msg for record in caplog.records]
            undo()
            await pair.settle()

            assert State.PROVISIONED == (await pair.find(addon.id)).state
    assert (State.PROVISIONING, 503) == (row.state, ready.status)
    assert "this worker takes no work" in ready.text
    assert "run that release again" in found[finding].text
    assert Level.OK != found[finding].level
    assert 1 == said.count("database.newer")


async def test_a_web_on_a_newer_database_is_ready(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """It serves what there is; the worker's process is the one that says that it does not."""
    with _made_newer(database_url, OURS):
        async with play_pair(database_url, has_worker=False) as pair:
            ready = await visit(pair, "/ready")

            assert 200 == ready.status
    assert ["database.newer"] == [each.msg for each in caplog.records if each.msg.startswith("database.")]


@contextmanager
def _made_newer(url: str, table: tuple[str, str, str]) -> Iterator[Callable[[], None]]:
    """Let a newer release have had the database, until what is yielded is called."""
    database = Database(url)
    name, column, newer = table
    if not database.is_sqlite:
        name = f"{database.place.engine if table is THE_ENGINES else database.place.tables}.{name}"
    with database.transaction() as connection:
        before = connection.execute(sa.text(f"SELECT max({column}) FROM {name}")).scalar_one()
        connection.execute(sa.text(f"UPDATE {name} SET {column} = {newer} WHERE {column} = :was"), {"was": before})

    def undo() -> None:
        with database.transaction() as connection:
            newest = f"(SELECT max({column}) FROM {name})"
            undone = sa.text(f"UPDATE {name} SET {column} = :before WHERE {column} = {newest}")
            connection.execute(undone, {"before": before})

    yield undo
    database.close()
