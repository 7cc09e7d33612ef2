"""DBOS, which stands behind the engine. Only a worker imports this: it is a fifth of its memory.

Nothing else in headrace names DBOS.
"""

import asyncio
import logging
import threading
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, _dbos
from dbos._context import get_local_dbos_context
from dbos._dbos import _get_dbos_instance
from dbos._error import DBOSWorkflowConflictIDError
from dbos._migration import (
    ensure_dbos_schema,
    get_migration_versions,
    get_sqlite_migration_versions,
    run_dbos_migrations,
)
from dbos._queue import queue_worker_thread
from dbos._serialization import DBOSPortableJSONSerializer
from dbos._sys_db import SystemDatabase

from headrace.errors import MisuseError
from headrace.store.sql.compiled import CompiledStatements
from headrace.store.sql.database import Database
from headrace.store.sql.fence import is_superseded
from headrace.workflows.engine.bell import Ear
from headrace.workflows.engine.ledger import Claim, read_carried
from headrace.workflows.engine.loop import WorkflowLoop
from headrace.workflows.engine.outcomes import Outcomes
from headrace.workflows.engine.room import Room
from headrace.workflows.engine.tending import Tending

SERIALIZER = DBOSPortableJSONSerializer()
# What the engine's own releases lock while they make its tables.
OLD_MIGRATION_LOCK = 1234567890
# Its listener sleeps so long before it sees that it is to end, and a stop waits for it.
LISTENER_SECONDS = 0.05
# The engine's queries are short, and more threads than these keep the web of the same process from its turn.
EXECUTOR_THREADS = 2
# It has schemas put into its statements too, others than ours: so neither is sent what the other compiled.
COMPILED = CompiledStatements()

# Runs a workflow that was claimed, about a resource's uuid, with its argument.
Function = Callable[[Claim, str, Any], Awaitable[None]]


IN_USE = (
    "Another service has its worker in this process, and the engine has room for one. Say `asgi(has_worker=False)` of "
    "one of the two, and run `headrace worker MODULE:SERVICE` for it beside this process."
)
IN_USE_BY_YOU = (
    "Your own code uses DBOS in this process, which has room for one user of it. Say `asgi(has_worker=False)`, and run "
    "`headrace worker MODULE:SERVICE` beside this process."
)
# Whether what runs, a workflow, is recorded as done.
_is_recorded: ContextVar[bool] = ContextVar("is_recorded", default=False)
# Whose engine it is that DBOS, which has one in a process, has now.
_owner: Database | None = None


