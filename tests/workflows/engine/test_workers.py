"""Workers in processes of their own: killed for good, stopped in a hook that blocks, left without a database."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from headrace.clock import read_clock
from headrace.database_urls import read_database_url
from headrace.doctor import Level, examine_workflows
from headrace.models import Secret, State
from headrace.protocol.partner import build_basic_auth
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import migrate
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from headrace.workflows.chores.upkeep import Upkeep
from headrace.workflows.engine import ledger
from headrace.workflows.engine.lease import WorkerLease
from headrace.workflows.engine.ledger import Status, workflow_status
from headrace.workflows.engine.port import Engine
from headrace.workflows.engine.run import Run
from headrace.workflows.engine.takeover import LOOKS, Takeover
from installations import set_version
from lab.kit.databases import start_postgres
from pair import QUICK_RETRIES, play_pair
from workers import ACME, Site, prepare_site, read_calls, serve_process, work_process

UUID = "01234567-89ab-cdef-0123-456789abcdef"
# Takeover is promised within 30 seconds; a test on a busy machine may take longer to see it.
LONG = timedelta(seconds=60)
OUTAGE_LINES = 8
# Whatever else is to be said of an outage: that a worker waits for it, a step that it failed, a request that came in.
OTHER_LINES = 12
BLOCKING_ACME = ACME.replace("async def create", "def create").replace("await asyncio.sleep", "time.sleep")


async def test_web_and_worker_may_be_two_processes(database_url: str, tmp_path: Path) -> None:
    """On SQLite too, where both are on the machine that has the file."""
    async with (
        prepare_site(database_url, tmp_path) as site,
        work_process(tmp_path, site.environment),
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
    ):
        site.let_hooks_go_on()
        addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)

    assert [addon.id] == [call.split()[0] for call in read_calls(tmp_path)]


async def test_a_worker_that_was_killed_for_good_is_taken_over(postgres_url: str, tmp_path: Path) -> None:
    """Nobody starts it again: another worker, which was there all the time, finishes what it had begun."""
    async with (
        prepare_site(postgres_url, tmp_path) as site,
        work_process(tmp_path, site.environment) as living,
        serve_process(tmp_path, site.environment, site.port, "--web-only"),
    ):
        addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
        async with work_process(tmp_path, site.environment):
            await eventually(lambda: read_calls(tmp_path))
            living.kill()
            living.wait()
            site.let_hooks_go_on()
            await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)

    assert addon.id in {call.split()[0] for call in read_calls(tmp_path)}


async def test_a_living_worker_is_not_taken_over(postgres_url: str) -> None:
    """Its slot is held, however long its hook takes: the look of another finds nothing to do."""
    async with play_pair(postgres_url) as pair:
        pair.acme.may_go_on.clear()
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: pair.acme.created)
        database = Database(postgres_url)
        lease = WorkerLease(database)
        lease.acquire()
        other = Takeover(database, lease, version="1", grace=0.0)
        other.look(list)
        other.look(list)
        pair.acme.may_go_on.set()
        await pair.settle()
        lease.release()
        database.close()

        assert 1 == len(pair.acme.created)


async def test_who_takes_over_from_somebody_who_still_writes_does_so_in_the_end(postgres_url: str) -> None:
    """PostgreSQL ends one of two that wait for each other: the one that takes over, which does it again.

    Each looks once for a circle, so the one that takes over does it late enough for a busy machine to have closed it.
    """
    database = Database(postgres_url)
    event.listen(database.engine, "connect", look_for_circles_late)
    lease = WorkerLease(database)
    await database.write(begin_two, lease.acquire())
    takeover = Takeover(database, lease, version="1")
    with database.transaction() as writing:
        writing.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
        hold(writing, "second")
        taking = asyncio.create_task(asyncio.to_thread(takeover.put_back))
        await eventually(partial(database.read, is_anybody_waiting))
        # It has the first by now.
        hold(writing, "first")
    await taking
    statuses = await database.read(ledger.find_statuses, ["first", "second"])
    await eventually(partial(database.read, is_circle_counted))
    lease.release()
    database.close()

    assert {"first": Status.ENQUEUED, "second": Status.ENQUEUED} == statuses


def look_for_circles_late(opened: Any, _record: object) -> None:
    """Say so over a connection of the driver's that was just opened."""
    opened.execute("SET deadlock_timeout = '4s'")
    opened.commit()


def begin_two(connection: sa.Connection, worker: str) -> None:
    """Have a worker run two workflows, the first of which stands before the second."""
    for workflow_id in ("first", "second"):
        asked = {workflow_id: (UUID, None)}
        ledger.enqueue(connection, asked, kind="provision", queue="q", version="1", application="headrace", carried={})
        mine = sa.update(workflow_status).where(workflow_status.c.workflow_uuid == workflow_id)
        connection.execute(mine.values(status="PENDING", executor_id=worker))


