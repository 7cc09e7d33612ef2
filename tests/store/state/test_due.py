"""When placements are due, on PostgreSQL: who makes them due and who records looks at them do not wait in a circle."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement_check
from headrace.store.state.due import make_due
from headrace.store.state.placements import save_inspection
from headrace.store.state.resources import lock_resources
from headrace.testing import eventually
from store.making import HOUR, NOON, add_resource, id_of, is_waiting, place


async def test_who_asks_for_looks_waits_for_who_records_them(postgres_url: str) -> None:
    """A board that asks for its apps, while a worker is recording them one after the other, costs neither its write."""
    database = Database(postgres_url)
    names = ["acme-1", "acme-2"]
    for name in names:
        await database.write(add_resource, name)
        await database.write(save_inspection, place(name), next_check_at=NOON + HOUR)
    uuids = [id_of(name) for name in names]

    with ThreadPoolExecutor() as threads:
        with database.transaction() as recording:
            lock_resources(recording, uuids)
            _record(recording, uuids[1])
            asking = threads.submit(_ask_for, database, uuids)
            await eventually(lambda: asking.done() or is_waiting(database))
            _record(recording, uuids[0])
        asking.result()
    database.close()


def _record(connection: sa.Connection, uuid: str) -> None:
    row = placement_check.c.resource_uuid == uuid
    connection.execute(sa.update(placement_check).where(row).values(next_check_at=NOON + 2 * HOUR))


def _ask_for(database: Database, uuids: list[str]) -> None:
    with database.transaction() as connection:
        make_due(connection, uuids, now=NOON + timedelta(minutes=1))
