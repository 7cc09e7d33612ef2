"""The engine's own rows, as we read them."""

from typing import Any

import sqlalchemy as sa

from headrace.store.sql.database import Database
from headrace.workflows.engine.ledger import Status, enqueue, list_unfinished, workflow_status
from store.making import id_of

WORKFLOW = f"work:{id_of('acme-1')}:1"
QUEUE = "headrace"


def test_what_is_taken_while_it_is_looked_for_is_listed_once(postgres_url: str) -> None:
    """Between the look at what waits and that at what runs a worker may take it: then it runs."""
    database = Database(postgres_url)
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
    with database.reads.connect() as connection:

        @sa.event.listens_for(connection, "after_cursor_execute", once=True)
        def take(*_what: Any) -> None:
            with database.transaction() as worker:
                worker.execute(sa.update(workflow_status).values(status="PENDING"))

        found = list_unfinished(connection, queues=[QUEUE], after=None, limit=5)

    database.close()

    assert [(WORKFLOW, Status.RUNNING)] == [(each.workflow_id, each.status) for each in found]