def hold(connection: sa.Connection, workflow_id: str) -> None:
    found = sa.select(workflow_status.c.workflow_uuid).where(workflow_status.c.workflow_uuid == workflow_id)
    connection.execute(found.with_for_update())


def is_anybody_waiting(connection: sa.Connection) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return connection.exec_driver_sql(query).first() is not None


def is_circle_counted(connection: sa.Connection) -> bool:
    query = "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()"
    return bool(connection.exec_driver_sql(query).scalar())


@pytest.mark.parametrize("text", [ACME, BLOCKING_ACME], ids=["async", "blocking"])
async def test_a_hook_that_never_returns_does_not_keep_its_process(sqlite_url: str, tmp_path: Path, text: str) -> None:
    """SIGTERM ends the service in order, within a bound; the hook is called again at the next start."""
    async with prepare_site(sqlite_url, tmp_path, acme=text) as site:
        async with serve_process(tmp_path, site.environment, site.port) as process:
            addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
            await eventually(lambda: read_calls(tmp_path))
            process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(process.popen.wait, 30)
        site.let_hooks_go_on()
        async with serve_process(tmp_path, site.environment, site.port):
            await eventually(lambda: addon.state == State.PROVISIONED)

    assert 0 == status
    assert 2 == len(read_calls(tmp_path))
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")


async def test_a_request_under_way_is_answered_before_its_process_ends(sqlite_url: str, tmp_path: Path) -> None:
    """SIGTERM closes the door first; who is inside is served, and the worker that this takes goes on meanwhile."""
    async with (
        prepare_site(sqlite_url, tmp_path) as site,
        serve_process(tmp_path, site.environment, site.port) as process,
        aiohttp.ClientSession() as http,
    ):
        asked = asyncio.create_task(_provision(http, site))
        await eventually(lambda: read_calls(tmp_path))
        process.send_signal(signal.SIGTERM)
        await eventually(lambda: _is_closed(site.port))
        site.let_hooks_go_on()
        answered = await asked
        ended = await asyncio.to_thread(process.popen.wait, 30)

    assert (200, 0) == (answered, ended)


async def test_a_database_that_goes_away_loses_nothing_and_needs_no_restart(own_postgres: Any, tmp_path: Path) -> None:
    """While it is away nothing is acknowledged; when it is back, old and new work is done by the same processes."""
    url = read_database_url(own_postgres.get_uri())
    database = Database(url)
    migrate(database)
    database.close()
    log = tmp_path / "log"
    async with (
        prepare_site(url, tmp_path) as site,
        serve_process(tmp_path, site.environment, site.port) as process,
        aiohttp.ClientSession() as http,
    ):
        begun = await site.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: read_calls(tmp_path))
        said_before, stopped_at = _count_lines(log), monotonic()
        await asyncio.to_thread(own_postgres.stop)
        ready = await _ask_ready(http, process.url)
        refused = await _provision(http, site)
        site.let_hooks_go_on()
        # Long enough for the worker to look after itself several times in vain.
        await eventually(lambda: log.read_text(encoding="utf-8").count("database.failed") >= OUTAGE_LINES, within=LONG)
        said, seconds = _count_lines(log) - said_before, monotonic() - stopped_at
        await asyncio.to_thread(own_postgres.start)
        await eventually(lambda: _is_ready(http, process.url), within=LONG)
        later = await site.heroku.create_addon("blog", "acme-search:basic")
        await eventually(lambda: later.state == State.PROVISIONED, within=LONG)
        await eventually(lambda: begun.state == State.PROVISIONED, within=LONG)

    assert (503, ["the database does not answer"]) == (ready[0], ready[1]["problems"][:1])
    assert 503 == refused
    # One a second, of all who meet it in this process: the web, the chores, the workflow engine.
    assert said <= seconds + OTHER_LINES, log.read_text(encoding="utf-8")
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def test_a_workflow_that_its_own_worker_has_lost_is_run_again(database: Database) -> None:
    """It was claimed and the answer was lost: the row says that it runs, and nothing does it. A few looks find out."""
    ran: list[str] = []
    async with _engine(database, _finish(ran)) as engine:
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "done", UUID)
        await eventually(lambda: _find_status(engine, database, "done") is Status.DONE)
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "lost", UUID)
            rows = workflow_status
            me = sa.select(rows.c.executor_id).where(rows.c.workflow_uuid == "done").scalar_subquery()
            claim = {"status": "PENDING", "owner_xid": "x", "executor_id": me}
            connection.execute(sa.update(rows).where(rows.c.workflow_uuid == "lost").values(claim))
        for _ in range(LOOKS - 1):
            await engine.watch()
        before_the_last_look = list(ran)
        await engine.watch()
        await eventually(lambda: _find_status(engine, database, "lost") is Status.DONE)

    assert (["done"], ["done", "lost"]) == (before_the_last_look, ran)


