"""The durable port: workflows that survive a crash, on the database we already have. DBOS stands behind it.

What crosses the port is plain JSON without secrets, because DBOS stores inputs and step outputs in clear. A process
that is no worker, the web, reads and writes rows of DBOS's tables and does without DBOS itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from headrace.protocol.retries import TABLE, Policy
from headrace.store.database import Database
from headrace.workflows import ledger
from headrace.workflows.lease import WorkerLease
from headrace.workflows.masks import Mask, show_nothing, spell_error
from headrace.workflows.pulse import Pulse
from headrace.workflows.run import JSON, Run
from headrace.workflows.takeover import Takeover

if TYPE_CHECKING:
    from headrace.workflows.runtime import DbosRuntime

log = logging.getLogger(__name__)

QUEUE = "headrace"
APPLICATION = "headrace"
# Bumped by hand when a running workflow of the old code could not go on with the new code.
CONTRACT_VERSION = "1"
# Older versions whose workflows this code can go on with: they are taken over at the start.
TAKES_OVER: tuple[str, ...] = ()
# What may wait has a queue of its own, so that a broken hook for events holds up no provision.
EVENT_QUEUE = "headrace-events"
# Looking at placements can always wait for a customer who waits.
SWEEP_QUEUE = "headrace-sweep"
# How many workflows of a queue one worker runs at a time. One that waits for its next attempt counts, and costs
# little: a few hundred hooks that fail must not keep others from their turn.
CONCURRENCY = {QUEUE: 1000, EVENT_QUEUE: 100, SWEEP_QUEUE: 2}

# How many stranded workflows are named at the start.
STRANDED_SHOWN = 100

WorkflowFunction = Callable[["Run", str, Any], Awaitable[None]]


class WorkflowFailed(Exception):
    """A workflow ended with an error of its own, not of a step; the text is only the error's kind."""


