"""When nobody works headrace itself says so: on /ready, in what the doctor finds, in metrics and as a notice."""

import json
import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from browsing import OPERATOR_COOKIE, visit
from headrace.clock import read_clock
from headrace.doctor import Finding, Level, examine
from headrace.emulator import Clock
from headrace.store.reports.vitals import load_vitals
from headrace.store.sql.database import Database
from headrace.store.sql.tables.counted import pulse
from headrace.store.state.due import claim_batch
from headrace.testing import eventually
from headrace.web.programs.metrics import Metrics
from headrace.workflows.chores.counting import HourTally
from headrace.workflows.chores.heartbeat import Heartbeat
from pair import Pair, play_pair

SECRET = "planted-operator-secret-of-36-letters"
LATE = timedelta(minutes=20)


async def test_work_that_waits_for_a_worker_is_told_everywhere(database_url: str) -> None:
    """The web stays ready: what it acknowledges is kept. It says beside that that nobody works."""
    async with play_pair(database_url, has_worker=False, HEADRACE_OPERATOR_SECRET=SECRET) as pair:
        before = await _ask(pair)
        await pair.heroku.create_addon("shop", "acme-search:basic")
        status, told = await _ask(pair)
        found = await _examine(pair, "workers")
        metrics = await _scrape(pair)

        assert (200, {"status": "ready"}) == before
        assert (200, "ready") == (status, told["status"])
        assert told["warnings"][0].startswith("worker.missing: no worker is alive, and a provision has waited for")
        assert (Level.FAIL, True) == (found.level, "Start a worker" in found.text)
        assert (0.0, 1.0) == (metrics["headrace_workers"], metrics["headrace_open_notices"])
        assert metrics["headrace_oldest_waiting_provision_age_seconds"] > 0
        assert ["worker.missing"] == await _list_troubles(pair)


async def test_a_worker_is_alive_for_as_long_as_its_pulse_is_new(database_url: str) -> None:
    """By the database's clock, whatever those of processes say; one that is killed tells nobody that it is."""
    async with play_pair(database_url) as pair:
        await eventually(lambda: _has_workers(pair, 1))
        told = await _ask(pair)
        found = await _examine(pair, "workers")
        metrics = await _scrape(pair)

        assert ((200, {"status": "ready"}), Level.OK) == (told, found.level)
        assert metrics["headrace_last_write_age_seconds"] < 30
    database = Database(database_url)
    with database.transaction() as connection:
        connection.execute(sa.update(pulse).values(at=read_clock() - timedelta(seconds=31)))
    vitals = await database.read(load_vitals, now=read_clock())
    database.close()

    assert ([], True) == (vitals.workers, vitals.silent_for is not None and vitals.silent_for.total_seconds() >= 31)


async def test_what_was_not_written_for_long_is_a_notice(database_url: str) -> None:
    """Whether all processes are gone, or none of them can write: the notice is made of what is read."""
    database = Database(database_url)
    metrics = Metrics(database, clock=read_clock, small_plans=())
    async with play_pair(database_url, has_worker=False) as pair:
        await eventually(lambda: _has_pulse(pair))
    with database.transaction() as connection:
        connection.execute(sa.update(pulse).values(at=read_clock() - timedelta(minutes=10)))
    told = _read_metrics((await metrics.render()).decode())
    database.close()

    assert told["headrace_last_write_age_seconds"] >= 600
    assert 1.0 == told["headrace_open_notices"]


