"""An installation of an older release: served where it is, then moved with what is under way."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from browsing import visit
from cli.running import invoke
from headrace.emulator import Declined
from headrace.lifetime import Assembly
from headrace.models import State
from headrace.service import AddonService, find_assembly
from headrace.store.sql.database import Database
from headrace.store.sql.place import OLD_ENGINE, Place, name_place
from headrace.store.sql.tables import METADATA
from headrace.store.sql.usable import require_usable
from headrace.store.state.resources import find_resource
from headrace.testing import eventually
from headrace.workflows.engine.ledger import workflow_status
from installations import OLD, beside, list_tables, make_old, make_partners
from lab.kit.databases import make_on_server
from pair import QUICK_RETRIES, Pair, play_pair

FUNCTIONS = """
SELECT p.proname, replace(pg_get_functiondef(p.oid), n.nspname, 'SCHEMA')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'headrace_engine' ORDER BY 1, 2
"""


@pytest.fixture
def old_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database as an older release has left it."""
    with make_on_server(postgres_server) as url:
        make_old(url)
        yield url


async def test_an_older_installation_is_served_and_then_moved(old_url: str) -> None:
    """What is under way waits, and is done in the new place; whoever served meanwhile says that it has to restart."""
    async with play_pair(old_url, has_worker=False) as pair:
        assert pair.parts.database.place == OLD
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        before = await visit(pair, "/ready")
        moved = await asyncio.to_thread(invoke, "migrate", "--to-schema", DATABASE_URL=old_url)
        after = await visit(pair, "/ready")
        states = [addon.state, await _go_on(pair, addon.id), addon.state]

    assert [State.PROVISIONING, State.PROVISIONED, State.PROVISIONED] == states
    assert (0, 200, 503) == (moved.exit_code, before.status, after.status), moved.output
    assert moved.output.startswith("The tables were moved from public to headrace; restart web and worker.\n")
    problems = json.loads(after.text)["problems"]
    assert "the tables were moved to the schema headrace; restart this process" == problems[0]


