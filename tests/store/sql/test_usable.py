"""Databases that answer and are none to work with: a pooler, a follower, one that takes no writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.running import WHOLE_ACME, invoke, run
from headrace.store.sql.database import Database
from headrace.store.sql.usable import find_misfit
from outages import read_only
from poolers import pooling
from settings.test_settings import GOOD
from store.sql.test_outage import CLOSED

POOLER = "DATABASE_URL: it leads to a pooler that gives every transaction another session, such as PgBouncer"
READ_ONLY = "DATABASE_URL: the database takes no writes (its sessions begin read-only); see whether it is over its plan"
# Its own, a process's, and more than the pool has.
SIZES = (1, 2, 20)
ROUNDS = 5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
def test_a_pooler_that_shares_its_sessions_out_is_found(postgres_url: str, size: int, *, is_busy: bool) -> None:
    """Whether others use it or nobody does, and with one session as with many."""
    with pooling(postgres_url, mode="transaction", size=size) as url, _others(url) if is_busy else nullcontext():
        found = [_look(url) for _ in range(ROUNDS)]

    assert [True] * ROUNDS == [(each or "").startswith(POOLER) for each in found]


def test_a_pooler_in_session_mode_is_taken_for_what_it_pools(postgres_url: str) -> None:
    """It gives each client a session of its own, as a server does; neither is ever taken for another."""
    with pooling(postgres_url, mode="session", size=20) as url:
        found = [_look(each) for each in (url, postgres_url) for _ in range(ROUNDS)]
        with _others(url):
            found += [_look(each) for each in (url, postgres_url) for _ in range(ROUNDS)]

    assert [None] * ROUNDS * 4 == found


@pytest.mark.parametrize("command", [("serve", "acme:service"), ("worker", "acme:service"), ("migrate",)], ids=" ".join)
async def test_nothing_is_started_behind_a_pooler_in_transaction_mode(
    postgres_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Two workers would take each other's name: so exit 2, and one line says what to do."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    with pooling(postgres_url, mode="transaction", size=5) as url:
        done = await run(*command, environment={**GOOD, "DATABASE_URL": url}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    assert f"  - {POOLER}" in done.err
    assert 3 == len(done.err.splitlines())


def test_the_doctor_knows_a_pooler(postgres_url: str) -> None:
    """It says the same of it."""
    with pooling(postgres_url, mode="transaction", size=1) as url:
        result = invoke("doctor", **{**GOOD, "DATABASE_URL": url, **CLOSED})

    assert 1 == result.exit_code
    assert f"fail  database    {POOLER}" in result.output


@pytest.mark.parametrize("command", [("serve", "acme:service"), ("worker", "acme:service"), ("migrate",)], ids=" ".join)
async def test_nothing_is_started_on_a_database_that_takes_no_writes(
    postgres_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Such as one over its plan's size: one line, and exit 2."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    database = Database(postgres_url)
    with read_only(database):
        done = await run(*command, environment={**GOOD, "DATABASE_URL": postgres_url}, cwd=tmp_path)
    database.close()

    assert (2, "") == (done.status, done.out)
    assert f"  - {READ_ONLY}" in done.err
    assert 3 == len(done.err.splitlines())


def test_the_doctor_knows_a_database_that_takes_no_writes(postgres_url: str) -> None:
    """It says the same of it."""
    database = Database(postgres_url)
    with read_only(database):
        result = invoke("doctor", **{**GOOD, "DATABASE_URL": postgres_url, **CLOSED})
    database.close()

    assert 1 == result.exit_code
    assert f"fail  database    {READ_ONLY}" in result.output


async def test_connections_that_others_have_all_taken_are_said_to_be(postgres_url: str, tmp_path: Path) -> None:
    """In the server's words, with what to do; the database's own limit is met as the whole server's is."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    with _used_up(postgres_url) as limited:
        done = await run("serve", "acme:service", environment={**GOOD, "DATABASE_URL": limited}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    assert "others have all of its connections: end some of them, lower HEADRACE_DATABASE_CONNECTIONS" in done.err
    assert 3 == len(done.err.splitlines())


def _look(url: str) -> str | None:
    database = Database(url)
    try:
        return find_misfit(database)
    finally:
        database.close()


@contextmanager
def _others(url: str) -> Iterator[None]:
    """Let others ask all the time, each on a connection of its own."""
    may_end, asked = threading.Event(), threading.Semaphore(0)

    def ask() -> None:
        engine = sa.create_engine(
            url,
            poolclass=sa.pool.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"prepare_threshold": None},
        )
        with engine.connect() as connection:
            while not may_end.is_set():
                connection.execute(sa.text("SELECT pg_sleep(0.001)"))
                asked.release()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert asked.acquire(timeout=120)
    yield
    may_end.set()
    for thread in threads:
        thread.join()


@contextmanager
def _used_up(url: str) -> Iterator[str]:
    """Yield the address for somebody who may have one connection to the server, which is in use."""
    direct = sa.make_url(url)
    role = f"{direct.database}_tenant"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    tenant = direct.set(username=role)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    holder = sa.create_engine(tenant, poolclass=sa.pool.NullPool)
    with holder.connect():
        yield tenant.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP ROLE {role}")
