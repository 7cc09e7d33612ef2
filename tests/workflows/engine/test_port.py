"""The durable port: one worker an id, nothing started by what was rolled back, and recovery."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions

from headrace.clock import read_clock
from headrace.emulator import Exchange, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.errors import MisuseError, Refused
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine import ledger
from headrace.workflows.engine.lease import WorkerLease
from headrace.workflows.engine.port import APPLICATION, CONTRACT_VERSION, QUEUE, Engine, prepare
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.engine.runtime import SERIALIZER, find_schema
from lab.kit.processes import find_free_port
from pair import QUICK_RETRIES, WORLD
from workers import ACME, read_calls, serve_process

UUID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: str(number.name))
async def test_a_provision_survives_the_end_of_its_worker(
    database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    """Killed or stopped while the hook runs: after the restart it runs again, and what was before it does not."""
    (tmp_path / "acme.py").write_text(ACME, encoding="utf-8")
    exchanges: list[Exchange] = []
    port = find_free_port()
    world = load_world(WORLD.replace("SERVICE", f"http://127.0.0.1:{port}"))
    async with run_emulator(world, listen=exchanges.append) as heroku:
        environment = {
            **describe(heroku).addon_services[0].settings,
            "DATABASE_URL": database_url,
            "ACME_FOLDER": str(tmp_path),
        }
        async with serve_process(tmp_path, environment, port) as process:
            addon = await heroku.create_addon("shop-staging", "acme-search:basic")
            await eventually(lambda: read_calls(tmp_path))
            process.send_signal(number)
            process.wait()
        (tmp_path / "may-go-on").touch()
        state_while_dead = addon.state
        async with serve_process(tmp_path, environment, port):
            await eventually(lambda: addon.state == State.PROVISIONED)
            await heroku.settle()

    marks = [one for one in exchanges if one.path.endswith("/actions/provision")]
    assert State.PROVISIONING == state_while_dead
    assert [f"{addon.id} staging"] * 2 == read_calls(tmp_path)
    assert 1 == len([one for one in exchanges if one.path.endswith("/oauth/token")])
    assert 1 == len([one for one in exchanges if one.path.endswith("/pipeline-couplings")])
    assert 1 == len(marks)
    assert f"https://search.acme.example/{addon.id}" == heroku.state.apps["shop-staging"].config_vars["ACME_SEARCH_URL"]


def test_a_second_worker_on_the_same_sqlite_file_is_refused(sqlite_url: str) -> None:
    """The text says what to do; once the first has stopped, the second may start."""
    first, second = WorkerLease(Database(sqlite_url)), WorkerLease(Database(sqlite_url))
    first_id = first.acquire()
    with pytest.raises(MisuseError, match=r"Another worker is running on .*headrace\.db.*or use PostgreSQL"):
        second.acquire()
    first.release()

    assert first_id == second.acquire()
    second.release()


def test_workers_on_postgresql_have_ids_of_their_own_and_reuse_what_is_free(postgres_url: str) -> None:
    """No two living workers share one; a restarted worker gets the id of the one that died."""
    leases = [WorkerLease(Database(postgres_url)) for _ in range(4)]
    first, second, third = (lease.acquire() for lease in leases[:3])
    leases[1].release()

    assert 3 == len({first, second, third})
    assert second == leases[3].acquire()
    for lease in leases:
        lease.release()


def test_a_lease_may_be_released_twice(database: Database) -> None:
    """Stopping what never started is no error either."""
    lease = WorkerLease(database)
    lease.release()
    lease.acquire()
    lease.release()
    lease.release()


async def test_what_was_rolled_back_starts_nothing(database: Database) -> None:
    """The row and the workflow are one transaction: both or neither."""
    ran: list[str] = []

    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        ran.append(run.workflow_id)

    async with _engine(database, work) as engine:
        with pytest.raises(LookupError):
            _enqueue_and_fail(engine, database)
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "committed", UUID)
        await eventually(lambda: ran)

    assert ["committed"] == ran
    assert "committed" in _read_all_tables(database)
    assert "rolled-back" not in _read_all_tables(database)


async def test_an_id_that_is_there_already_starts_nothing(database: Database) -> None:
    """The id names the request: a repeat is the same workflow."""
    ran: list[tuple[str, Any]] = []

    async def work(run: Run, uuid: str, argument: Any) -> None:
        assert UUID == uuid
        ran.append((run.workflow_id, argument))

    async with _engine(database, work) as engine:
        for workflow_id, argument in (("one", 1), ("one", 2), ("two", {"n": 3})):
            with database.transaction() as connection:
                engine.enqueue(connection, "work", workflow_id, UUID, argument)
        await eventually(lambda: len(ran) == 2)

    assert [("one", 1), ("two", {"n": 3})] == sorted(ran)


async def test_what_is_enqueued_is_what_the_engine_s_own_client_would_write(database: Database) -> None:
    """In every column of both tables, but for the moment and the client's own token of the insert."""
    engine = Engine(database, clock=read_clock)
    prepare(database)
    arguments: dict[str, tuple[str, Any]] = {"ours": (UUID, {"n": [1, "ü"]}), "ours-too": (UUID, None)}
    options: EnqueueOptions = {
        "workflow_name": "work",
        "queue_name": QUEUE,
        "app_version": CONTRACT_VERSION,
        "application_name": APPLICATION,
    }
    client = DBOSClient(
        system_database_engine=database.engine,
        dbos_system_schema=find_schema(database),
        serializer=SERIALIZER,
        lazy=True,
    )
    with database.transaction() as connection:
        engine.enqueue_all(connection, "work", arguments)
        for workflow_id, each in arguments.items():
            theirs: EnqueueOptions = {**options, "workflow_id": workflow_id.replace("ours", "theirs")}
            client.enqueue_in_transaction(connection, theirs, *each)
    client.destroy()

    assert 2 == len(_read_enqueued(database, "ours"))
    assert _read_enqueued(database, "theirs") == _read_enqueued(database, "ours")


