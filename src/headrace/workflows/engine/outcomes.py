"""That workflows are done, told to the engine: of many in one transaction.

The engine itself would write each in a transaction of its own, on one of its two threads.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.store.sql.database import Database
from headrace.store.sql.rows import pass_rows, pass_uuids, rows_as_table, select_uuids
from headrace.workflows.engine.ledger import Claim, name_table, workflow_status

workflow_output = name_table("workflow_output", "workflow_uuid", "output", "error")
# No workflow of ours returns anything.
NOTHING = "null"
# However many end, they are not written more often; one that ends alone is written at once.
WRITES_EVERY_SECONDS = 0.1


class Outcomes:
    """What has ended on one event loop and is to be written with whatever else has ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Claim, asyncio.Future[bool]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def record(self, claim: Claim) -> bool:
        """Record that a workflow is done; return whether its claim stood until then.

        Raises:
            SQLAlchemyError, RuntimeError: it could not be written.
        """
        recorded: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[claim] = recorded
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await recorded

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            writing = asyncio.create_task(self._database.write(record_done, list(group)))
            await asyncio.wait([writing])
            _tell(list(group.values()), writing)
            await asyncio.sleep(WRITES_EVERY_SECONDS)
        self._writing = None


def _tell(waiting: Sequence[asyncio.Future[bool]], writing: asyncio.Task[list[bool]]) -> None:
    error = writing.exception()
    outcomes = [False] * len(waiting) if error else writing.result()
    for recorded, outcome in zip(waiting, outcomes, strict=True):
        # Whoever was stopped meanwhile waits for nothing any more.
        if recorded.done():
            continue
        if error:
            recorded.set_exception(error)
        else:
            recorded.set_result(outcome)


def record_done(connection: sa.Connection, claims: Sequence[Claim]) -> list[bool]:
    """Record of claimed workflows that they are done; return of each claim whether it stood until now."""
    conclude, add = _build(connection.dialect.name)
    pairs = pass_rows(connection, [{"uuid": claim.workflow_id, "token": claim.token} for claim in claims])
    done = set(connection.execute(conclude, pairs).scalars())
    if done:
        connection.execute(add, pass_uuids(done))
    return [claim.workflow_id in done for claim in claims]


@cache
def _build(dialect: str) -> tuple[Any, Any]:
    """Return the statements, with the moments and the insert of a database."""
    rows = workflow_status
    now = _build_now(dialect)
    claims = rows_as_table(dialect, uuid=sa.Text(), token=sa.Text()).c
    conclude = (
        sa.update(rows)
        .where(rows.c.workflow_uuid == claims.uuid, rows.c.owner_xid == claims.token, rows.c.status == "PENDING")
        .values(status="SUCCESS", deduplication_id=None, owner_xid=None, updated_at=now, completed_at=now)
        .returning(rows.c.workflow_uuid)
    )
    insert = (sqlite_insert if dialect == "sqlite" else postgres_insert)(workflow_output)
    # SQLite takes the ON of what follows for one of a join, unless there is a WHERE before it.
    ids = select_uuids(dialect).add_columns(sa.literal(NOTHING)).where(sa.text("true"))
    add = insert.from_select(["workflow_uuid", "output"], ids, include_defaults=False)
    new = {name: insert.excluded[name] for name in ("output", "error")}
    return conclude, add.on_conflict_do_update(index_elements=["workflow_uuid"], set_=new)


def _build_now(dialect: str) -> sa.ColumnElement[int]:
    """The database's own clock, in milliseconds, as the engine asks it."""
    seconds = sa.func.unixepoch("subsec") if dialect == "sqlite" else sa.func.extract("epoch", sa.func.now())
    return sa.cast(seconds * 1000, sa.BigInteger)
