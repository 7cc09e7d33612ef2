"""Views: as they are declared on both databases, kept through migrations with what was granted, and without secrets."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.encryption import KeyRing, make_key
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import upgrade
from headrace.store.sql.tables.views import VIEWS
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.resources import update_resource
from headrace.store.state.secrets import SecretStore
from store.making import HOUR, NOON, add_resource, id_of, place

SECRET = "planted-1f7c"
# The newest migration that brought views, and what they were then.
BROUGHT_BY = ("0016", "043cb4f328fa")
DEFINITIONS = {
    True: "SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY name",
    False: "SELECT viewname, definition FROM pg_views WHERE schemaname = 'headrace' ORDER BY viewname",
}
COMMENTS = """
SELECT c.relname, coalesce(a.attname, ''), d.description
FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND c.relkind = 'v' AND d.classoid = 'pg_class'::regclass
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'headrace'
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
"""


def read_definitions(database: Database) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(DEFINITIONS[database.is_sqlite])]


def read_view(database: Database, name: str) -> list[dict[str, Any]]:
    """Rows of a view, in the order of their columns."""
    with database.engine.connect() as connection:
        where = name if database.is_sqlite else f"headrace.{name}"
        rows = connection.exec_driver_sql(f"SELECT * FROM {where}").mappings()
        return sorted((dict(row) for row in rows), key=lambda row: [str(value) for value in row.values()])


def go_back(connection: sa.Connection, *, is_sqlite: bool) -> None:
    """Take views away, as a release has them that knows fewer, and change one, which only SQLite lets."""
    schema = "" if is_sqlite else "headrace."
    connection.exec_driver_sql(f"DROP VIEW {schema}resource_now")
    connection.exec_driver_sql(f"DROP VIEW {schema}placement_history")
    if is_sqlite:
        connection.exec_driver_sql("DROP VIEW stage_by_day")
        connection.exec_driver_sql("CREATE VIEW stage_by_day (day, stage, resources) AS SELECT 1, 2, 3")


def test_a_migration_makes_the_views_as_they_are_declared(database: Database) -> None:
    """Those that were not there, and those that were others; a second time changes nothing."""
    fresh = read_definitions(database)
    with database.transaction() as connection:
        go_back(connection, is_sqlite=database.is_sqlite)
    changed = read_definitions(database)
    upgrade(database)
    once = read_definitions(database)
    upgrade(database)

    assert sorted(view.name for view in VIEWS) == [name for name, _ in fresh]
    assert fresh != changed
    assert [fresh, fresh] == [once, read_definitions(database)]


def test_every_view_has_the_columns_of_its_declaration(database: Database) -> None:
    """In their order, whoever asks for them."""
    schema = None if database.is_sqlite else "headrace"
    with database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        found = {view.name: [each["name"] for each in inspector.get_columns(view.name, schema)] for view in VIEWS}

    assert {view.name: list(view.columns) for view in VIEWS} == found


def test_postgresql_says_what_each_column_is(postgres_url: str) -> None:
    """A warehouse's catalogue shows these words, which docs/warehouse.md has too."""
    database = Database(postgres_url)
    with database.engine.connect() as connection:
        found = {(row[0], row[1]): row[2] for row in connection.exec_driver_sql(COMMENTS)}
    database.close()

    assert {
        (view.name, column): text for view in VIEWS for column, text in {"": view.row, **view.columns}.items()
    } == found


def test_views_that_change_come_with_a_migration() -> None:
    """Without one, a database that is up to date would keep the old ones: make one, and note its number here."""
    declared = sha256(repr([(view.name, list(view.columns), view.query) for view in VIEWS]).encode()).hexdigest()

    assert ("0016", declared[:12]) == BROUGHT_BY


def test_what_others_built_on_a_view_survives_a_migration(postgres_url: str) -> None:
    """A partner's own view, and what was granted: a view is replaced where it stands."""
    database = Database(postgres_url)
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE VIEW public.theirs AS SELECT stage FROM headrace.stage_by_day")
        connection.exec_driver_sql("GRANT SELECT ON headrace.stage_by_day TO PUBLIC")
    upgrade(database)
    with database.engine.connect() as connection:
        theirs = connection.exec_driver_sql("SELECT count(*) FROM public.theirs").scalar()
        query = "SELECT relacl::text FROM pg_class WHERE oid = 'headrace.stage_by_day'::regclass"
        granted = connection.exec_driver_sql(query).scalar_one()
    database.close()

    assert (0, True) == (theirs, "=r/" in granted)


