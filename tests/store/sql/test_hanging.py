"""A PostgreSQL that hangs: it takes what is asked and does not answer, which raises no error that would tell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa

from cli.running import WHOLE_ACME, invoke, run
from headrace.assembly import assemble
from headrace.clock import read_clock
from headrace.doctor import Level, examine
from headrace.hooks.registry import Hooks
from headrace.running import READY_WITHIN_SECONDS, Readiness, close
from headrace.store.sql.database import CONNECTIONS, LEASE_CONNECTIONS
from headrace.store.sql.tables.schema import plan_change
from headrace.testing import eventually
from headrace.web.programs.metrics import Metrics
from pair import Pair, play_pair
from relays import relaying
from settings.test_settings import GOOD
from store.sql.test_outage import CLOSED

# On a machine that is busy with other tests.
SLACK_SECONDS = 8.0
WITHIN = 0.5
USED_UP = "the database does not answer: all connections of this process are in use, and a read or write has waited for"


async def test_connections_that_nobody_gives_back_are_told(postgres_url: str) -> None:
    """All that this process may have: it is not ready, says why and for how long, and what it knows is scraped."""
    async with play_pair(postgres_url, has_worker=False) as pair:
        async with _used_up(pair):
            began = monotonic()
            (problem,), warnings = await Readiness(pair.parts).find()
            took = monotonic() - began
            scraped = await _scrape(pair)
        await eventually(lambda: _is_well(pair))
        healed = await _scrape(pair)

    assert (True, []) == (problem.startswith(USED_UP), warnings)
    assert took < READY_WITHIN_SECONDS + SLACK_SECONDS
    assert scraped["headrace_database_wait_seconds"] >= WITHIN
    assert "headrace_workers" not in scraped
    assert healed["headrace_database_wait_seconds"] < WITHIN
    assert "headrace_workers" in healed


async def test_a_write_that_waits_for_a_lock_is_told(postgres_url: str) -> None:
    """Reads are answered all the while; only a write shows it, and the doctor makes one too, of its own."""
    async with play_pair(postgres_url, has_worker=False) as pair, _examining(pair) as look:
        readiness = Readiness(pair.parts, hangs_after=WITHIN)
        async with _locked(postgres_url):
            await eventually(lambda: _says(readiness, "the database takes no writes: one has waited for"))
            found = await look()
        await eventually(lambda: _is_well(pair))

    assert (Level.FAIL, True) == (found[0], "it takes connections and has not answered for" in found[1])
    assert "look whether it waits for a lock" in found[1]


async def test_one_read_that_hangs_is_a_warning(postgres_url: str) -> None:
    """The others are answered, so that the process goes on with what it can."""
    async with play_pair(postgres_url, has_worker=False) as pair:
        readiness = Readiness(pair.parts, hangs_after=WITHIN)
        async with _locked(postgres_url, table="plan_change", mode="ACCESS EXCLUSIVE"):
            reading = asyncio.create_task(pair.parts.database.read(_count_plan_changes))
            # On a busy machine ready itself may be answered too late at first.
            await eventually(lambda: _warns(readiness, "database: a read or write has waited for"))
        await reading
        await eventually(lambda: _is_well(pair))


@pytest.mark.parametrize("command", [("serve", "acme:service"), ("worker", "acme:service"), ("migrate",)], ids=" ".join)
async def test_nothing_is_started_on_a_database_that_never_answers(
    postgres_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """It takes the connection and says nothing: one line, and exit 2, after what the address says of patience."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    with relaying(postgres_url) as (url, is_silent):
        is_silent.set()
        done = await run(*command, environment={**GOOD, "DATABASE_URL": f"{url}?connect_timeout=2"}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    assert "  - DATABASE_URL: PostgreSQL cannot be used (connection timeout expired); see that it runs" in done.err
    assert 3 == len(done.err.splitlines())


def test_the_doctor_does_not_wait_for_a_database_that_never_answers(postgres_url: str) -> None:
    """It says so, and goes on to what needs none."""
    with relaying(postgres_url) as (url, is_silent):
        is_silent.set()
        result = invoke("doctor", **{**GOOD, "DATABASE_URL": f"{url}?connect_timeout=2", **CLOSED})

    assert 1 == result.exit_code
    assert "fail  database    DATABASE_URL: PostgreSQL cannot be used (connection timeout expired)" in result.output
    assert "heroku api" in result.output


@asynccontextmanager
async def _used_up(pair: Pair) -> AsyncIterator[None]:
    """Take every connection that the service may open, as whoever never gives one back."""
    with ExitStack() as held:
        for _ in range(CONNECTIONS - LEASE_CONNECTIONS):
            held.enter_context(await asyncio.to_thread(pair.parts.database.engine.connect))
        yield


@asynccontextmanager
async def _locked(url: str, *, table: str = "operator_attempt", mode: str = "SHARE") -> AsyncIterator[None]:
    """Lock a table from beside the service: in this mode it is read, and nobody writes to it."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection, connection.begin():
        await asyncio.to_thread(connection.exec_driver_sql, f"LOCK TABLE headrace.{table} IN {mode} MODE")
        yield


@asynccontextmanager
async def _examining(pair: Pair) -> AsyncIterator[Callable[[], Awaitable[tuple[Level, str]]]]:
    """Look as the doctor does, with parts of its own."""
    parts = assemble(pair.parts.settings, Hooks(), clock=read_clock)

    async def look() -> tuple[Level, str]:
        (found,) = [each for each in await examine(parts, within=WITHIN) if each.subject == "database"]
        return found.level, found.text

    yield look
    await close(parts)


async def _says(readiness: Readiness, text: str) -> bool:
    problems, _ = await readiness.find()
    return any(text in problem for problem in problems)


async def _warns(readiness: Readiness, text: str) -> bool:
    problems, warnings = await readiness.find()
    return not problems and [True] == [each.startswith(text) for each in warnings]


async def _is_well(pair: Pair) -> bool:
    return ([], []) == await Readiness(pair.parts).find()


async def _scrape(pair: Pair) -> dict[str, float]:
    metrics = Metrics(pair.parts.database, clock=read_clock, small_plans=(), answers_within=WITHIN)
    lines = (await metrics.render()).decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def _count_plan_changes(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(plan_change)).scalar_one())
