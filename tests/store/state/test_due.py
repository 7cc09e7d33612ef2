"""When placements are due, on PostgreSQL: who makes them due and who records looks at them do not wait in a circle.

And what a batch asks about its resources is asked of each of them, and not of each for each.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from headrace.encryption import KeyRing
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement_check
from headrace.store.state.due import list_checked, make_due
from headrace.store.state.placements import save_inspection
from headrace.store.state.resources import lock_resources
from headrace.testing import eventually
from lab.kit.fleets import fill
from lab.kit.heroku import name_id
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


def test_who_was_looked_at_is_asked_one_by_one(postgres_url: str) -> None:
    """However many were since PostgreSQL last counted them: a run over a fleet looks at one batch after the other."""
    fill(postgres_url, 2_000, keys=KeyRing([bytes(32)]), is_known=False, is_hidden=False)
    uuids = {name_id("resource", number) for number in range(300)}
    database = Database(postgres_url)
    asked: list[tuple[str, Any]] = []
    with database.transaction() as connection:
        connection.execute(sa.update(placement_check).values(checked_at=NOON + HOUR))
        sa.event.listen(database.writes, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        checked = list_checked(connection, uuids, since=NOON)
        [(statement, values)] = asked
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
        [described] = connection.exec_driver_sql(explain, values).scalar_one()
    database.close()

    assert uuids == checked
    # A few for each; in a join with who was looked at there are half a million.
    assert 300 <= sum(count_rows(described["Plan"])) <= 5 * 300


def count_rows(node: dict[str, Any]) -> Iterator[float]:
    """Return how many rows each part of a plan came upon, those included that it then left out."""
    left_out = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Join Filter", "Index Recheck"))
    yield (node["Actual Rows"] + left_out) * node["Actual Loops"]
    for part in node.get("Plans", ()):
        yield from count_rows(part)
