"""Fleets of any size in a database, as headrace would have stored them: what `lab.kit.heroku` answers about."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.encryption import KeyRing
from headrace.models import Outcome, State
from headrace.protocol.platform import build_coupling_by_app
from headrace.store.sql.database import Database
from headrace.store.sql.place import name_schema
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    placement_check,
    resource,
    secret,
)
from headrace.store.state.secrets import TOKEN, name_row
from lab.kit.heroku import PER_PIPELINE, find_stage, name_id

ETAG = 'W/"1"'
PLANS = ("free", "basic", "standard", "premium")


def fill(url: str, count: int, *, keys: KeyRing, is_known: bool, is_hidden: bool) -> None:
    """Store so many provisioned resources with their tokens, all due; `is_known` ones have been looked at.

    With `is_hidden` Heroku has lately refused to list the apps of each pipeline.
    """
    database = Database(url)
    now = datetime.now(UTC)
    with database.transaction() as connection:
        insert(connection, resource, RESOURCE, _make_resources(count, now, is_known=is_known))
        insert(connection, secret, SECRET, _make_tokens(count, now, keys))
        if is_known:
            refused_at = now if is_hidden else None
            pipelines = ((name_id("pipeline", each), f"pipeline-{each}", now, refused_at) for each in _pipelines(count))
            insert(connection, pipeline, PIPELINE, pipelines)
            insert(connection, placement, PLACEMENT, _make_placements(count, now))
        insert(connection, placement_check, CHECK, _make_checks(count, now, is_known=is_known))
    settle(database)
    database.close()


def settle(database: Database) -> None:
    """Let the database learn what is in it, as it does by itself in time."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")


RESOURCE = (
    *("uuid", "name", "plan", "requested_plan", "region", "options", "callback_url", "state", "is_synchronous"),
    *("workflow_count", "app_id", "app_name", "created_at", "provisioned_at"),
)
SECRET = ("resource_uuid", "kind", "sealed", "expires_at")
PIPELINE = ("id", "name", "observed_at", "list_refused_at")
PLACEMENT = ("id", "resource_uuid", "app_id", "app_name", "pipeline_id", "stage", "valid_from")
CHECK = (
    *("resource_uuid", "outcome", "checked_at", "tried_at", "next_check_at", "read_whole_at", "etag", "etag_path"),
)


def insert(
    connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows as quickly as the database can take them."""
    names = ", ".join(columns)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' for _ in columns)})"
        driver.executemany(statement, (tuple(map(_spell, row)) for row in rows))
        return
    place = f"{name_schema(connection)}.{table.name}"
    with driver.cursor() as cursor, cursor.copy(f"COPY {place} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _spell(value: Any) -> Any:
    """A moment as our SQLite columns hold it."""
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


def _make_resources(count: int, now: datetime, *, is_known: bool) -> Iterator[tuple[Any, ...]]:
    came_at = now - timedelta(days=40)
    for number in range(count):
        plan = PLANS[number % len(PLANS)]
        app = (name_id("app", number), f"app-{number}") if is_known else (None, None)
        names = (name_id("resource", number), f"acme-search-{number}", plan, plan, "us", "{}", "https://api.heroku.com")
        yield (*names, State.PROVISIONED, False, 1, *app, came_at, came_at)


def _make_tokens(count: int, now: datetime, keys: KeyRing) -> Iterator[tuple[Any, ...]]:
    expires_at = now + timedelta(hours=8)
    for number in range(count):
        uuid = name_id("resource", number)
        text = msgspec.json.encode([f"HRKU-AA{number:058}", f"{number:036}"]).decode()
        yield uuid, TOKEN, keys.seal(text, row=name_row(uuid, TOKEN)), expires_at


def _make_placements(count: int, now: datetime) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        app = (name_id("app", number), f"app-{number}")
        place = (name_id("pipeline", number // PER_PIPELINE), find_stage(number))
        yield (number + 1, name_id("resource", number), *app, *place, now - timedelta(days=39))


def _make_checks(count: int, now: datetime, *, is_known: bool) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        known: tuple[Any, ...] = (None,) * 6
        if is_known:
            path = build_coupling_by_app(name_id("app", number)).path
            known = (Outcome.PLACED, now, now, now, ETAG, path)
        outcome, checked_at, tried_at, read_whole_at, etag, etag_path = known
        uuid = name_id("resource", number)
        yield uuid, outcome, checked_at, tried_at, now - timedelta(minutes=1), read_whole_at, etag, etag_path


def _pipelines(count: int) -> range:
    return range(-(-count // PER_PIPELINE))