async def test_a_sweep_that_is_stuck_is_told_everywhere(database_url: str) -> None:
    """A look is claimed and not done: its worker is not ready, and anybody's ready tells of it."""
    clock = Clock()
    async with play_pair(
        database_url,
        clock=clock,
        has_worker=True,
        HEADRACE_OPERATOR_SECRET=SECRET,
        HEADRACE_RECHECK_SECONDS="60",
    ) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        at = clock.now() + timedelta(seconds=70)
        await pair.parts.database.write(claim_batch, "left behind", now=at, limit=9, lease=timedelta(days=1))
        heartbeat = Heartbeat(pair.parts, heroku=pair.parts.client, tally=HourTally(), stuck_after=0.0)
        well = heartbeat.find_problem()
        clock.advance(LATE)
        await heartbeat.beat()
        _, told = await _ask(pair)
        found = await _examine(pair, "placements")
        metrics = await _scrape(pair)

        assert (None, True) == (well, (heartbeat.find_problem() or "").startswith("the sweep is stuck"))
        assert "sweep.late" in [text.split(":")[0] for text in told["warnings"]]
        assert Level.WARN is found.level
        assert metrics["headrace_sync_lag_seconds"] > 900
        assert "sweep.late" in await _list_troubles(pair)


async def test_clocks_that_differ_from_herokus_are_told_everywhere(sqlite_url: str) -> None:
    """Heroku's answers carry its date; ours is ten minutes behind."""
    behind = timedelta(minutes=10)
    async with play_pair(
        sqlite_url, service_clock=lambda: read_clock() - behind, HEADRACE_OPERATOR_SECRET=SECRET
    ) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await pair.parts.heartbeat.beat()
        status, told = await _ask(pair)
        found = await _examine(pair, "clocks")
        metrics = await _scrape(pair)

        (warning,) = told["warnings"]
        assert 200 == status
        assert re.fullmatch(r"clocks.differ: the clock of a worker and Heroku's are (599|600|601) s apart", warning)
        assert Level.FAIL is found.level
        assert -602 < metrics["headrace_clock_ahead_seconds"] < -598
        assert ["clocks.differ"] == await _list_troubles(pair)


async def test_a_clock_that_differs_from_the_databases_is_told(postgres_url: str) -> None:
    """Of two processes on two machines: what they have in common is the database's."""
    async with play_pair(postgres_url, has_worker=False, service_clock=lambda: read_clock() + LATE) as pair:
        await Heartbeat(pair.parts, heroku=pair.parts.client, tally=HourTally()).beat()
        _, told = await _ask(pair)
        found = await _examine(pair, "clocks")

        assert ["clocks.differ: the clock of a web process and the database's are 1,200 s apart"] == told["warnings"]
        assert Level.FAIL is found.level


async def _ask(pair: Pair) -> tuple[int, dict[str, Any]]:
    page = await visit(pair, "/ready")
    return page.status, json.loads(page.text)


async def _is_ready(pair: Pair) -> bool:
    return (await _ask(pair))[0] == 200


async def _has_workers(pair: Pair, count: int) -> bool:
    return len((await pair.parts.database.read(load_vitals, now=pair.parts.clock())).workers) == count


async def _has_pulse(pair: Pair) -> bool:
    return bool((await pair.parts.database.read(load_vitals, now=pair.parts.clock())).pulses)


async def _examine(pair: Pair, subject: str) -> Finding:
    (found,) = [finding for finding in await examine(pair.parts) if finding.subject == subject]
    return found


async def _scrape(pair: Pair) -> dict[str, float]:
    return _read_metrics((await visit(pair, "/metrics")).text)


def _read_metrics(text: str) -> dict[str, float]:
    """The last value of each metric, whatever its labels."""
    return {each.name: each.value for family in text_string_to_metric_families(text) for each in family.samples}


async def _list_troubles(pair: Pair) -> list[str]:
    """The kinds of notices about the service as a whole, as an operator has them."""
    login = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
    cookie = login.cookie.value if login.cookie else ""
    shown = await visit(pair, "/operators/notices", cookie=cookie, name=OPERATOR_COOKIE)
    told = json.loads((await visit(pair, "/operators/notices.json", cookie=cookie, name=OPERATOR_COOKIE)).text)
    kinds = [trouble["kind"] for trouble in told["troubles"]]
    assert all(kind in shown.text for kind in kinds)
    return kinds
