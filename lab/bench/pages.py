"""What pages and figures cost with 10,000 resources and with a million: in the store, and as whole answers."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import md5
from http.client import HTTPConnection, HTTPResponse
from statistics import quantiles
from typing import Any

import sqlalchemy as sa

from headrace.fleet.insights import find_eve
from headrace.models import Outcome, Stage, State
from headrace.store.reports.board import Candidate, Recent, list_candidates
from headrace.store.reports.figures.counted_days import save_day
from headrace.store.reports.figures.insights import find_latest_day, load_day_counts, load_figure
from headrace.store.reports.figures.roll_up import DayCount, FleetFigure, count_day
from headrace.store.reports.pipeline_list import Wanted, list_pipelines
from headrace.store.reports.resource_list import WantedResources, list_resources
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import (
    access,
    access_check,
    pipeline,
    placement,
    placement_check,
    resource,
)
from lab.bench.apart.served import API_TOKEN, OPERATOR_SECRET
from lab.bench.counting import measure_counting
from lab.bench.reporting import measure_reporting
from lab.kit.databases import DATABASES, make_database
from lab.kit.fleets import insert, settle
from lab.kit.processes import module, serving

SMALL, LARGE = 10_000, 1_000_000
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# The resource whose board is opened, and who opens it.
OPENED, PERSON = 1002, "01234567-89ab-cdef-0123-456789abcdef"
ANSWERS = 60
DAYS = 90
REPEATS = 30
PLANS = ("free", "basic", "standard", "premium")
REGIONS = ("us", "eu", "tokyo")
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TODAY = NOON.date()


def run_pages() -> dict[str, Any]:
    """Measure both databases at both sizes and print the times, and how they grow."""
    figures: dict[str, Any] = {}
    for kind in DATABASES:
        found = {}
        for size in (SMALL, LARGE):
            with make_database(kind) as url:
                found[size] = _measure_store(url, size) | _measure_answers(url, size)
        figures[kind] = {what: {str(size): found[size][what] for size in found} for what in found[SMALL]}
        print(f"{kind:<34} {SMALL:>14,} {LARGE:>14,}   ratio")
        for what, seconds in found[SMALL].items():
            large = found[LARGE][what]
            print(
                f"  {what:<32} {seconds * 1000:>11.2f} ms {large * 1000:>11.2f} ms {large / seconds:>7.2f}", flush=True
            )
    return figures


def _measure_store(url: str, size: int) -> dict[str, float]:
    """Fill the database and ask the store."""
    database = Database(url)
    _fill(database, size)
    figures: dict[str, float] = {}
    live = [_id_of("r", number) for number in range(11, size, size // 2_500) if _gone_at(number) is None]
    figures |= measure_counting(database, live, now=NOON)
    with database.reads.connect() as connection:
        counts = count_day(connection, TODAY)
    with database.transaction() as connection:
        began = time.perf_counter()
        save_day(connection, TODAY, counts, now=NOON)
        figures["saving a day"] = time.perf_counter() - began
        for number in range(1, DAYS + 7):
            day = TODAY - number * DAY
            save_day(connection, day, _move_to(counts, day), now=NOON)
    figures |= measure_reporting(database, now=NOON)
    for name, ask in (
        ("floor: SELECT 1", lambda connection: connection.execute(sa.select(sa.literal(1))).all()),
        ("overview of 30 days", lambda connection: _load_overview(connection, 30)),
        ("overview of 90 days", lambda connection: _load_overview(connection, 90)),
        ("stage mix of 90 days", _load_stage_mix),
        ("a look at a board", _look_at_board),
        ("pipelines, a page", lambda connection: list_pipelines(connection, Wanted())),
        ("resources, a page", lambda connection: list_resources(connection, WantedResources())),
    ):
        figures[f"store: {name}"] = _time(database, ask)
    database.close()
    return figures


def _measure_answers(url: str, size: int) -> dict[str, float]:
    """Ask the service, in a process of its own, for whole pages; return the 95th percentile of each."""
    opened = _id_of("r", OPENED)
    with serving(module("lab.bench.apart.served", "web", url)) as (_, port):
        visitor = _Visitor(port)
        pages = {
            "/operators": "/operators",
            "/operators/pipelines": "/operators/pipelines",
            "the same, has production": "/operators/pipelines?has=production&without=staging",
            "the same, search": f"/operators/pipelines?q=pipeline-{size // 7}",
            "/operators/resources": "/operators/resources",
            "the same, small plans": "/operators/resources?stage=production&small_plan=1",
            "/operators/resources/UUID": f"/operators/resources/{opened}",
            "/operators/sync": "/operators/sync",
            "/api/resources/UUID": f"/api/resources/{opened}",
            "/api/resources/UUID/board": f"/api/resources/{opened}/board?user_id={PERSON}",
            "/metrics": "/metrics",
        }
        return {f"p95: {name}": visitor.time(path) for name, path in pages.items()}


class _Visitor:
    """An operator's browser and a partner's back end in one."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Authorization": f"Bearer {API_TOKEN}", "Origin": f"http://127.0.0.1:{port}"}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._ask("POST", "/operators/login", body=f"secret={OPERATOR_SECRET}", headers=form)
        assert answer.status == 303, answer.status
        self._headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]

    def time(self, path: str) -> float:
        """Return the 95th percentile of many answers, after one that nobody counts."""
        times = []
        for _ in range(ANSWERS + 1):
            began = time.perf_counter()
            answer = self._ask("GET", path)
            times.append(time.perf_counter() - began)
            assert answer.status == 200, f"{path}: {answer.status}"
        return quantiles(times[1:], n=20)[-1]

    def _ask(self, method: str, path: str, *, body: str = "", headers: Mapping[str, str] = {}) -> HTTPResponse:
        self._connection.request(method, path, body=body or None, headers={**self._headers, **headers})
        answer = self._connection.getresponse()
        answer.read()
        return answer


