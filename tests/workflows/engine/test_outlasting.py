"""A database that goes away in the wrong moment, or takes its answer with it, ends no workflow."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.clock import read_clock
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import lifecycle_event
from headrace.testing import eventually
from headrace.workflows.engine.attempts import operation_outputs
from headrace.workflows.engine.ledger import Status
from headrace.workflows.engine.port import Engine
from headrace.workflows.engine.run import Run
from outages import end_waiting, holding
from relays import losing
from workers import ACME, prepare_site, read_calls, serve_process, work_process

LONG = timedelta(seconds=120)
WORKFLOW = "work:1"
UNDER_WAY = (Status.ENQUEUED, Status.RUNNING)
UUID = "01234567-89ab-cdef-0123-456789abcdef"
MANY = 6
ONCE = ("hook.returned", "config.set", "provision.done")


async def test_a_workflow_goes_on_that_was_cut_off_as_it_kept_what_a_step_came_to(postgres_url: str) -> None:
    """Nobody knows whether that is kept: here it is not, so the step runs once more."""
    database, runs = Database(postgres_url), Counter[str]()

    async def work(run: Run, _uuid: str, _argument: object) -> None:
        runs["run"] += 1
        await run.step("first", lambda: _count(runs, "first"))
        await run.step("second", lambda: _count(runs, "second"))

    engine = Engine(database, clock=read_clock)
    engine.register("work", work)
    await engine.start()
    try:
        with holding(postgres_url, operation_outputs):
            with database.transaction() as connection:
                engine.enqueue(connection, "work", WORKFLOW, UUID)
            await eventually(lambda: end_waiting(postgres_url), within=LONG)
        await eventually(lambda: _find_status(engine, database) not in UNDER_WAY, within=LONG)
    finally:
        await engine.stop()
    ended = _find_status(engine, database)
    database.close()

    assert Status.DONE is ended
    assert Counter(run=2, first=2, second=1) == runs


@pytest.mark.long
async def test_a_commit_whose_answer_is_lost_is_found_done(postgres_url: str, tmp_path: Path) -> None:
    """Of many provisions that are written together as of one: no hook is called again, nothing is recorded twice."""
    with losing(postgres_url) as (url, losses):
        async with (
            prepare_site(postgres_url, tmp_path, acme=ACME) as site,
            serve_process(tmp_path, site.environment, site.port, "--web-only"),
            work_process(tmp_path, {**site.environment, "DATABASE_URL": url}),
        ):
            addons = [await site.heroku.create_addon("shop-staging", "acme-search:basic") for _ in range(MANY)]
            await eventually(lambda: len(read_calls(tmp_path)) == MANY, within=LONG)
            losses.left = 2 * MANY
            site.let_hooks_go_on()
            await eventually(lambda: losses.left == 0, within=LONG)
            await eventually(lambda: all(each.state == State.PROVISIONED for each in addons), within=LONG)
            await eventually(lambda: _count_lines(postgres_url, "provision.done") == MANY, within=LONG)

    assert MANY == len(read_calls(tmp_path))
    assert [MANY] * 3 == [
        _count_lines(postgres_url, name) for name in ("hook.returned", "config.set", "provision.done")
    ]
    assert 0 == _count_lines(postgres_url, "workflow.failed")


async def _count(runs: Counter[str], name: str) -> None:
    runs[name] += 1


def _find_status(engine: Engine, database: Database) -> Status:
    with database.reads.connect() as connection:
        return engine.find_statuses(connection, [WORKFLOW])[WORKFLOW]


def _count_lines(url: str, name: str) -> int:
    """How many lines of a name there are in all timelines."""
    database = Database(url)
    with database.reads.connect() as connection:
        query = sa.select(sa.func.count()).select_from(lifecycle_event).where(lifecycle_event.c.name == name)
        count = connection.execute(query).scalar_one()
    database.close()
    return count
