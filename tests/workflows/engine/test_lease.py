"""A worker's lease on PostgreSQL, which goes with its connection."""

from functools import partial

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine.bell import PostgresEar
from headrace.workflows.engine.lease import WorkerLease


async def test_a_lease_whose_connection_was_ended_is_given_back_in_order(postgres_url: str) -> None:
    """As at a restart of the server: also when its end was heard before anybody asked."""
    database = Database(postgres_url)
    lease = WorkerLease(database)
    lease.acquire()
    ear = PostgresEar(lease)
    end_others = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with database.engine.connect() as connection:
        connection.execute(end_others)
    await eventually(partial(_hears_nothing_more, ear, lease))
    was_held = lease.is_held()
    lease.release()
    again = lease.regain()
    lease.release()
    database.close()

    assert (False, True) == (was_held, again)


def _hears_nothing_more(ear: PostgresEar, lease: WorkerLease) -> bool:
    ear.wait(0.01)
    return lease.list_sockets() == []
