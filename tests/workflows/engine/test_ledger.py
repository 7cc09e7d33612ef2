"""The engine's own rows, as we read them."""

from typing import Any

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.workflows.engine.ledger import (
    Claim,
    Status,
    enqueue,
    find_standing,
    list_unfinished,
    workflow_status,
)
from store.making import id_of

WORKFLOW = f"work:{id_of('acme-1')}:1"
QUEUE = "headrace"


def test_what_is_taken_while_it_is_looked_for_is_listed_once(postgres_url: str) -> None:
    """Between the look at what waits and that at what runs a worker may take it: then it runs."""
    database = Database(postgres_url)
    _enqueue(database)
    with database.reads.connect() as connection:

        @sa.event.listens_for(connection, "after_cursor_execute", once=True)
        def take(*_what: Any) -> None:
            with database.transaction() as worker:
                worker.execute(sa.update(workflow_status).values(status="PENDING"))

        found = list_unfinished(connection, queues=[QUEUE], after=None, limit=5)

    database.close()

    assert [(WORKFLOW, Status.RUNNING)] == [(each.workflow_id, each.status) for each in found]


def test_a_claim_is_locked_by_who_writes_and_not_by_who_only_looks(postgres_url: str) -> None:
    """A lock leaves its mark in the row, and has whoever takes it wait for the disk."""
    database = Database(postgres_url)
    _enqueue(database)
    claim = Claim(workflow_id=WORKFLOW, token=None)
    mark = sa.select(sa.literal_column("xmax::text", sa.Text)).select_from(workflow_status)
    with database.reads.connect() as connection:
        assert {claim} == find_standing(connection, [claim])
        of_look = connection.execute(mark).scalar_one()
    with database.transaction() as connection:
        assert {claim} == find_standing(connection, [claim])
        of_write = connection.execute(mark).scalar_one()

    database.close()

    assert "0" == of_look
    assert "0" != of_write


def _enqueue(database: Database) -> None:
    with database.transaction() as connection:
        enqueue(
            connection,
            {WORKFLOW: (id_of("acme-1"), None)},
            kind="work",
            queue=QUEUE,
            version="1",
            application="headrace",
            carried={},
        )
