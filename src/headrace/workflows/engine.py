"""The durable port: workflows that survive a crash, on the database we already have. DBOS stands behind it.

Nothing else in headrace names DBOS. What crosses the port is plain JSON without secrets, because the engine
stores inputs and step outputs in clear.
"""

import asyncio
import logging
import warnings
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig
from dbos._serialization import DBOSPortableJSONSerializer

from headrace.errors import HeadraceError, Refused
from headrace.protocol.retries import TABLE, Policy, decide_retry
from headrace.store.database import Database
from headrace.workflows.lease import WorkerLease

log = logging.getLogger(__name__)

QUEUE = "headrace"
APPLICATION = "headrace"
# Bumped by hand when a running workflow of the old code could not go on with the new code.
CONTRACT_VERSION = "1"
POLL_SECONDS = 0.1
# What may wait has a queue of its own: workflows that wait for their next attempt hold their place, and a broken
# hook for events would hold up provisions.
EVENT_QUEUE = "headrace-events"
# How many workflows of a queue one worker runs at a time.
CONCURRENCY = {QUEUE: 50, EVENT_QUEUE: 25}

JSON = Any
WorkflowFunction = Callable[["Run", str, Any], Awaitable[None]]


class StepFailed(Exception):
    """A step gave up. `reason` is the kind of its last error; `message` may be shown to the customer, if set."""

    def __init__(self, step: str, *, reason: str, message: str | None) -> None:
        self.step = step
        self.reason = reason
        self.message = message
        super().__init__(f"step {step} gave up: {reason}")


class WorkflowFailed(Exception):
    """A workflow ended with an error of its own, not of a step; the text is only the error's kind."""


class Engine:
    """Enqueues workflows from any process; runs them in the process that calls `start`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        retries: dict[type[BaseException], Policy] = TABLE,
    ) -> None:
        self._database = database
        self._workflows: dict[str, WorkflowFunction] = {}
        self._clock = clock
        self._retries = retries
        self._lease = WorkerLease(database)
        self._client: DBOSClient | None = None
        self._is_running = False

    def register(self, kind: str, function: WorkflowFunction) -> None:
        """Say which function runs the workflows of a kind; all are registered before `start`."""
        self._workflows[kind] = function

    def prepare(self) -> None:
        """Create or upgrade the engine's own tables."""
        _quieten()
        DBOS.migrate(self._database.engine.url.render_as_string(hide_password=False))

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
        self._find_client().enqueue_in_transaction(
            connection,
            {
                "workflow_name": kind,
                "queue_name": queue,
                "workflow_id": workflow_id,
                "app_version": CONTRACT_VERSION,
                "application_name": APPLICATION,
            },
            uuid,
            argument,
        )

    async def start(self) -> None:
        """Become a worker: recover what this worker left unfinished, and take new work from the queue.

        Raises:
            MisuseError: another worker has this SQLite file already.
        """
        await asyncio.to_thread(self._launch)

    async def stop(self) -> None:
        """Stop taking work. What is running is taken up again at the next start, at its unfinished step."""
        await asyncio.to_thread(self._shut_down)

    @property
    def is_running(self) -> bool:
        return self._is_running

    def _launch(self) -> None:
        # Called on a thread without an event loop, so that workflows and the partner's hooks run on a loop of
        # the engine's own: a hook that blocks then stalls no HTTP request.
        executor_id = self._lease.acquire()
        _quieten()
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_engine": self._database.engine,
            "system_database_url": self._database.engine.url.render_as_string(hide_password=False),
            "application_version": CONTRACT_VERSION,
            "executor_id": executor_id,
            "serializer": DBOSPortableJSONSerializer(),
            "notification_listener_polling_interval_sec": POLL_SECONDS,
            "enable_otlp": False,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        for kind, function in self._workflows.items():
            self._announce(kind, function)
        # Registered before the launch, because the engine looks for new queues only once a second.
        for queue, count in CONCURRENCY.items():
            self._find_client().register_queue(queue, worker_concurrency=count, polling_interval_sec=POLL_SECONDS)
        DBOS.listen_queues([*CONCURRENCY])
        DBOS.launch()
        self._is_running = True

    def _announce(self, kind: str, function: WorkflowFunction) -> None:
        async def run(uuid: str, argument: JSON) -> None:
            workflow_id = str(DBOS.workflow_id)
            try:
                await function(Run(workflow_id, clock=self._clock, retries=self._retries), uuid, argument)
            except Exception as error:
                # The engine stores and logs what it is raised, text and all; that text may hold a secret.
                log.exception("workflow.failed", extra={"workflow": workflow_id})
                reason = type(error).__name__
            else:
                return
            # Outside the handler, so that the error is not carried along as its context.
            raise WorkflowFailed(reason)

        # A workflow that is recovered over and over still holds a customer's resource: never dropped.
        DBOS.workflow(name=kind, max_recovery_attempts=None)(run)

    def _shut_down(self) -> None:
        if self._is_running:
            self._is_running = False
            # The engine complains of what it can no longer hand out; the next start takes all of it up.
            logging.getLogger("dbos").setLevel(logging.CRITICAL)
            DBOS.destroy(destroy_registry=True)
        if self._client is not None:
            self._client.destroy()
            self._client = None
        self._lease.release()

    def _find_client(self) -> DBOSClient:
        if self._client is None:
            self._client = DBOSClient(
                system_database_engine=self._database.engine,
                serializer=DBOSPortableJSONSerializer(),
                application_name=APPLICATION,
                lazy=True,
            )
        return self._client


