"""The durable port: workflows that survive a crash, on the database we already have. DBOS stands behind it.

What crosses the port is plain JSON without secrets, because DBOS stores inputs and step outputs in clear. A process
that is no worker, the web, reads and writes rows of DBOS's tables and does without DBOS itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from headrace.logs import LogName
from headrace.protocol.lifecycle import BATCH_KINDS
from headrace.protocol.retries import TABLE, Policy
from headrace.store.sql.database import Database
from headrace.store.sql.fence import Fence, fenced, is_superseded
from headrace.store.sql.migrate import find_newer
from headrace.store.sql.schemas import make_schemas
from headrace.telemetry.context import about_only, carry, note
from headrace.telemetry.tracing import PARENT, span
from headrace.workflows.engine import ledger
from headrace.workflows.engine.begun import Begun
from headrace.workflows.engine.journal import Journal
from headrace.workflows.engine.lease import WorkerLease
from headrace.workflows.engine.liveness import Liveness
from headrace.workflows.engine.news import News
from headrace.workflows.engine.outlasting import confirm, outlast
from headrace.workflows.engine.redaction import Redact, show_nothing, spell_error
from headrace.workflows.engine.run import JSON, Places, Run, Tell, WorkflowFailed
from headrace.workflows.engine.takeover import Takeover
from headrace.workflows.engine.tending import LOOK_SECONDS

if TYPE_CHECKING:
    from headrace.workflows.engine.runtime import DbosRuntime

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
# Customers whose add-on works have a queue of their own, so that thousands who come at once are not in front of them.
CHANGE_QUEUE = "headrace-changes"
# How many workflows of a queue one worker works on and takes at a time: the others have their share of what waits. What
# only waits takes no place. Looked at in this order: once provisions run, each step wants SQLite's lock as well.
CONCURRENCY = {CHANGE_QUEUE: 16, QUEUE: 96, EVENT_QUEUE: 32, SWEEP_QUEUE: 2}

# How many stranded workflows are named at the start.
STRANDED_SHOWN = 100

WorkflowFunction = Callable[["Run", str, Any], Awaitable[None]]
# Sees to what a run may have left outside that another worker has taken over: given a uuid, in a transaction.
CleanUp = Callable[[sa.Connection, str], None]


def prepare(database: Database) -> None:
    """Create or upgrade DBOS's own tables, if they are older than what is written to them here."""
    with database.engine.connect() as connection:
        is_prepared = ledger.is_prepared(connection)
    if not is_prepared:
        make_schemas(database)
        from headrace.workflows.engine.runtime import create_tables

        create_tables(database)


