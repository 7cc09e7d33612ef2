"""Upkeep: finds what no workflow will bring to its end by itself, and brings it there."""

import logging
from datetime import timedelta
from time import monotonic

import sqlalchemy as sa

from headrace.client import Clock
from headrace.models import State
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.store.database import Database
from headrace.store.logins import forget_old_logins
from headrace.store.notices import NoticeKind, list_open_notices_of_kind, raise_notice, settle_notice
from headrace.store.resources import (
    add_event,
    count_events,
    fail_resource,
    find_resource,
    list_overdue,
    list_running,
    lock_resource,
    update_resource,
)
from headrace.workflows.calls import hand_over
from headrace.workflows.engine import Engine
from headrace.workflows.ledger import Status
from headrace.workflows.provisioning import EXPIRE
from headrace.workflows.sweep import SWEEP

log = logging.getLogger(__name__)

BATCH = 100
ATTEMPTS_KEPT_FOR = timedelta(days=1)
PAGE = 500
CLEANING_PAUSE_SECONDS = 600.0
STRANDED_PAUSE_SECONDS = 60.0
# What a look found stands beside the placements: its workflow tells nothing that is worth keeping.
SWEEPS_KEPT_FOR = timedelta(minutes=10)
# How often what is due is started again after workflows that ended with an error of their own.
RESTARTS = 3


class Upkeep:
    """Looks again and again, in the worker; every look does little, and any number of workers may look."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        *,
        clock: Clock,
        keep_finished: timedelta,
        provision_limit: timedelta = PROVISION_LIMIT,
    ) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._provision_limit = provision_limit
        self._keep_finished = keep_finished
        self._looked_up_to = ""
        self._next_cleaning = 0.0
        self._next_stranded = 0.0
        self._stranded: set[str] = set()

    async def look(self) -> None:
        await self._repair_ended()
        await self._expire_overdue()
        now = self._clock()
        await self._database.write(forget_old_logins, now=now, attempts_before=now - ATTEMPTS_KEPT_FOR)
        if monotonic() >= self._next_stranded:
            self._next_stranded = monotonic() + STRANDED_PAUSE_SECONDS
            await self._database.write(self._note_stranded)
        if monotonic() >= self._next_cleaning:
            self._next_cleaning = monotonic() + CLEANING_PAUSE_SECONDS
            await self._clean()

    async def _repair_ended(self) -> None:
        """Set resources free that wait for a workflow which has ended without handing over.

        A workflow ends so when it meets an error of its own rather than of a step: a bug of ours, or an engine's row
        that somebody deleted. What is due is started again, some times; then it is left to an operator.
        """
        for uuid in await self._database.read(self._list_ended):
            if await self._database.write(self._repair, uuid):
                log.error("workflow.repaired", extra={"resource": uuid})

    def _list_ended(self, connection: sa.Connection) -> list[str]:
        # A page at a time, and the next look goes on behind it: many may be running.
        running = list_running(connection, after=self._looked_up_to, limit=PAGE)
        self._looked_up_to = running[-1].uuid if len(running) == PAGE else ""
        statuses = self._engine.find_statuses(connection, [row.running for row in running if row.running])
        return [row.uuid for row in running if row.running and not _goes_on(statuses.get(row.running))]

    def _repair(self, connection: sa.Connection, uuid: str) -> bool:
        row = lock_resource(connection, uuid)
        if row is None or row.running is None:
            return False
        if _goes_on(self._engine.find_statuses(connection, [row.running]).get(row.running)):
            return False
        now = self._clock()
        add_event(connection, uuid, "workflow.failed", now=now, workflow=row.running)
        raise_notice(connection, uuid, NoticeKind.WORKFLOW_FAILED, now=now, workflow=row.running)
        if count_events(connection, uuid, "workflow.failed") <= RESTARTS:
            hand_over(connection, self._engine, row)
        else:
            update_resource(connection, uuid, running=None)
        return True

    async def _clean(self) -> None:
        """Delete the engine's rows of workflows that ended long ago; their story stays in the timeline."""
        now = self._clock()
        delete = self._engine.delete_finished
        for kind, before in ((SWEEP, now - SWEEPS_KEPT_FOR), (None, now - self._keep_finished)):
            while await self._database.write(delete, before=before, limit=PAGE, kind=kind) == PAGE:
                continue

    def _note_stranded(self, connection: sa.Connection) -> None:
        """Let an operator know of each resource that waits for a worker of another release, for as long as it does.

        Only what waits at two looks: while one release follows another, each sees what the other is just doing.
        """
        now = self._clock()
        stranded = {row.workflow_id: row for row in self._engine.list_stranded(connection, limit=PAGE)}
        waiting, self._stranded = stranded.keys() & self._stranded, set(stranded)
        for workflow_id in sorted(waiting):
            uuid = _find_uuid(workflow_id)
            if find_resource(connection, uuid) is not None:
                detail = {"workflow": workflow_id, "version": stranded[workflow_id].version}
                raise_notice(connection, uuid, NoticeKind.WORKFLOW_STRANDED, now=now, **detail)
        if len(stranded) < PAGE:
            for old in list_open_notices_of_kind(connection, NoticeKind.WORKFLOW_STRANDED):
                if old.detail["workflow"] not in stranded:
                    settle_notice(connection, old.id, by="worker", now=now)

    async def _expire_overdue(self) -> None:
        """End provisions that have passed their limit, before Heroku does: it is told, and so is an operator.

        Heroku fails an add-on that is not marked within 12 hours (contract §3), and tells nobody.
        """
        before = self._clock() - self._provision_limit
        for uuid in await self._database.read(list_overdue, created_before=before, limit=BATCH):
            if await self._database.write(self._expire, uuid):
                log.error("provision.expired", extra={"resource": uuid})

    def _expire(self, connection: sa.Connection, uuid: str) -> bool:
        row = lock_resource(connection, uuid)
        if row is None or row.state is not State.PROVISIONING:
            return False
        now = self._clock()
        fail_resource(connection, uuid, message=None, now=now)
        add_event(connection, uuid, "provision.expired", now=now, running=row.running)
        raise_notice(connection, uuid, NoticeKind.PROVISION_EXPIRED, now=now, running=row.running)
        if not row.is_synchronous:
            self._engine.enqueue(connection, EXPIRE, f"{EXPIRE}:{uuid}:{row.workflow_count}", uuid)
        return True


def _goes_on(status: Status | None) -> bool:
    return status in (Status.ENQUEUED, Status.RUNNING)


def _find_uuid(workflow_id: str) -> str:
    """Return what stands second in a workflow's id: the resource that it is about, but for a sweep's."""
    return workflow_id.partition(":")[2].partition(":")[0]