async def test_an_older_installation_has_a_worker_until_it_is_moved(old_url: str) -> None:
    """It shares locks, channel and queue with workers of the older release."""
    async with play_pair(old_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        assert State.PROVISIONED == (await pair.find(addon.id)).state

    assert "headrace" not in _list_schemas(old_url)


async def test_a_worker_that_began_before_the_move_ends_in_order(
    old_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says a line a second and no traceback, takes nothing, and Heroku is told to ask again."""
    async with play_pair(old_url) as pair:
        moved = await asyncio.to_thread(invoke, "migrate", "--to-schema", DATABASE_URL=old_url)
        assert 0 == moved.exit_code, moved.output
        ready = await visit(pair, "/ready")
        with pytest.raises(Declined):
            await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: [record.msg for record in caplog.records].count("database.failed") >= 3)

    assert 503 == ready.status
    assert [] == pair.acme.created
    assert [] == [
        each.message for each in caplog.records if each.exc_info and each.name.startswith(("headrace", "dbos"))
    ]


def test_what_was_moved_is_as_if_it_had_been_made_there(old_url: str, postgres_url: str) -> None:
    """Tables, versions, and functions of the engine that name their schema."""
    assert 0 == invoke("migrate", "--to-schema", DATABASE_URL=old_url).exit_code

    assert METADATA.tables.keys() | {"alembic_version"} == list_tables(old_url, "headrace")
    assert {"placement_check"} == list_tables(old_url, "public")
    assert OLD_ENGINE not in _list_schemas(old_url)
    with beside(old_url) as moved, beside(postgres_url) as made:
        query = sa.text(FUNCTIONS)
        assert made.execute(query).all() == moved.execute(query).all()


def test_moving_twice_moves_once(old_url: str) -> None:
    """The second finds nothing to move; neither does one where there never was anything to."""
    results = [invoke("migrate", "--to-schema", DATABASE_URL=old_url) for _ in range(2)]

    assert [0, 0] == [each.exit_code for each in results]
    assert "The database is up to date.\n" == results[1].output


def test_an_older_release_finds_a_table_that_it_takes_for_another_program_s(old_url: str) -> None:
    """It makes no tables of its own beside those that were moved, and says so in a line."""
    assert 0 == invoke("migrate", "--to-schema", DATABASE_URL=old_url).exit_code
    with _as_older_release(old_url) as older, pytest.raises(Exception, match="has a table `placement_check`"):
        require_usable(older)


def test_it_is_moved_to_the_schema_that_is_asked_for(old_url: str) -> None:
    """By a setting that is then kept."""
    environment = {"DATABASE_URL": old_url, "HEADRACE_DATABASE_SCHEMA": "addon"}
    results = [invoke("migrate", "--to-schema", **environment), invoke("migrate", **environment)]

    assert [0, 0] == [each.exit_code for each in results], results[0].output
    assert {"addon", "addon_engine"} <= _list_schemas(old_url)


def test_workflows_of_another_application_are_not_taken_along(old_url: str) -> None:
    """Whose engine has the same name for its schema."""
    database = Database(old_url)
    with database.transaction() as connection:
        row = {"workflow_uuid": "theirs", "status": "SUCCESS", "application_name": "acme", "priority": 0}
        connection.execute(sa.insert(workflow_status).values(row))
    database.close()
    refused = invoke("migrate", "--to-schema", DATABASE_URL=old_url)

    assert (2, 3) == (refused.exit_code, len(refused.output.splitlines()))
    assert "the application acme has workflows in the schema dbos too" in refused.output
    assert METADATA.tables.keys() <= list_tables(old_url, "public")


def test_a_table_that_somebody_holds_for_long_is_not_waited_for(old_url: str) -> None:
    """Nothing is moved, and a line says what to do."""
    with beside(old_url) as connection:
        connection.exec_driver_sql("LOCK TABLE public.notice IN ACCESS SHARE MODE")
        refused = invoke("migrate", "--to-schema", DATABASE_URL=old_url)

    assert 2 == refused.exit_code
    assert "nothing was moved: somebody would not let go of a table within 10 s" in refused.output
    assert METADATA.tables.keys() <= list_tables(old_url, "public")


async def test_where_two_wait_for_each_other_the_move_gives_way_and_tries_again(old_url: str) -> None:
    """A worker that has a late table and asks for an early one gets it."""
    first, *_, last = METADATA.tables
    with beside(old_url) as worker:
        worker.exec_driver_sql(f"LOCK TABLE public.{last} IN ACCESS SHARE MODE")
        moving = asyncio.create_task(asyncio.to_thread(invoke, "migrate", "--to-schema", DATABASE_URL=old_url))
        await eventually(lambda: _is_being_moved(old_url, first))
        await asyncio.to_thread(worker.exec_driver_sql, f"LOCK TABLE public.{first} IN ACCESS SHARE MODE")
    moved = await moving

    assert 0 == moved.exit_code, moved.output
    assert METADATA.tables.keys() <= list_tables(old_url, "headrace")


def test_an_installation_that_a_path_led_to_gets_an_engine_of_its_own(postgres_server: str) -> None:
    """Its tables are where they are to be already; beside them a partner has its own."""
    with make_on_server(postgres_server) as url:
        with beside(url) as connection:
            connection.exec_driver_sql("CREATE SCHEMA headrace")
        make_old(url, Place("headrace", OLD_ENGINE))
        make_partners(url)
        database = Database(url)
        before = database.place
        database.close()
        moved = invoke("migrate", "--to-schema", DATABASE_URL=url)
        database = Database(url)
        after = database.place
        database.close()

    assert (0, Place("headrace", OLD_ENGINE), name_place("headrace")) == (moved.exit_code, before, after)


def test_sqlite_has_nothing_to_move(sqlite_url: str) -> None:
    refused = invoke("migrate", "--to-schema", DATABASE_URL=sqlite_url)

    assert (2, 3) == (refused.exit_code, len(refused.output.splitlines()))
    assert "DATABASE_URL: SQLite has no schemas" in refused.output


async def _go_on(pair: Pair, uuid: str) -> State:
    """Run a worker that began after the move until a resource is provisioned; return its state."""
    service = AddonService(pair.parts.settings)
    assembly: Assembly = find_assembly(service)
    assembly.retries = QUICK_RETRIES
    pair.acme.register(service)
    parts = assembly.assemble()

    async def is_provisioned() -> bool:
        row = await parts.database.read(find_resource, uuid)
        return row is not None and row.state == State.PROVISIONED and row.running is None

    async with assembly.running(parts, has_worker=True):
        await eventually(is_provisioned)
        await pair.heroku.settle()
        row = await parts.database.read(find_resource, uuid)
    assert row is not None
    return row.state


@contextmanager
def _as_older_release(url: str) -> Iterator[Database]:
    database = Database(url)
    database.whereabouts.go_to(OLD)
    yield database
    database.close()


def _list_schemas(url: str) -> set[str]:
    with beside(url) as connection:
        return set(sa.inspect(connection).get_schema_names())


def _is_being_moved(url: str, name: str) -> bool:
    held = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = to_regclass(%(name)s) AND granted AND mode = %(mode)s)"
    with beside(url) as connection:
        found = connection.exec_driver_sql(held, {"name": f"public.{name}", "mode": "AccessExclusiveLock"})
        return bool(found.scalar())