class Engine:
    """Enqueues workflows from any process; runs them in the process that calls `start`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        mask: Mask = show_nothing,
        retries: dict[type[BaseException], Policy] = TABLE,
        version: str = CONTRACT_VERSION,
        takes_over: Collection[str] = TAKES_OVER,
    ) -> None:
        self._database = database
        self._workflows: dict[str, WorkflowFunction] = {}
        self._clock = clock
        self._mask = mask
        self._retries = retries
        self._version = version
        self._takes_over = takes_over
        self._lease = WorkerLease(database)
        self._takeover = Takeover(database, self._lease, version=version)
        self._pulse = Pulse(database, version=version, room=CONCURRENCY)
        self._runtime: DbosRuntime | None = None
        # Whether this process is to be a worker, even where it cannot for the moment.
        self._is_wanted = False

    def register(self, kind: str, function: WorkflowFunction) -> None:
        """Say which function runs the workflows of a kind; all are registered before `start`."""
        self._workflows[kind] = function

    def prepare(self) -> None:
        """Create or upgrade DBOS's own tables, if they are older than what is written to them here."""
        with self._database.engine.connect() as connection:
            is_prepared = ledger.is_prepared(connection)
        if not is_prepared:
            from headrace.workflows.runtime import create_tables

            create_tables(self._database)

    def enqueue(
        self,
        connection: sa.Connection,
        kind: str,
        workflow_id: str,
        uuid: str,
        argument: JSON = None,
        *,
        queue: str = QUEUE,
    ) -> None:
        """Enqueue a workflow in the caller's transaction; an id that is there already starts nothing."""
        self.enqueue_all(connection, kind, {workflow_id: (uuid, argument)}, queue=queue)

    def enqueue_all(
        self,
        connection: sa.Connection,
        kind: str,
        arguments: Mapping[str, tuple[str, JSON]],
        *,
        queue: str = QUEUE,
    ) -> None:
        """Do the same for one workflow or more of a kind: each id with the resource's uuid and its argument.

        DBOS's own client does this for one at a time, and takes half as long again as all the rest of an
        acknowledgement; tests/workflows/test_engine.py holds the rows against those that it writes.
        """
        ledger.enqueue(
            connection,
            arguments,
            kind=kind,
            queue=queue,
            version=self._version,
            application=APPLICATION,
        )

    async def start(self) -> None:
        """Become a worker: recover what this worker left unfinished, and take new work from the queue.

        Raises:
            MisuseError: another worker has this SQLite file already.
        """
        await asyncio.to_thread(self._launch)
        self._is_wanted = True

    async def stop(self) -> None:
        """Stop taking work. What is running is taken up again at the next start, at its unfinished step."""
        self._is_wanted = False
        await asyncio.to_thread(self._shut_down)

    async def watch(self) -> None:
        """Look after this worker's id, and after workers that died: to be called every few seconds.

        Raises:
            SQLAlchemyError: the database is away; the next call looks again.
        """
        await asyncio.to_thread(self._watch)

    def find_statuses(self, connection: sa.Connection, workflow_ids: Collection[str]) -> dict[str, ledger.Status]:
        """Say of each workflow how far it is; one that is not there is missing in the answer."""
        return ledger.find_statuses(connection, workflow_ids)

    def list_stranded(self, connection: sa.Connection, *, limit: int) -> list[ledger.Stranded]:
        """Return unfinished workflows that this release cannot go on with, the oldest first."""
        return ledger.list_stranded(connection, version=self._version, limit=limit)

    def delete_finished(
        self, connection: sa.Connection, *, before: datetime, limit: int, kind: str | None = None
    ) -> int:
        """Delete up to `limit` finished workflows, or those of a kind, with their steps; return how many there were."""
        return ledger.delete_finished(connection, before=before, limit=limit, kind=kind)

    @property
    def is_running(self) -> bool:
        return self._runtime is not None

    def find_problem(self) -> str | None:
        """Say what keeps this worker from working, or None when nothing does."""
        if self._runtime is None:
            return "the worker is not running"
        if not self._lease.was_held:
            return "the worker has lost its id and is waiting for the database"
        if not self._runtime.takes_work:
            return "the workflow engine takes no work from its queue"
        return self._pulse.problem

    def _launch(self) -> None:
        # Called on a thread without an event loop, so that workflows and the partner's hooks run on a loop of
        # the engine's own: a hook that blocks then stalls no HTTP request.
        from headrace.workflows.runtime import DbosRuntime

        worker = self._lease.acquire()
        runtime = DbosRuntime(self._database, application=APPLICATION, version=self._version, worker=worker)
        for kind, function in self._workflows.items():
            runtime.announce(kind, self._build_runner(runtime, function))
        self._adopt()
        self._name_stranded()
        runtime.launch(CONCURRENCY)
        self._runtime = runtime

    def _watch(self) -> None:
        if not self._is_wanted:
            return
        if self._runtime is None:
            # The last look could not begin anew for want of a database.
            self._launch()
        elif self._lease.is_held() or self._lease.regain():
            self._adopt()
            self._takeover.look(self._runtime.list_active)
            self._feel_pulse(self._runtime)
        else:
            # Another worker has taken our id, and our workflows with it: begin anew, under another one.
            log.error("worker.superseded")
            self._shut_down()
            self._launch()

    def _feel_pulse(self, runtime: "DbosRuntime") -> None:
        before = self._pulse.problem
        self._pulse.look(runtime.find_loop(), runtime.count_active)
        if self._pulse.problem is not None and self._pulse.problem != before:
            log.error("worker.stuck", extra={"problem": self._pulse.problem})

    def _adopt(self) -> None:
        """Take over what an older release left unfinished: not only at the start, because its web may still run."""
        if not self._takes_over:
            return
        with self._database.transaction() as connection:
            count = ledger.adopt(connection, versions=self._takes_over, version=self._version)
        if count:
            log.warning("workflows.adopted", extra={"count": count, "versions": sorted(self._takes_over)})

    def _name_stranded(self) -> None:
        """Say of what cannot be taken over that it waits for its own release; upkeep raises a notice for each."""
        with self._database.engine.connect() as connection:
            stranded = self.list_stranded(connection, limit=STRANDED_SHOWN)
        for row in stranded:
            log.error(
                "workflow.stranded",
                extra={
                    "workflow": row.workflow_id,
                    "version": row.version,
                    "hint": f"This release goes on with version {self._version} only; run a worker of the release that "
                    "began it until it is done.",
                },
            )

    def _build_runner(
        self, runtime: "DbosRuntime", function: WorkflowFunction
    ) -> Callable[[str, str, JSON], Awaitable[None]]:
        async def run_workflow(workflow_id: str, uuid: str, argument: JSON) -> None:
            try:
                run = Run(workflow_id, uuid, steps=runtime, clock=self._clock, retries=self._retries, mask=self._mask)
                await function(run, uuid, argument)
            except Exception as error:  # noqa: BLE001 - whatever it is, its text stays here
                # DBOS stores and logs what it is raised, text and all; that text may hold a secret.
                text = await self._mask(uuid, spell_error(error))
                log.error("workflow.failed", extra={"workflow": workflow_id, "traceback": text})  # noqa: TRY400
                reason = type(error).__name__
            else:
                return
            # Outside the handler, so that the error is not carried along as its context.
            raise WorkflowFailed(reason)

        return run_workflow

    def _shut_down(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.shut_down()
        self._lease.release()