async def test_a_lease_that_is_lost_is_taken_again_or_given_up(postgres_url: str) -> None:
    """The server ends its session: the same id over a new one, unless another worker has it by now."""
    database = Database(postgres_url)
    lease, other = WorkerLease(database), WorkerLease(database)
    lease.acquire()
    _end_other_sessions(database)
    lost, again = lease.is_held(), lease.regain()
    _end_other_sessions(database)
    superseding = other.acquire()

    lease.release()
    assert (False, False) == (lease.was_held, lease.is_held())
    assert (False, True, "worker-0") == (lost, again, superseding)
    assert (False, False) == (lease.is_held(), lease.regain())
    for one in (lease, other):
        one.release()
    database.close()


async def test_a_lease_whose_connection_dies_in_a_look_at_others_is_known_to_be_lost(postgres_url: str) -> None:
    """The error leaves the connection in no state to be asked: that counts as lost, and the id is taken again."""
    database = Database(postgres_url)
    lease = WorkerLease(database)
    lease.acquire()
    _end_other_sessions(database)
    with pytest.raises(sa.exc.SQLAlchemyError):
        lease.try_other(7)

    assert (False, True, True) == (lease.is_held(), lease.regain(), lease.is_held())
    lease.release()
    database.close()


async def test_a_worker_that_was_superseded_begins_anew_when_it_can(postgres_url: str) -> None:
    """Another worker has its id: it takes one of its own; without a database it tries again at the next look."""
    ran: list[str] = []
    database, others = Database(postgres_url), Database(postgres_url)
    other = WorkerLease(others)
    async with _engine(database, _finish(ran)) as engine:
        _end_other_sessions(others)
        assert "worker-0" == other.acquire()
        await engine.watch()
        problem = engine.find_problem()
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "later", UUID)
        await eventually(lambda: ran)

    assert (None, ["later"]) == (problem, ran)
    other.release()
    others.close()
    database.close()


async def test_a_new_release_takes_over_what_an_older_one_left(database: Database) -> None:
    """Begun or still in the queue: it is done by the code of the new version."""
    ran = await _leave_unfinished(database, version="1")
    async with _engine(database, _finish(ran), version="2", takes_over=["1"]):
        await eventually(lambda: len(ran) == 3)

    assert ["begun", "begun", "waiting"] == sorted(ran)


async def test_what_an_older_web_enqueues_later_is_taken_over_too(database: Database) -> None:
    """While one release follows another the old web still answers Heroku: what it acknowledged is not left over."""
    ran: list[str] = []
    older = Engine(database, clock=read_clock, version="1")
    async with _engine(database, _finish(ran), version="2", takes_over=["1"]) as engine:
        with database.transaction() as connection:
            older.enqueue(connection, "work", "later", UUID)
        await engine.watch()
        await eventually(lambda: ran)
    await older.stop()

    assert ["later"] == ran