@pytest.fixture
def fleet(database: Database) -> Database:
    """`a` was promoted, of which Heroku told an hour before we learnt it; `b` is in no pipeline, `c` gone, `d` new."""
    with database.transaction() as connection:
        for name, stage in (("a", "staging"), ("b", ""), ("c", "review")):
            add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON, callback_url=SECRET)
            save_inspection(connection, place(name, "shop" if stage else None, stage, app=name), next_check_at=NOON)
        move = place("a", "shop", "production", app="a", at=NOON + 3 * HOUR, coupled_at=NOON + 2 * HOUR)
        save_inspection(connection, move, next_check_at=NOON)
        SecretStore(KeyRing.parse(make_key())).save_config(connection, id_of("a"), {"ACME_URL": SECRET})
        close_placement(connection, id_of("c"), now=NOON + HOUR)
        update_resource(connection, id_of("c"), state=State.DEPROVISIONED, deprovisioned_at=NOON + HOUR)
        add_resource(connection, "d")
    return database


def spell(database: Database) -> Callable[[timedelta], Any]:
    """A moment after noon as the views have it: one with a time zone, or on SQLite a text that sorts."""

    def at(after: timedelta) -> Any:
        return f"{NOON + after:%Y-%m-%dT%H:%M:%S.%fZ}" if database.is_sqlite else NOON + after

    return at


def test_resource_now_has_one_row_for_each_with_a_word_where_no_stage_can_be(fleet: Database) -> None:
    """Of those that are gone and of those of which Heroku never told, too."""
    at = spell(fleet)
    found = {row["resource_name"]: row for row in read_view(fleet, "resource_now")}

    assert {"a": "production", "b": "none", "c": "gone", "d": "unknown"} == {
        name: row["stage"] for name, row in found.items()
    }
    assert (at(3 * HOUR), at(2 * HOUR), "shop") == tuple(
        found["a"][name] for name in ("placed_at", "coupled_at", "pipeline_name")
    )
    assert (at(HOUR), None) == (found["c"]["deprovisioned_at"], found["c"]["placed_at"])


def test_placement_history_keeps_what_we_learnt_beside_what_heroku_says(fleet: Database) -> None:
    """A row ends where the next begins, at the moment we learnt of it; Heroku's own moment dates nothing back."""
    at = spell(fleet)
    found = [row for row in read_view(fleet, "placement_history") if row["resource_uuid"] == id_of("a")]
    found.sort(key=lambda row: row["valid_from"])

    assert [
        ("staging", at(0 * HOUR), at(3 * HOUR), None),
        ("production", at(3 * HOUR), None, at(2 * HOUR)),
    ] == [(row["stage"], row["valid_from"], row["valid_to"], row["coupled_at"]) for row in found]


def test_pipeline_now_counts_live_resources(fleet: Database) -> None:
    """By stage; what is gone, or in no pipeline, is in none."""
    (row,) = read_view(fleet, "pipeline_now")

    assert ("shop", "team", 1, 1, 0, 0, 1) == tuple(
        row[name]
        for name in (
            "pipeline_name",
            "owner_type",
            "resources",
            "production_resources",
            "staging_resources",
            "review_resources",
            "lasting_resources",
        )
    )
    assert spell(fleet)(3 * HOUR) == row["placed_at"]


def test_nothing_secret_is_in_a_view(fleet: Database) -> None:
    """Neither what is sealed, nor the address that Heroku is called at."""
    rows = {view.name: read_view(fleet, view.name) for view in VIEWS if view.name != "stage_by_day"}

    assert all(rows.values())
    assert SECRET not in str(rows)


def test_moments_of_sqlite_sort_as_they_follow(fleet: Database) -> None:
    """Every one has the same length, and PostgreSQL's have a time zone."""
    moments = [row["created_at"] for row in read_view(fleet, "resource_now")]
    kinds = {len(each) if isinstance(each, str) else each.utcoffset() is not None for each in moments}

    assert {27 if fleet.is_sqlite else True} == kinds
