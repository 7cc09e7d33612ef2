"""docs/warehouse.md: its queries run on both databases and agree with `headrace enrich`, its role reads no more."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import sqlalchemy as sa

from enriching.worlds import USES, B, opened, read, write_csv
from headrace.store.reports.figures.roll_up import FleetFigure, count_day
from headrace.store.sql.database import Database
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.views import VIEWS
from house.rooms import ROOT

PAGE = (ROOT / "docs" / "warehouse.md").read_text(encoding="utf-8")
BY_STAGE, BY_PLAN, LAST_STAGE, STAGE_MIX, ROLE = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
# What the page says to write in place of what stands there.
ON_SQLITE = re.findall(r"^\| `([^`]+)` \| (?:`([^`]+)`)? ?\|$", PAGE[PAGE.index("| on PostgreSQL |") :], re.MULTILINE)


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Database]:
    """The world of twelve rows of usage, which stand in a table of the partner's."""
    with opened(database_url) as database:
        kind = "text" if database.is_sqlite else "timestamptz"
        with database.transaction() as connection:
            connection.exec_driver_sql(f"CREATE TABLE usage (resource_uuid text, at {kind}, requests bigint)")
            connection.execute(
                sa.text("INSERT INTO usage VALUES (:uuid, :at, :requests)"),
                [{"uuid": uuid, "at": spell(database, at), "requests": count} for uuid, at, count, *_ in USES],
            )
        yield database


def spell(database: Database, text: str) -> Any:
    at = datetime.fromisoformat(text)
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if database.is_sqlite else at


def ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    """Ask a query of the page as it says."""
    if database.is_sqlite:
        for theirs, ours in ON_SQLITE:
            query = query.replace(theirs, ours)
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_usage_joined_in_sql_is_what_enrich_makes_of_it(warehouse: Database, tmp_path: Path) -> None:
    """By day and stage: each of the twelve rows counts for the stage of its own moment."""
    counted = read(warehouse, write_csv(tmp_path / "uses.csv"), keys=("day", "stage"), value="n")
    found = {(str(day), stage): int(requests) for day, stage, requests in ask(warehouse, BY_STAGE)}

    expected: dict[tuple[str, str], int] = {}
    for _, _, count, stage, day in USES:
        expected[day, stage] = expected.get((day, stage), 0) + count
    assert expected == found
    assert expected == {(row["day"], row["stage"]): row["sum"] for row in counted}


def test_usage_by_plan_is_what_enrich_makes_of_it(warehouse: Database, tmp_path: Path) -> None:
    """The plan is the one of then: a change counts from when it was done."""
    counted = read(warehouse, write_csv(tmp_path / "uses.csv"), keys=("plan",), value="n")

    assert {row["plan"]: row["sum"] for row in counted if row["plan"] != "unseen"} == dict(ask(warehouse, BY_PLAN))


def test_the_last_stage_before_a_removal_is_found(warehouse: Database) -> None:
    """B was at development when it was removed."""
    gone = "2026-11-01T23:30:00.500000+00:00"

    assert [(B, spell(warehouse, gone), "development")] == ask(warehouse, LAST_STAGE)


def test_the_stage_mix_is_what_the_worker_counts(warehouse: Database) -> None:
    """Who moves at midnight is still where it was at the end of the day."""
    with warehouse.engine.connect() as connection:
        counts = count_day(connection, date(2026, 11, 1))

    assert [("production", 1), ("test", 1)] == ask(warehouse, STAGE_MIX)
    assert {("production", 1), ("test", 1)} == {
        (each.stage, each.value) for each in counts if each.figure is FleetFigure.BY_STAGE
    }


@pytest.fixture
def reader(postgres_url: str) -> Iterator[sa.Engine]:
    """A PostgreSQL as the role of the recipe has it; roles belong to the server, so this one has a name of its own."""
    role = f"warehouse_{token_hex(4)}"
    owner = sa.create_engine(postgres_url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.exec_driver_sql(ROLE.replace("warehouse", role))
    yield sa.create_engine(sa.make_url(postgres_url).set(username=role), poolclass=sa.pool.NullPool)
    with owner.connect() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")


def test_the_role_of_the_recipe_reads_the_views_and_nothing_else(reader: sa.Engine) -> None:
    """Every view, no table, and it writes nowhere."""
    views = [f"headrace.{view.name}" for view in VIEWS]
    refused = [f"SELECT 1 FROM headrace.{name}" for name in METADATA.tables]
    refused += ["DELETE FROM headrace.stage_by_day", "CREATE TABLE public.theirs (id int)"]
    refused.append("SELECT 1 FROM headrace_engine.workflow_status")
    with reader.connect() as connection:
        user = connection.exec_driver_sql("SELECT session_user").scalar()
        found = [connection.exec_driver_sql(f"SELECT count(*) FROM {view}").scalar() for view in views]
    errors = {statement: _try(reader, statement) for statement in refused}

    assert (reader.url.username, [0] * len(views)) == (user, found)
    assert dict.fromkeys(refused) != errors
    assert {"42501", "25006"} >= set(errors.values())


def _try(engine: sa.Engine, statement: str) -> str | None:
    """Return the code of PostgreSQL's refusal, or None when it did what it was told."""
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", None))
    return None