async def test_a_new_release_says_what_it_cannot_take_over(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named at the start, with what to do, and left for a worker of the release that began it."""
    ran = await _leave_unfinished(database, version="1")
    async with _engine(database, _finish(ran), version="2") as engine:
        with database.engine.connect() as connection:
            statuses = engine.find_statuses(connection, ["begun", "waiting", "never"])

    stranded = [record for record in caplog.records if record.msg == "workflow.stranded"]
    named = sorted((vars(record)["workflow"], vars(record)["version"]) for record in stranded)
    assert [("begun", "1"), ("waiting", "1")] == named
    assert "run a worker of the release that began it" in vars(stranded[0])["hint"]
    assert {"begun": Status.RUNNING, "waiting": Status.ENQUEUED} == statuses
    assert ["begun"] == ran


async def test_what_waits_for_another_release_is_shown_to_an_operator_for_as_long_as_it_does(
    database_url: str,
) -> None:
    """A notice at the second look, because a release that is just being replaced still works; the doctor knows too."""
    async with play_pair(database_url) as pair:
        parts, keep = pair.parts, timedelta(days=1)
        upkeep = Upkeep(parts, keep_finished=keep, recheck_every=keep, stranded_pause=0.0)
        pair.acme.may_go_on.clear()
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: pair.acme.created)
        await _set_version(pair.parts.database, "0")
        await upkeep.run_once()
        at_once = await pair.parts.database.read(list_open_notices)
        await upkeep.run_once()
        (notice,) = await pair.parts.database.read(list_open_notices)
        finding = await examine_workflows(pair.parts)
        await _set_version(pair.parts.database, "1")
        await upkeep.run_once()
        pair.acme.may_go_on.set()
        await pair.settle()

        assert [] == at_once
        assert ("workflow.stranded", addon.id) == (notice.kind, notice.resource_uuid)
        assert {"workflow": f"provision:{addon.id}:1", "version": "0"} == notice.detail
        assert (Level.FAIL, True) == (finding.level, f"provision:{addon.id}:1" in finding.text)
        assert [] == await pair.parts.database.read(list_open_notices)
        assert State.PROVISIONED == (await pair.find(addon.id)).state


async def test_finished_workflows_are_deleted_by_age_and_unfinished_ones_never(database: Database) -> None:
    """With their steps; what is younger stays, and so does what is of another kind than the one that is asked for."""
    ran = await _leave_unfinished(database, version="1")
    async with _engine(database, _finish(ran), version="2") as engine:
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "done", UUID)
        await eventually(lambda: _find_status(engine, database, "done") is Status.DONE)
        now = datetime.now(UTC)
        with database.transaction() as connection:
            young = engine.delete_finished(connection, before=now - timedelta(minutes=1), limit=10)
            other = engine.delete_finished(connection, before=now + timedelta(minutes=1), limit=10, kind="sweep")
            old = engine.delete_finished(connection, before=now + timedelta(minutes=1), limit=10)
        left = [_find_status(engine, database, one) for one in ("done", "begun", "waiting")]

    assert (0, 0, 1, [None, Status.RUNNING, Status.ENQUEUED]) == (young, other, old, left)


async def test_a_worker_that_does_not_work_is_not_ready(sqlite_url: str) -> None:
    """Each part that fails is named."""
    async with play_pair(sqlite_url) as pair:
        ready = await _ask_ready(pair.http, pair.url)
        await pair.parts.engine.stop()
        stopped = await _ask_ready(pair.http, pair.url)
        with pair.parts.database.transaction() as connection:
            set_version(connection, "0001")
        outdated = await _ask_ready(pair.http, pair.url)

    assert (200, {"status": "ready"}) == ready
    assert (503, {"status": "not ready", "problems": ["the worker is not running"]}) == stopped
    assert "the database is not up to date; run `headrace migrate`" == outdated[1]["problems"][0]


@pytest.fixture
def own_postgres() -> Iterator[Any]:
    """A PostgreSQL that this test may stop."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-own-postgres-"))
    folder.chmod(0o755)
    server = start_postgres(folder / "data", cleanup_mode="delete")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _count_lines(log: Path) -> int:
    return len(log.read_text(encoding="utf-8").splitlines())


async def _leave_unfinished(database: Database, *, version: str) -> list[str]:
    """Begin a workflow and enqueue another, as a worker of this version that then stops; return what has run."""
    ran: list[str] = []
    async with _engine(database, _hang(ran), version=version) as engine:
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "begun", UUID)
        await eventually(lambda: ran)
    with database.transaction() as connection:
        engine.enqueue(connection, "work", "waiting", UUID)
    await engine.stop()
    return ran


def _hang(ran: list[str]) -> Callable[[Run, str, Any], Any]:
    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        ran.append(run.workflow_id)
        await asyncio.sleep(600)

    return work


def _finish(ran: list[str]) -> Callable[[Run, str, Any], Any]:
    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        ran.append(run.workflow_id)

    return work


@asynccontextmanager
async def _engine(database: Database, work: Any, **options: Any) -> AsyncIterator[Engine]:
    engine = Engine(database, clock=read_clock, retries=QUICK_RETRIES, **options)
    engine.register("work", work)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def _find_status(engine: Engine, database: Database, workflow_id: str) -> Status | None:
    with database.engine.connect() as connection:
        return engine.find_statuses(connection, [workflow_id]).get(workflow_id)


async def _set_version(database: Database, version: str) -> None:
    """Let everything that is under way have been begun by this version."""
    query = sa.update(workflow_status).values(application_version=version)
    await database.write(lambda connection: connection.execute(query))


def _end_other_sessions(database: Database) -> None:
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with database.transaction() as connection:
        connection.execute(sa.text(query))


async def _ask_ready(http: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
    async with http.get(f"{url}/ready") as answer:
        return answer.status, await answer.json()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    return (await _ask_ready(http, url))[0] == 200


async def _is_closed(port: int) -> bool:
    """Whether nobody takes connections there any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def _provision(http: aiohttp.ClientSession, site: Site) -> int:
    """Ask for a resource as Heroku does, without a grant: the answer waits for the hook."""
    body = {"uuid": UUID, "plan": "basic", "region": "us", "name": "acme-1", "oauth_grant": None}
    headers = {"Authorization": build_basic_auth("acme-search", Secret("manifest-pass"))}
    async with http.post(f"http://127.0.0.1:{site.port}/heroku/resources", json=body, headers=headers) as answer:
        return answer.status