async def test_tables_of_an_older_engine_are_upgraded(database: Database) -> None:
    """Only those: a process that is no worker does not even load the engine for tables that are new enough."""
    found = []
    with database.transaction() as connection:
        for version in (ledger.TABLES_VERSION, ledger.TABLES_VERSION + 1, ledger.TABLES_VERSION - 1):
            connection.execute(sa.update(ledger.dbos_migrations).values(version=version))
            found.append(ledger.is_prepared(connection))
    prepare(database)
    with database.engine.connect() as connection:
        found.append(ledger.is_prepared(connection))

    assert [True, True, False, True] == found


async def test_a_step_is_tried_until_it_is_done_and_its_value_handed_back(sqlite_url: str) -> None:
    """As the retry table says; the workflow sees only the value."""
    attempts: list[int] = []
    values: list[Any] = []

    async def step() -> dict[str, int]:
        attempts.append(1)
        if len(attempts) < 3:
            raise RuntimeError
        return {"attempts": len(attempts)}

    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        values.append(await run.step("count", step))

    await _run_once(sqlite_url, work)

    assert [{"attempts": 3}] == values


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refused("We are full."), ("step", "Refused", "We are full.")),
        (MisuseError("the-secret"), ("step", "MisuseError", None)),
    ],
)
async def test_a_step_that_gives_up_says_why_and_only_refused_speaks_to_the_customer(
    sqlite_url: str, error: Exception, expected: tuple[str, str, str | None]
) -> None:
    """The kind of the error, and its text only where it was written to be read."""
    failures: list[StepFailed] = []

    async def step() -> None:
        raise error

    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        try:
            await run.step("step", step)
        except StepFailed as failed:
            failures.append(failed)

    await _run_once(sqlite_url, work)

    assert [expected] == [(one.step, one.reason, one.message) for one in failures]


async def test_the_text_of_a_steps_error_is_not_stored(database_url: str) -> None:
    """An exception may quote a token; the engine's tables are in clear."""

    async def step() -> None:
        raise MisuseError("the-secret")

    async def work(run: Run, _uuid: str, _argument: Any) -> None:
        await run.step("step", step)

    await _run_once(database_url, work)

    assert "the-secret" not in _read_all_tables(database_url)


async def test_the_text_of_a_workflows_own_error_is_not_stored(database_url: str) -> None:
    """The same for an error between two steps, of which nobody thought."""

    async def work(_run: Run, _uuid: str, _argument: Any) -> None:
        raise RuntimeError("the-secret")

    await _run_once(database_url, work)

    assert "the-secret" not in _read_all_tables(database_url)


def _enqueue_and_fail(engine: Engine, database: Database) -> None:
    with database.transaction() as connection:
        engine.enqueue(connection, "work", "rolled-back", UUID)
        raise LookupError


async def _run_once(url: str, work: Any) -> None:
    """Run one workflow of this function until the engine has recorded its end."""
    database = Database(url)
    async with _engine(database, work) as engine:
        with database.transaction() as connection:
            engine.enqueue(connection, "work", "w-1", UUID)
        await eventually(lambda: "'SUCCESS'" in (text := _read_all_tables(database)) or "'ERROR'" in text)
    database.close()


@asynccontextmanager
async def _engine(database: Database, work: Any) -> AsyncIterator[Engine]:
    engine = Engine(database, clock=read_clock, retries=QUICK_RETRIES)
    engine.register("work", work)
    await engine.start()
    try:
        assert engine.find_problem() is None
        yield engine
    finally:
        await engine.stop()


def _read_all_tables(database: Database | str) -> str:
    """Every value of every table, the engine's own included, as one text."""
    opened = Database(database) if isinstance(database, str) else database
    inspector = sa.inspect(opened.engine)
    texts: list[str] = []
    with opened.engine.connect() as connection:
        for schema in set(inspector.get_schema_names()) - {"information_schema"}:
            quoted = [f'"{schema}"."{table}"' for table in inspector.get_table_names(schema=schema)]
            texts += [str(connection.execute(sa.text(f"SELECT * FROM {table}")).all()) for table in quoted]
    if opened is not database:
        opened.close()
    return "\n".join(texts)


def _read_enqueued(database: Database, prefix: str) -> list[tuple[dict[str, Any], ...]]:
    """The rows of workflows and their inputs, by id, without what differs from one insert to the next."""
    schema = "" if database.is_sqlite else f"{database.place.engine}."
    differs = {"workflow_uuid", "created_at", "updated_at", "retention_timestamp", "creator_xid"}
    found: list[list[dict[str, Any]]] = []
    with database.engine.connect() as connection:
        for table in ("workflow_status", "workflow_input"):
            query = sa.text(f"SELECT * FROM {schema}{table} WHERE workflow_uuid LIKE :prefix ORDER BY workflow_uuid")
            rows = connection.execute(query, {"prefix": f"{prefix}%"}).mappings()
            found.append([{name: row[name] for name in row if name not in differs} for row in rows])
    return list(zip(*found, strict=True))
