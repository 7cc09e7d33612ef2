"""DBOS, which stands behind the engine. Only a worker imports this: it is a fifth of its memory.

Nothing else in headrace names DBOS.
"""

import asyncio
import logging
import threading
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig
from dbos._dbos import _get_dbos_instance
from dbos._serialization import DBOSPortableJSONSerializer

from headrace.store.database import Database

SERIALIZER = DBOSPortableJSONSerializer()
POLL_SECONDS = 0.1
# The engine's queries are short, and more threads than these keep the web of the same process from its turn.
EXECUTOR_THREADS = 2

# Runs a workflow, of this id, about a resource's uuid, with its argument.
Function = Callable[[str, str, Any], Awaitable[None]]


class DbosRuntime:
    """Runs workflows in this process, from the launch on."""

    def __init__(self, database: Database, *, application: str, version: str, worker: str) -> None:
        _quieten()
        self._application = application
        self._engine = database.engine
        config: DBOSConfig = {
            "name": application,
            "system_database_engine": database.engine,
            "system_database_url": database.engine.url.render_as_string(hide_password=False),
            "application_version": version,
            "executor_id": worker,
            "serializer": SERIALIZER,
            "notification_listener_polling_interval_sec": POLL_SECONDS,
            "max_executor_threads": EXECUTOR_THREADS,
            "enable_otlp": False,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        self._client = DBOSClient(
            system_database_engine=database.engine, serializer=SERIALIZER, application_name=application, lazy=True
        )

    def announce(self, kind: str, function: Function) -> None:
        """Say what runs the workflows of a kind, before the launch."""

        async def run_workflow(uuid: str, argument: Any) -> None:
            await function(str(DBOS.workflow_id), uuid, argument)

        # A workflow that is recovered over and over still holds a customer's resource: never dropped.
        DBOS.workflow(name=kind, max_recovery_attempts=None)(run_workflow)

    def launch(self, queues: Mapping[str, int]) -> None:
        """Recover what this worker left unfinished, and take from queues, from each so many at a time."""
        # Registered before the launch, because the engine looks for new queues only once a second.
        for queue, count in queues.items():
            self._client.register_queue(queue, worker_concurrency=count, polling_interval_sec=POLL_SECONDS)
        DBOS.listen_queues([*queues])
        DBOS.launch()

    async def run_step(self, name: str, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run a step of the workflow that calls this, and record its value; one that is recorded does not run again."""
        return await DBOS.run_step_async({"name": name}, function)

    async def pause(self, seconds: float) -> None:
        """Let the workflow that calls this wait; after a restart it waits for the rest."""
        await DBOS.sleep_async(seconds)

    def shut_down(self) -> None:
        # The engine complains of what it can no longer hand out; the next start takes all of it up.
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        DBOS.destroy(destroy_registry=True)
        self._client.destroy()

    def list_active(self) -> list[str]:
        """Return the ids of the workflows that run here."""
        return list(_get_dbos_instance()._active_workflows_set.activeList())  # noqa: SLF001

    def count_active(self, queue: str) -> int:
        return _get_dbos_instance()._active_workflows_set.count_for_queue(queue)  # noqa: SLF001

    def find_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop on which workflows run, and the hooks that are coroutine functions."""
        return _get_dbos_instance()._background_event_loop.target_loop()  # noqa: SLF001

    @property
    def takes_work(self) -> bool:
        """Whether the thread that watches over the pollers of queues is alive."""
        return any(thread.is_alive() for thread in _list_queue_threads())


def create_tables(database: Database) -> None:
    """Create or upgrade the engine's own tables."""
    _quieten()
    DBOS.migrate(database.engine.url.render_as_string(hide_password=False))


def _list_queue_threads() -> list[threading.Thread]:
    """Python names a thread after what it runs."""
    threads = _get_dbos_instance()._background_threads  # noqa: SLF001
    return [thread for thread in threads if "queue_thread" in thread.name]


def _quieten() -> None:
    """Let the engine speak only of trouble, through our own logging."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)
    logger.propagate = True
    # A stop while work is being handed out leaves a coroutine that never ran; its workflow runs at the next start.
    warnings.filterwarnings("ignore", "coroutine 'execute_dequeued_workflow", RuntimeWarning)