class DbosRuntime:
    """Runs workflows in this process, from the launch on."""

    def __init__(
        self, database: Database, *, application: str, version: str, worker: str, ear: Ear, look_every: float
    ) -> None:
        """`ear` hears of what is enqueued; it is closed at the end. Unasked it is looked every so many seconds.

        Raises:
            MisuseError: the engine of this process is another's.
        """
        _take(database)
        _quieten()
        self._look_every = look_every
        self._version = version
        self._database = database
        self._ear = ear
        self._tending: Tending | None = None
        self._outcomes = Outcomes(database)
        # Of what was taken for the first time and has not begun yet, what it took over.
        self._new: dict[str, Mapping[str, Any]] = {}
        self._outages = database.outages
        # What it says of an outage is said once a second, and not in its words.
        logging.getLogger("dbos").addFilter(self._outages.spare)
        engine = database.engine.execution_options(compiled_cache=COMPILED)
        config = _configure(database, application=application, version=version, worker=worker)
        DBOS(config={**config, "system_database_engine": engine})
        instance = _get_dbos_instance()
        self.room = instance._active_workflows_set = Room()  # noqa: SLF001
        instance._background_event_loop = WorkflowLoop()  # noqa: SLF001
        database.gather_among(self.room.count_at_work)
        self._client = DBOSClient(
            system_database_engine=engine,
            dbos_system_schema=find_schema(database),
            serializer=SERIALIZER,
            application_name=application,
            lazy=True,
        )

    def announce(self, kind: str, function: Function) -> None:
        """Say what runs the workflows of a kind, before the launch."""

        async def run_workflow(uuid: str, argument: Any) -> None:
            claim = self._find_claim()
            try:
                await function(claim, uuid, argument)
            except BaseException as error:
                if not is_superseded(error):
                    raise
            else:
                if await self._conclude(claim):
                    return
            # It ends without an outcome of its own, and waits for that of whoever has the workflow now.
            raise DBOSWorkflowConflictIDError(claim.workflow_id)

        # A workflow that is recovered over and over still holds a customer's resource: never dropped.
        DBOS.workflow(name=kind, max_recovery_attempts=None)(run_workflow)

    def _find_claim(self) -> Claim:
        """The claim under which the workflow that calls this runs; what its row says may be another's by now."""
        context = get_local_dbos_context()
        if context is None:
            raise MisuseError("This is no workflow.")
        carried = self._new.pop(context.workflow_id, None)
        return Claim(workflow_id=context.workflow_id, token=context.owner_xid, carried=carried)

    async def _conclude(self, claim: Claim) -> bool:
        """Record, with others, that a workflow is done; return False when another worker has it by now."""
        try:
            with self.room.waiting(claim.workflow_id):
                stood = await self._outcomes.record(claim)
        except (sa.exc.SQLAlchemyError, RuntimeError):
            # The database is away, or being closed: the engine records it then, and tries for as long as it takes.
            return True
        _is_recorded.set(stood)
        return stood

    def launch(self, queues: Mapping[str, int]) -> None:
        """Recover what this worker left unfinished, and take from queues, from each so many at a time, when called."""
        registered = {
            queue: self._client.register_queue(queue, worker_concurrency=count) for queue, count in queues.items()
        }
        # The engine's own threads would ask each queue again and again.
        DBOS.listen_queues([])
        DBOS.launch()
        instance = _get_dbos_instance()
        _end_idle_threads(instance)
        _spare_recorded(instance)
        _spare_versions(instance)
        self._note_new(instance)

        def tend(turn: threading.Event, queue: str) -> None:
            queue_worker_thread(turn, instance, registered[queue])

        self._tending = Tending(
            self._database,
            queues,
            version=self._version,
            ear=self._ear,
            tend=tend,
            count_active=self.room.count_for_queue,
            look_every=self._look_every,
        )
        self._tending.start()

    def _note_new(self, instance: DBOS) -> None:
        """Note of what the engine takes, and reads then, whether it was ever taken before."""
        tables = instance._sys_db  # noqa: SLF001
        read = tables.get_workflow_statuses

        def read_noting(workflow_ids: list[str]) -> Any:
            taken = read(workflow_ids)
            for each in taken:
                self._new.pop(each["workflow_uuid"], None)
                if each["recovery_attempts"] == 1:
                    self._new[each["workflow_uuid"]] = read_carried(each["attributes"])
            return taken

        tables.get_workflow_statuses = read_noting  # type: ignore[method-assign]

    def look(self) -> None:
        """Have somebody look soon whether there is something to take."""
        if self._tending is not None:
            self._tending.look()

    def shut_down(self) -> None:
        # The engine complains of what it can no longer hand out; the next start takes all of it up.
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        if self._tending is not None:
            self._tending.end()
        _let_go()
        self._client.destroy()
        logging.getLogger("dbos").removeFilter(self._outages.spare)

    def list_active(self) -> list[str]:
        """Return the ids of the workflows that run here."""
        return self.room.activeList()

    def count_active(self, queue: str) -> int:
        """Return how many places of a queue are taken here."""
        return self.room.count_for_queue(queue)

    def find_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop on which workflows run, and the hooks that are coroutine functions."""
        return _get_dbos_instance()._background_event_loop.target_loop()  # noqa: SLF001

    def list_tended(self) -> set[str]:
        """Return the queues of which a thread takes."""
        return self._tending.list_tended() if self._tending is not None else set()

    @property
    def takes_work(self) -> bool:
        """Whether the thread that calls those of the queues is alive."""
        return self._tending is not None and self._tending.is_alive


def _take(database: Database) -> None:
    """Have the engine of this process; what was left of one that could not be launched is ended first."""
    global _owner  # noqa: PLW0603 - DBOS has one engine in a process, and gives it to whoever asks
    is_made = _dbos._dbos_global_instance is not None  # noqa: SLF001
    if is_made and _owner is not database:
        if _owner is None or not _owner.is_closed:
            raise MisuseError(IN_USE_BY_YOU if _owner is None else IN_USE)
        _let_go()
    _owner = database


def _let_go() -> None:
    global _owner  # noqa: PLW0603
    DBOS.destroy(destroy_registry=True)
    _owner = None


def _end_idle_threads(instance: DBOS) -> None:
    """End what would go on asking: for queues, schedules, delays, deadlines and messages that nothing here has."""
    for stop in (*instance.background_thread_stop_events, instance._background_jobs_stop_event):  # noqa: SLF001
        stop.set()
    instance._sys_db._run_background_processes = False  # noqa: SLF001


def _spare_recorded(instance: DBOS) -> None:
    """Have the engine record no outcome that is recorded already."""
    tables = instance._sys_db  # noqa: SLF001
    record = tables.update_workflow_outcome

    def record_once(*which: Any, **outcome: Any) -> bool:
        return _is_recorded.get() or record(*which, **outcome)

    tables.update_workflow_outcome = record_once  # type: ignore[method-assign]


def _spare_versions(instance: DBOS) -> None:
    """Have the engine not look at each claim whether its version is the latest, whose is what names no version.

    Everything of ours names one.
    """
    tables = instance._sys_db  # noqa: SLF001

    def is_latest_version(*_which: Any) -> bool:
        return False

    tables._is_latest_version = is_latest_version  # type: ignore[assignment, method-assign]  # noqa: SLF001


def _configure(database: Database, *, application: str, version: str, worker: str) -> DBOSConfig:
    return {
        "name": application,
        "dbos_system_schema": find_schema(database),
        "system_database_url": database.engine.url.render_as_string(hide_password=False),
        "application_version": version,
        "executor_id": worker,
        "serializer": SERIALIZER,
        "notification_listener_polling_interval_sec": LISTENER_SECONDS,
        "max_executor_threads": EXECUTOR_THREADS,
        # Nothing here waits for what these tell, and listening holds a connection.
        "use_listen_notify": False,
        "enable_otlp": False,
        "log_level": "WARNING",
    }


def find_newer(database: Database) -> str | None:
    """Say that the engine's tables are newer than the engine that is installed, or None when they are not.

    No release of DBOS looks: an older one takes all work from newer tables, and may leave it for ever.
    """
    if database.is_sqlite:
        found, known = get_sqlite_migration_versions(database.engine)
    else:
        found, known = get_migration_versions(database.engine, database.place.engine, use_listen_notify=True)
    if found <= known:
        return None
    what = f"the workflow engine's tables are a newer release's (version {found}, and this one's engine knows {known})"
    return f"{what}; run that release again"


def create_tables(database: Database) -> None:
    """Create or upgrade the engine's own tables."""
    _quieten()
    if not database.is_sqlite:
        _create_on_postgres(database)
        return
    # On connections of ours, because an upgrade takes moments from what SQLite may lack.
    url = database.engine.url.render_as_string(hide_password=False)
    tables = SystemDatabase.create(
        url, engine_kwargs={}, engine=database.engine, schema=None, serializer=SERIALIZER, executor_id=None
    )
    tables.run_migrations()
    tables.destroy()


def find_schema(database: Database) -> str | None:
    """Return the schema of the engine's tables; SQLite has none."""
    return None if database.is_sqlite else database.place.engine


def _create_on_postgres(database: Database) -> None:
    """Do what the engine does by itself, but for its lock, which is the same for all installations of a database."""
    place = database.place
    lock = OLD_MIGRATION_LOCK if place.is_old else place.derive_number("engine", bits=64)
    with database.reads.connect() as holder:
        holder.execute(sa.select(sa.func.pg_advisory_lock(lock)))
        try:
            ensure_dbos_schema(database.engine, place.engine)
            run_dbos_migrations(database.engine, place.engine, use_listen_notify=True)
        finally:
            holder.execute(sa.select(sa.func.pg_advisory_unlock(lock)))


def _quieten() -> None:
    """Let the engine speak only of trouble, through our own logging."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)
    logger.propagate = True
    # A stop while work is being handed out leaves a coroutine that never ran; its workflow runs at the next start.
    warnings.filterwarnings("ignore", "coroutine 'execute_dequeued_workflow", RuntimeWarning)
