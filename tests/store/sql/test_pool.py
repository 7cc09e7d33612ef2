"""The pool of connections to PostgreSQL: a bound that nothing exceeds, and what is not used is given back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.pool import BoundedPool, Closer, answering
from headrace.testing import eventually
from relays import relaying

MOST = 3
AT_ONCE = 12


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(postgres_url, poolclass=BoundedPool, most=MOST, pool_timeout=0.1)
    yield made
    made.dispose()


def test_no_more_are_open_than_may_be_however_many_want_one(postgres_url: str, engine: sa.Engine) -> None:
    """Whoever comes when all are in use waits for one, and uses the same."""
    counted = []
    patient = sa.create_engine(postgres_url, poolclass=BoundedPool, most=MOST)

    def ask(_number: int) -> None:
        with patient.connect() as connection:
            counted.append(_count(connection))

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(ask, range(AT_ONCE * 10)))
    with engine.connect() as other:
        left = _count(other)
    patient.dispose()

    assert MOST >= max(counted)
    assert MOST + 1 >= left > 1


def test_whoever_waits_in_vain_is_told(engine: sa.Engine) -> None:
    """As of any database that does not answer; and once one is free again, it is there."""
    told = pytest.raises(sa.exc.TimeoutError, match="All 3 connections of this process are in use")
    with engine.connect(), engine.connect(), engine.connect(), told:
        engine.connect()
    with engine.connect(), engine.connect(), engine.connect() as last:
        assert MOST == _count(last)


@pytest.mark.parametrize("alive_seconds", [0.0, 600.0])
def test_a_connection_that_has_ended_is_replaced(postgres_url: str, alive_seconds: float) -> None:
    """One that was idle is asked whether it lives; of one that has answered just now its end shows at its socket."""
    engine = sa.create_engine(
        postgres_url, poolclass=BoundedPool, most=1, alive_seconds=alive_seconds, pool_pre_ping=True
    )
    with engine.connect() as connection:
        backend = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
    other = sa.create_engine(postgres_url, poolclass=sa.pool.NullPool)
    with other.begin() as connection:
        connection.execute(sa.select(sa.func.pg_terminate_backend(backend, 5000)))
    with engine.connect() as connection:
        assert backend != connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
    engine.dispose()


def test_a_connection_that_cannot_be_made_takes_nobody_a_turn() -> None:
    """A server that was away leaves as many to be made as before."""
    engine = sa.create_engine(
        "postgresql+psycopg://nobody@127.0.0.1:1/nowhere", poolclass=BoundedPool, most=1, pool_timeout=0.1
    )
    for _ in range(3):
        with pytest.raises(sa.exc.OperationalError):
            engine.connect()


async def test_what_nobody_uses_is_given_back(engine: sa.Engine, postgres_url: str) -> None:
    """All of it, by a thread of its own; whoever comes later gets a new one."""
    with engine.connect(), engine.connect(), engine.connect():
        pass
    other = sa.create_engine(postgres_url, poolclass=sa.pool.NullPool)
    closer = Closer(engine, idle_seconds=0.2)
    with other.connect() as connection:
        await eventually(lambda: _count(connection) == 1, within=timedelta(seconds=120))
    closer.end()

    # A session is counted until the server has ended it, which is after its client has.
    with engine.connect() as again:
        await eventually(lambda: _count(again) == 1, within=timedelta(seconds=120))


def test_what_was_used_last_is_used_first(engine: sa.Engine) -> None:
    """So that the others become idle, although there is always something to do."""
    with engine.connect(), engine.connect() as second:
        used = _read_pid(second)
    # The first was given back after the second.
    met = set()
    for _ in range(5):
        with engine.connect() as connection:
            met.add(_read_pid(connection))

    assert 1 == len(met)
    assert used not in met


def test_a_process_keeps_one_of_its_connections_for_a_lease(postgres_url: str) -> None:
    """It is not of the pool, which therefore has one less."""
    database = Database(postgres_url, connections=4)
    taken, may_end = threading.Barrier(4), threading.Event()

    def hold(_number: int) -> None:
        with database.engine.connect():
            taken.wait(timeout=120)
            may_end.wait(timeout=120)

    with ThreadPoolExecutor(3) as threads:
        done = threads.map(hold, range(3))
        taken.wait(timeout=120)
        assert "0 idle of 3" == database.engine.pool.status()
        may_end.set()
        list(done)
    database.close()


def test_an_answer_that_never_comes_is_waited_for_so_long_and_no_longer(postgres_url: str) -> None:
    """Whoever asks for that is told; connections made afterwards are as good as any."""
    with relaying(postgres_url) as (url, is_silent):
        relayed = sa.create_engine(url, poolclass=BoundedPool, most=MOST)
        told = pytest.raises(sa.exc.TimeoutError, match="takes connections and has not answered for 0 s")
        with told, answering(relayed, within=0.3), relayed.connect() as connection:
            is_silent.set()
            connection.execute(sa.select(1))
        is_silent.clear()
        with answering(relayed, within=30.0), relayed.connect() as again:
            assert 1 == again.execute(sa.select(1)).scalar_one()
        relayed.dispose()


def test_an_error_of_its_own_stays_what_it_is(engine: sa.Engine) -> None:
    """It came in time."""
    with pytest.raises(sa.exc.ProgrammingError), answering(engine, within=30.0), engine.connect() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))


def _count(connection: sa.Connection) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    # Of a transaction, each look is the same.
    connection.rollback()
    return int(connection.execute(sa.text(query)).scalar_one())


def _read_pid(connection: sa.Connection) -> int:
    return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