def _load_overview(connection: sa.Connection, days: int) -> list[DayCount]:
    latest = find_latest_day(connection)
    assert latest is not None
    since = latest[0] - (days - 1) * DAY
    return load_day_counts(connection, eve=find_eve(since), since=since, until=latest[0])


def _load_stage_mix(connection: sa.Connection) -> list[DayCount]:
    return load_figure(connection, FleetFigure.BY_STAGE, since=TODAY - (DAYS - 1) * DAY, until=TODAY)


def _look_at_board(connection: sa.Connection) -> list[Candidate]:
    recent = Recent(after=NOON, now=NOON)
    return list_candidates(connection, _id_of("r", OPENED), people=[f"id:{PERSON}"], recent=recent)


def _time(database: Database, ask: Callable[[sa.Connection], object]) -> float:
    """The shortest time of a question, a connection from the pool included: the one that nothing disturbed."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        with database.reads.connect() as connection:
            ask(connection)
        times.append(time.perf_counter() - began)
    return min(times)


def _move_to(counts: list[DayCount], day: date) -> list[DayCount]:
    """The same counts on another day: a history as long as asked for, without counting each day of it."""
    return [each._replace(day=day) for each in counts]


def _fill(database: Database, size: int) -> None:
    """Resources in pipelines of five or in none, one in ten gone again, every other one moved once."""
    chance, now = random.Random(size), datetime.now(UTC)
    pipelines = ((_id_of("p", number), f"pipeline-{number}", NOON) for number in range(size // 5))
    rows = (row for number in range(size) for row in _make_placements(number, chance))
    live = [number for number in range(size) if _gone_at(number) is None]
    checks = ((_id_of("r", number), Outcome.PLACED, now, now, now + HOUR) for number in live)
    mates = [number for number in live if number // 5 == OPENED // 5]
    with database.transaction() as connection:
        insert(connection, pipeline, ("id", "name", "observed_at"), pipelines)
        insert(connection, resource, RESOURCE, (_make_resource(number, chance) for number in range(size)))
        insert(connection, placement, PLACEMENT, ((number, *row) for number, row in enumerate(rows, start=1)))
        insert(connection, placement_check, CHECK, checks)
        insert(connection, access, ("app_id", "person"), ((_id_of("a", each), f"id:{PERSON}") for each in mates))
        # As if Heroku told all the time who may see what.
        insert(connection, access_check, ("app_id", "checked_at"), ((_id_of("a", each), now + DAY) for each in mates))
    settle(database)


RESOURCE = (
    *("uuid", "name", "plan", "requested_plan", "region", "options", "callback_url", "state", "is_synchronous"),
    *("workflow_count", "app_id", "app_name", "created_at", "provisioned_at", "deprovisioned_at"),
)
PLACEMENT = ("id", "resource_uuid", "app_id", "app_name", "pipeline_id", "stage", "valid_from", "valid_to")
CHECK = ("resource_uuid", "outcome", "checked_at", "tried_at", "next_check_at")


def _make_resource(number: int, chance: random.Random) -> tuple[Any, ...]:
    plan = chance.choice(PLANS)
    gone_at = _gone_at(number)
    state = State.PROVISIONED if gone_at is None else State.DEPROVISIONED
    names = (_id_of("r", number), f"acme-{number}", plan, plan, chance.choice(REGIONS), "{}", "https://api.heroku.com/")
    app = (_id_of("a", number), f"app-{number}")
    return (*names, state, False, 1, *app, _came_at(number), _came_at(number), gone_at)


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
