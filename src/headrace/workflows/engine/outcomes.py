"""That workflows are done, told to the engine: of many in one transaction.

The engine itself would write each in a transaction of its own, on one of its two threads.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.workflows.engine.ledger import Claim, name_table, workflow_status

workflow_output = name_table("workflow_output", "workflow_uuid", "output", "error")
# No workflow of ours returns anything.
NOTHING = "null"


def record_done(connection: sa.Connection, claims: Sequence[Claim]) -> list[bool]:
    """Record of claimed workflows that they are done; return of each claim whether it stood until now."""
    conclude, add = _build(connection.dialect.name)
    pairs = [(claim.workflow_id, claim.token) for claim in claims]
    found = connection.execute(conclude, {"ids": [claim.workflow_id for claim in claims], "claims": pairs}).scalars()
    done = set(found)
    if done:
        connection.execute(add, [{"workflow_uuid": each, "output": NOTHING, "error": None} for each in done])
    return [claim.workflow_id in done for claim in claims]


@cache
def _build(dialect: str) -> tuple[Any, Any]:
    """Return the statements, with the moments and the insert of a database."""
    rows = workflow_status
    now = _build_now(dialect)
    conclude = (
        sa.update(rows)
        .where(
            # By its key, which no database finds in the pairs alone.
            rows.c.workflow_uuid.in_(sa.bindparam("ids", expanding=True)),
            sa.tuple_(rows.c.workflow_uuid, rows.c.owner_xid).in_(sa.bindparam("claims", expanding=True)),
            rows.c.status == "PENDING",
        )
        .values(status="SUCCESS", deduplication_id=None, owner_xid=None, updated_at=now, completed_at=now)
        .returning(rows.c.workflow_uuid)
    )
    insert = (sqlite_insert if dialect == "sqlite" else postgres_insert)(workflow_output)
    new = {name: insert.excluded[name] for name in ("output", "error")}
    return conclude, insert.on_conflict_do_update(index_elements=["workflow_uuid"], set_=new)


def _build_now(dialect: str) -> sa.ColumnElement[int]:
    """The database's own clock, in milliseconds, as the engine asks it."""
    seconds = sa.func.unixepoch("subsec") if dialect == "sqlite" else sa.func.extract("epoch", sa.func.now())
    return sa.cast(seconds * 1000, sa.BigInteger)
