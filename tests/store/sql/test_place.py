"""Where the tables stand: in a schema of their own, whatever else is in the database and whatever path leads there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cli.running import WHOLE_ACME, invoke, run
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import is_migrated
from headrace.store.sql.place import OLD_ENGINE, Found, Place, decide_place, name_place
from headrace.store.sql.tables import METADATA
from installations import OLD, PARTNERS_VERSION, beside, list_tables, make_old, make_partners, read_partners
from lab.kit.databases import make_on_server
from pair import play_pair
from settings.test_settings import GOOD

NOTHING = Found(installed=(), has_engine=False, has_old_engine=False)
THEIRS = [(1, "theirs")] * 5


@pytest.fixture
def empty_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database without a table."""
    with make_on_server(postgres_server) as url:
        yield url


@pytest.mark.parametrize(
    ("schema", "found", "place"),
    [
        ("headrace", NOTHING, name_place("headrace")),
        ("headrace", Found(["headrace"], has_engine=True, has_old_engine=True), name_place("headrace")),
        ("headrace", Found(["public"], has_engine=False, has_old_engine=True), OLD),
        ("headrace", Found(["headrace", "public"], has_engine=True, has_old_engine=True), name_place("headrace")),
        # A path that led to a schema of this name.
        ("headrace", Found(["headrace"], has_engine=False, has_old_engine=True), Place("headrace", OLD_ENGINE)),
        # A dump of our schema alone was restored.
        ("headrace", Found(["headrace"], has_engine=False, has_old_engine=False), name_place("headrace")),
        ("second", Found(["public"], has_engine=False, has_old_engine=True), name_place("second")),
    ],
)
def test_a_place_is_told_from_what_there_is(schema: str, found: Found, place: Place) -> None:
    """Ours wherever it is; an older release's where nothing else was asked for."""
    assert place == decide_place(schema, found)


def test_locks_of_two_installations_are_two() -> None:
    """They belong to the database; each use of one has a number of its own, which fits where it goes."""
    places = [name_place(schema) for schema in ("headrace", "second")]
    numbers = {place.derive_number(what, bits=32) for place in places for what in ("workers", "migrations")}

    assert 4 == len(numbers)
    assert all(-(2**31) <= number < 2**31 for number in numbers)


@pytest.mark.parametrize("path", ["''", "nowhere", "public,headrace", "headrace,public", "headrace_engine"])
async def test_a_partner_and_headrace_share_a_database(empty_url: str, path: str) -> None:
    """Tables of the same names, a version of another Alembic, and whatever path: a provision goes through."""
    make_partners(empty_url)
    with beside(empty_url) as connection:
        name = sa.make_url(empty_url).database
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET search_path TO {path}')
    async with play_pair(empty_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        assert State.PROVISIONED == (await pair.find(addon.id)).state

    assert THEIRS == read_partners(empty_url)
    assert METADATA.tables.keys() | {"alembic_version"} == list_tables(empty_url, "headrace")


async def test_a_path_of_the_address_leads_nothing_astray(empty_url: str) -> None:
    """Such as that of a partner who keeps headrace out of public by it."""
    make_partners(empty_url)
    url = sa.make_url(empty_url).update_query_dict({"options": "-csearch_path=public"})
    result = [invoke("migrate", DATABASE_URL=url.render_as_string(hide_password=False)) for _ in range(2)]

    assert ["The database is up to date.\n"] * 2 == [each.output for each in result]
    assert THEIRS == read_partners(empty_url)


def test_a_partner_s_alembic_goes_on(empty_url: str) -> None:
    """Its version is its own, and what it would generate has nothing of headrace's in it."""
    make_partners(empty_url)
    assert 0 == invoke("migrate", DATABASE_URL=empty_url).exit_code

    with beside(empty_url) as connection:
        theirs = sa.MetaData()
        theirs.reflect(connection)
        context = MigrationContext.configure(connection)
        assert PARTNERS_VERSION == context.get_current_revision()
        assert [] == compare_metadata(context, theirs)


def test_a_partner_that_comes_later_finds_its_names_free(empty_url: str) -> None:
    """In the other direction too."""
    assert 0 == invoke("migrate", DATABASE_URL=empty_url).exit_code
    make_partners(empty_url)

    assert 0 == invoke("migrate", DATABASE_URL=empty_url).exit_code
    assert THEIRS == read_partners(empty_url)


async def test_a_role_that_may_make_no_schema_gets_the_statement_to_type(empty_url: str, tmp_path: Path) -> None:
    """One line, before anything listens; once it is typed, all is well."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    url = sa.make_url(empty_url)
    role = f"{url.database}_tenant"
    tenant = url.set(username=role).render_as_string(hide_password=False)
    with beside(empty_url) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    refused = invoke("migrate", DATABASE_URL=tenant)
    served = await run("serve", "acme:service", environment={**GOOD, "DATABASE_URL": tenant}, cwd=tmp_path)
    statement = refused.output.strip().rpartition("run: ")[2]
    with beside(empty_url) as connection:
        connection.exec_driver_sql(statement)
    migrated = invoke("migrate", DATABASE_URL=tenant)
    with beside(empty_url) as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")

    assert (2, 3) == (refused.exit_code, len(refused.output.splitlines()))
    # Each says in its first line what it could not do.
    assert (2, refused.output.splitlines()[1:]) == (served.status, (served.out + served.err).splitlines()[1:])
    assert f'GRANT CREATE ON DATABASE "{url.database}" TO "{role}";' == statement
    assert (0, "The database is up to date.\n") == (migrated.exit_code, migrated.output)


def test_a_role_that_may_not_read_our_tables_is_told_so(postgres_url: str) -> None:
    """Such as one that a partner's own application has."""
    url = sa.make_url(postgres_url)
    role = f"{url.database}_reader"
    with beside(postgres_url) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    tenant = url.set(username=role).render_as_string(hide_password=False)
    refused = invoke("notices", **{**GOOD, "HEADRACE_DATABASE_URL": tenant})
    with beside(postgres_url) as connection:
        connection.exec_driver_sql(f"DROP ROLE {role}")

    assert 2 == refused.exit_code
    assert "HEADRACE_DATABASE_URL: its role may not do what headrace does (permission denied for" in refused.output


def test_an_older_installation_is_not_left_behind_for_another_schema(empty_url: str) -> None:
    """Whoever asks for one by name means a move, or a second service: which, is not guessed."""
    make_old(empty_url)
    refused = invoke("migrate", DATABASE_URL=empty_url, HEADRACE_DATABASE_SCHEMA="second")

    assert (2, 3) == (refused.exit_code, len(refused.output.splitlines()))
    assert "headrace's tables are in the schema public, and there are none in second" in refused.output
    assert set() == list_tables(empty_url, "second")


def test_a_second_installation_is_not_taken_for_an_older_one(empty_url: str) -> None:
    """Although a path leads there."""
    assert 0 == invoke("migrate", DATABASE_URL=empty_url, HEADRACE_DATABASE_SCHEMA="second").exit_code
    url = sa.make_url(empty_url).update_query_dict({"options": "-csearch_path=second"})
    database = Database(url.render_as_string(hide_password=False))
    with database.reads.connect() as connection:
        found = (database.place, is_migrated(connection))
    database.close()

    assert (name_place("headrace"), False) == found