class Run:
    """One run of a workflow: it checkpoints steps, so that a step that is done is not done again."""

    def __init__(
        self, workflow_id: str, *, clock: Callable[[], datetime], retries: dict[type[BaseException], Policy]
    ) -> None:
        self.workflow_id = workflow_id
        self._clock = clock
        self._retries = retries

    async def step(self, name: str, function: Callable[[], Awaitable[JSON]]) -> JSON:
        """Run a step until it is done, waiting between attempts as the retry table says.

        A step runs at least once: after a crash it may run again, so it has to be idempotent. Its value is
        stored in clear.

        Raises:
            StepFailed: the retry table gives up.
        """
        started_at: datetime | None = None
        attempt = 0
        while True:
            attempt += 1
            outcome = await DBOS.run_step_async(
                {"name": name}, self._attempt, name, function, attempt=attempt, started_at=started_at
            )
            if "done" in outcome:
                return outcome["done"]
            if "wait" not in outcome:
                raise StepFailed(name, reason=outcome["reason"], message=outcome["message"])
            started_at = datetime.fromisoformat(outcome["started_at"])
            await DBOS.sleep_async(outcome["wait"])

    async def _attempt(
        self, name: str, function: Callable[[], Awaitable[JSON]], *, attempt: int, started_at: datetime | None
    ) -> dict[str, JSON]:
        """Make one attempt and return its outcome; an error becomes a value, so that no text of one is stored."""
        began = started_at or self._clock()
        try:
            return {"done": await function()}
        except Exception as error:  # noqa: BLE001 - the worker's one boundary: a hook may raise anything
            now = self._clock()
            wait = decide_retry(error, attempt=attempt, started_at=began, now=now, table=self._retries)
            self._report(name, error, attempt=attempt, will_retry=wait is not None)
            if wait is None:
                return {"reason": type(error).__name__, "message": _customer_message(error)}
            return {"wait": wait.total_seconds(), "started_at": began.isoformat()}

    def _report(self, name: str, error: Exception, *, attempt: int, will_retry: bool) -> None:
        detail = {"workflow": self.workflow_id, "step": name, "attempt": attempt, "error": type(error).__name__}
        if isinstance(error, Refused):
            log.info("step.refused", extra=detail)
        elif isinstance(error, HeadraceError):
            log.log(_level(will_retry), "step.failed", extra={**detail, "error": str(error), "will_retry": will_retry})
        else:
            # Of a hook's own error the operator wants the traceback.
            log.log(_level(will_retry), "step.failed", extra={**detail, "will_retry": will_retry}, exc_info=error)


def _level(will_retry: bool) -> int:  # noqa: FBT001
    return logging.WARNING if will_retry else logging.ERROR


def _customer_message(error: Exception) -> str | None:
    """Only what a hook says with Refused is meant for the customer."""
    return error.message if isinstance(error, Refused) else None


def _quieten() -> None:
    """Let the engine speak only of trouble, through our own logging."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)
    logger.propagate = True
    # A stop while work is being handed out leaves a coroutine that never ran; its workflow runs at the next start.
    warnings.filterwarnings("ignore", "coroutine 'execute_dequeued_workflow", RuntimeWarning)