class Engine:
    """Enqueues workflows from any process; runs them in the process that calls `start`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        redact: Redact = show_nothing,
        retries: dict[type[BaseException], Policy] = TABLE,
        version: str = CONTRACT_VERSION,
        takes_over: Collection[str] = TAKES_OVER,
        look_every: float = LOOK_SECONDS,
    ) -> None:
        """`look_every` is how many seconds pass before a worker that was told nothing looks unasked."""
        self._look_every = look_every
        self._database = database
        self._workflows: dict[str, WorkflowFunction] = {}
        self._clean_ups: dict[str, CleanUp] = {}
        self._clock = clock
        self._redact = redact
        self._retries = retries
        self._version = version
        self._takes_over = takes_over
        self._lease = WorkerLease(database)
        self.news = News(database, self._lease)
        self._begun = Begun()
        self._takeover = Takeover(database, self._lease, version=version, begun=self._begun)
        self._liveness = Liveness(database, version=version, room=CONCURRENCY)
        self._runtime: DbosRuntime | None = None
        self._is_worker = False
        self._hindrance: str | None = None
        # Whether the engine is to be kept going.
        self._is_wanted = False
        self._tell: Tell | None = None
        self._find_hook_loop: Callable[[], asyncio.AbstractEventLoop | None] = lambda: None

    def register(self, kind: str, function: WorkflowFunction) -> None:
        """Say which function runs the workflows of a kind; all are registered before `start`."""
        self._workflows[kind] = function

    def tell_failures(self, tell: Tell) -> None:
        """Say who is told of each attempt at a step that failed."""
        self._tell = tell

    def watch_loop(self, find_loop: Callable[[], asyncio.AbstractEventLoop | None]) -> None:
        """Say on which event loop hooks run, if there is one: this worker does not work while one of them blocks it."""
        self._find_hook_loop = find_loop

    def clean_up_after(self, kind: str, clean_up: CleanUp) -> None:
        """Say what is called, soon, for a run of a kind that goes on here after another worker took it over."""
        self._clean_ups[kind] = clean_up

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
        carried: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Do the same for one workflow or more of a kind: each id with the resource's uuid and its argument.

        `carried` is what each takes over of the request that asked for it, by default of whatever calls this.

        DBOS's own client does this for one at a time, and takes half as long again as all the rest of an
        acknowledgement; tests/workflows/engine/test_port.py holds the rows against those that it writes.
        """
        ledger.enqueue(
            connection,
            arguments,
            kind=kind,
            queue=queue,
            version=self._version,
            application=APPLICATION,
            carried=dict.fromkeys(arguments, carry()) if carried is None else carried,
        )
        self.news.ring_after(connection)

    async def start(self) -> None:
        """Become a worker: recover what this worker left unfinished, and take new work from the queue.

        On a database that a newer release has had, nothing is taken.

        Raises:
            MisuseError: another worker has this SQLite file already.
        """
        self._is_worker = True
        await asyncio.to_thread(self._launch)
        self._is_wanted = True

    async def stop(self) -> None:
        """Stop taking work. What is running is taken up again at the next start, at its unfinished step."""
        self._is_wanted = False
        await asyncio.to_thread(self._shut_down)
        await asyncio.to_thread(self.news.close)

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
    def is_worker(self) -> bool:
        """Whether this process is a worker, even where it does not work for the moment."""
        return self._is_worker

    def find_hindrance(self) -> str | None:
        """Say why this release must not work on this database: a newer one has had it."""
        from headrace.workflows.engine.runtime import find_newer as find_newer_tables

        with self._database.reads.connect() as connection:
            newer = find_newer(connection)
        return newer or find_newer_tables(self._database)

    @property
    def is_hindered(self) -> bool:
        """Whether this worker takes no work because a newer release has had the database."""
        return self._hindrance is not None

    def is_working(self) -> bool | None:
        """Whether this worker works, or None in a process that is none."""
        return self.find_problem() is None if self._is_worker else None

    def find_problem(self) -> str | None:
        """Say what keeps this worker from working, or None when nothing does."""
        if self._hindrance is not None:
            return f"this worker takes no work: {self._hindrance}"
        if self._runtime is None:
            return "the worker is not running"
        if not self._lease.was_held:
            return "the worker has lost its id and is waiting for the database"
        if not self._runtime.takes_work:
            return "the workflow engine takes no work from its queue"
        return self._liveness.problem

    def _launch(self) -> None:
        # Called on a thread without an event loop, so that workflows and the partner's hooks run on a loop of
        # the engine's own: a hook that blocks then stalls no HTTP request.
        from headrace.workflows.engine.runtime import DbosRuntime

        before, self._hindrance = self._hindrance, self.find_hindrance()
        if self._hindrance is not None:
            if before is None:
                log.error(LogName.DATABASE_NEWER, extra={"problem": self._hindrance})
            # The next look tries again: perhaps the newer release's migration is undone.
            return
        worker = self._lease.acquire()
        runtime = DbosRuntime(
            self._database,
            application=APPLICATION,
            version=self._version,
            worker=worker,
            ear=self.news.find_ear(),
            look_every=self._look_every,
        )
        for kind, function in self._workflows.items():
            runtime.announce(kind, self._build_runner(runtime, kind, function))
        self._adopt()
        self._takeover.put_back()
        self._name_stranded()
        runtime.launch(CONCURRENCY)
        self._liveness.begin()
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
            self._clean_up()
            self._check_liveness(self._runtime)
            # What was put back waits, and so does what was told in vain.
            if self._lease.hear() or self._liveness.has_waiting:
                self._runtime.look()
        else:
            # Another worker has taken our id, and our workflows with it: begin anew, under another one.
            log.error(LogName.WORKER_SUPERSEDED)
            self._begun.leave_all()
            self._shut_down()
            self._launch()

    def _check_liveness(self, runtime: "DbosRuntime") -> None:
        before = self._liveness.problem
        hook_loop = self._find_hook_loop()
        self._liveness.examine(runtime.find_loop(), runtime.count_active, runtime.list_tended(), hook_loop=hook_loop)
        if self._liveness.problem is not None and self._liveness.problem != before:
            log.error(LogName.WORKER_STUCK, extra={"problem": self._liveness.problem})

    def _adopt(self) -> None:
        """Take over what an older release left unfinished: not only at the start, because its web may still run."""
        if not self._takes_over:
            return
        with self._database.transaction() as connection:
            count = ledger.adopt(connection, versions=self._takes_over, version=self._version)
        if count:
            log.warning(LogName.WORKFLOWS_ADOPTED, extra={"count": count, "versions": sorted(self._takes_over)})

    def _name_stranded(self) -> None:
        """Say of what cannot be taken over that it waits for its own release; upkeep raises a notice for each."""
        with self._database.reads.connect() as connection:
            stranded = self.list_stranded(connection, limit=STRANDED_SHOWN)
        for row in stranded:
            log.error(
                LogName.WORKFLOW_STRANDED,
                extra={
                    "workflow": row.workflow_id,
                    "version": row.version,
                    "hint": f"This release goes on with version {self._version} only; run a worker of the release that "
                    "began it until it is done.",
                },
            )

    def _build_runner(
        self, runtime: "DbosRuntime", kind: str, function: WorkflowFunction
    ) -> Callable[[ledger.Claim, str, JSON], Awaitable[None]]:
        async def run_workflow(claim: ledger.Claim, uuid: str, argument: JSON) -> None:
            fence = Fence(claim, ledger.find_standing)
            subject = {"batch": uuid} if kind in BATCH_KINDS else {"resource": uuid}
            with (
                self._begun.running(claim, kind, uuid),
                fenced(fence),
                about_only(workflow=claim.workflow_id, **subject),
            ):
                try:
                    once = partial(self._run_once, runtime.room, kind, function, uuid=uuid, argument=argument)
                    await outlast(once, claim, self._database, rest=partial(runtime.room.rest, claim.workflow_id))
                except Exception as error:  # noqa: BLE001 - whatever it is, its text stays here
                    # DBOS stores and logs what it is raised, text and all; that text may hold a secret.
                    text = await self._redact(uuid, spell_error(error))
                    extra = {"workflow": claim.workflow_id, "traceback": text}
                    log.error(LogName.WORKFLOW_FAILED, extra=extra)  # noqa: TRY400
                    reason = type(error).__name__
                except BaseException as error:
                    if is_superseded(error):
                        log.warning(LogName.WORKFLOW_SUPERSEDED, extra={"workflow": claim.workflow_id})
                        self.leave_behind(kind, uuid)
                    raise
                else:
                    return
            # Outside the handler, so that the error is not carried along as its context.
            raise WorkflowFailed(reason)

        return run_workflow

    async def _run_once(
        self, places: Places, kind: str, function: WorkflowFunction, claim: ledger.Claim, *, uuid: str, argument: JSON
    ) -> None:
        run = Run(
            claim.workflow_id,
            uuid,
            places=places,
            journal=Journal(self._database, claim.workflow_id, uuid=uuid, carried=claim.carried),
            clock=self._clock,
            retries=self._retries,
            redact=self._redact,
            confirm=partial(confirm, self._database),
            tell=self._tell,
        )
        carried = await run.journal.open()
        note(**{name: value for name, value in carried.items() if name != PARENT})
        with span(f"workflow {kind}", kind="CONSUMER", headers=carried, headrace_workflow=claim.workflow_id):
            await function(run, uuid, argument)

    def wake(self, workflow_ids: Collection[str]) -> None:
        """Have those of these workflows that rest in this process look whether they may go on."""
        if self._runtime is not None:
            self._runtime.room.wake(workflow_ids)

    def leave_behind(self, kind: str, uuid: str) -> None:
        """Have the next look see to what a run of this kind may have left that nobody will hear the end of."""
        self._begun.left_behind.append((kind, uuid))

    def _clean_up(self) -> None:
        left = self._begun.left_behind
        while left:
            kind, uuid = left[0]
            if kind in self._clean_ups:
                with self._database.transaction() as connection:
                    self._clean_ups[kind](connection, uuid)
            # Only now: without a database the next look tries again.
            left.popleft()

    def _shut_down(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.shut_down()
        self._lease.release()
