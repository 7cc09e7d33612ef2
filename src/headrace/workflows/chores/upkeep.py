"""Upkeep: finds what no workflow will bring to its end by itself, and brings it there."""

import logging
from datetime import timedelta
from time import monotonic

import sqlalchemy as sa

from headrace.inspector.freshness import find_longest_wait
from headrace.logs import LogName
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.store.state.config.changes import (
    ConfigChangeOutcome,
    find_waiting_config_change,
    settle_config_change,
)
from headrace.store.state.due import bring_back_to_now, list_ahead_of_time
from headrace.store.state.inspection_claims import forget_inspection_claims
from headrace.store.state.notices import NoticeKind, list_open_notices_of_kind, raise_notice, settle_notice
from headrace.store.state.people.access import CLOCKS_DIFFER_BY, bring_access_back_to_now, forget_people
from headrace.store.state.people.logins import forget_old_logins, has_old_logins
from headrace.store.state.people.share_links import forget_share_links
from headrace.store.state.resources import (
    ResourceRow,
    fail_resource,
    find_resource,
    forget_options,
    list_overdue,
    list_running,
    lock_resource,
    update_resource,
)
from headrace.store.state.secrets import name_config_change
from headrace.store.state.timeline import TimelineName, add_event, count_events
from headrace.workflows.engine.ids import build_id, read_purpose, read_subject
from headrace.workflows.engine.ledger import Status
from headrace.workflows.engine.run import WorkflowFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import hand_over

log = logging.getLogger(__name__)

BATCH = 100
ATTEMPTS_KEPT_FOR = timedelta(days=1)
# Much longer than any of them keeps somebody off.
CLAIMS_KEPT_FOR = timedelta(minutes=10)
PAGE = 500
CLEANING_PAUSE_SECONDS = 600.0
STRANDED_PAUSE_SECONDS = 60.0
# What a batch found stands beside the placements: its workflow tells nothing that is worth keeping.
SWEEPS_KEPT_FOR = timedelta(minutes=10)
# How often what is due is started again after workflows that ended with an error of their own.
RESTARTS = 3


class Upkeep:
    """Runs again and again, in the worker; every round does little, and any number of workers may do it."""

    def __init__(
        self,
        core: Core,
        *,
        keep_finished: timedelta,
        recheck_every: timedelta,
        provision_limit: timedelta = PROVISION_LIMIT,
        stranded_pause: float = STRANDED_PAUSE_SECONDS,
    ) -> None:
        self._core = core
        self._provision_limit = provision_limit
        self._stranded_pause = stranded_pause
        self._keep_finished = keep_finished
        self._longest_wait = find_longest_wait(recheck_every)
        self._read_up_to = ""
        self._next_cleaning = 0.0
        self._next_stranded = 0.0
        self._stranded: set[str] = set()

    async def run_once(self) -> None:
        await self._repair_ended()
        await self._expire_overdue()
        await self._forget_old_logins()
        if monotonic() >= self._next_stranded:
            self._next_stranded = monotonic() + self._stranded_pause
            await self._core.database.write(self._note_stranded)
            claimed_before = self._core.clock() - CLAIMS_KEPT_FOR
            await self._core.database.write(forget_inspection_claims, claimed_before=claimed_before)
        if monotonic() >= self._next_cleaning:
            self._next_cleaning = monotonic() + CLEANING_PAUSE_SECONDS
            await self._clean()
            await self._bring_back_to_now()
            await self._forget_people()

    async def _repair_ended(self) -> None:
        """Set resources free that wait for a workflow which has ended without handing over.

        A workflow ends so when it meets an error of its own rather than of a step: a bug of ours, or an engine's row
        that somebody deleted. What is due is started again, some times; then it is left to an operator.
        """
        for uuid in await self._core.database.read(self._list_ended):
            if await self._core.database.write(self._repair, uuid):
                log.error(LogName.WORKFLOW_REPAIRED, extra={"resource": uuid})

    async def _forget_old_logins(self) -> None:
        database, now = self._core.database, self._core.clock()
        attempts_before = now - ATTEMPTS_KEPT_FOR
        if await database.read(has_old_logins, now=now, attempts_before=attempts_before):
            await database.write(forget_old_logins, now=now, attempts_before=attempts_before)

    def _list_ended(self, connection: sa.Connection) -> list[str]:
        # A page at a time, and the next round goes on behind it: many may be running.
        running = list_running(connection, after=self._read_up_to, limit=PAGE)
        self._read_up_to = running[-1][0] if len(running) == PAGE else ""
        if not running:
            return []
        statuses = self._core.engine.find_statuses(connection, [workflow_id for _, workflow_id in running])
        return [uuid for uuid, workflow_id in running if not _goes_on(statuses.get(workflow_id))]

    def _repair(self, connection: sa.Connection, uuid: str) -> bool:
        row = lock_resource(connection, uuid)
        if row is None or row.running is None:
            return False
        if _goes_on(self._core.engine.find_statuses(connection, [row.running]).get(row.running)):
            return False
        now = self._core.clock()
        add_event(connection, uuid, TimelineName.WORKFLOW_FAILED, now=now, workflow=row.running)
        raise_notice(connection, uuid, NoticeKind.WORKFLOW_FAILED, now=now, workflow=row.running)
        if count_events(connection, uuid, TimelineName.WORKFLOW_FAILED) <= RESTARTS:
            hand_over(connection, self._core.engine, row)
        else:
            update_resource(connection, uuid, running=None)
            self._give_up_order(connection, row)
        return True

    def _give_up_order(self, connection: sa.Connection, row: ResourceRow) -> None:
        """What a partner ordered has failed, where that is what ended: else it would be begun again without end."""
        change = find_waiting_config_change(connection, row.uuid)
        if change is None or row.running is None or read_purpose(row.running) != WorkflowKind.CONFIG_CHANGE:
            return
        failure = {"step": "workflow", "reason": WorkflowFailed.__name__}
        outcome, now = ConfigChangeOutcome.FAILED, self._core.clock()
        settle_config_change(connection, row.uuid, change.number, outcome=outcome, now=now, failure=failure)
        self._core.secrets.delete(connection, row.uuid, name_config_change(change.number))

    async def _clean(self) -> None:
        """Delete the engine's rows of workflows that ended long ago; their story stays in the timeline."""
        now = self._core.clock()
        delete = self._core.engine.delete_finished
        for kind, before in ((WorkflowKind.SWEEP, now - SWEEPS_KEPT_FOR), (None, now - self._keep_finished)):
            while await self._core.database.write(delete, before=before, limit=PAGE, kind=kind) == PAGE:
                continue

    async def _bring_back_to_now(self) -> None:
        """Take times of the future for now: a clock that was ahead would keep placements unseen until they come."""
        database, now = self._core.database, self._core.clock()
        later = now + CLOCKS_DIFFER_BY
        due_after = later + self._longest_wait
        while uuids := await database.read(list_ahead_of_time, now=later, due_after=due_after, limit=PAGE):
            await database.write(bring_back_to_now, uuids, now=now)
        await database.write(bring_access_back_to_now, now=now)

    async def _forget_people(self) -> None:
        """Forget what is left of people: on apps left behind, in links that ended, and what older releases kept."""
        await self._core.database.write(forget_people)
        await self._core.database.write(forget_share_links, ended_before=self._core.clock() - CLOCKS_DIFFER_BY)
        while await self._core.database.write(forget_options, limit=PAGE) == PAGE:
            continue

    def _note_stranded(self, connection: sa.Connection) -> None:
        """Let an operator know of each resource that waits for a worker of another release, for as long as it does.

        Only what waits at two rounds: while one release follows another, each sees what the other is just doing.
        """
        now = self._core.clock()
        stranded = {row.workflow_id: row for row in self._core.engine.list_stranded(connection, limit=PAGE)}
        waiting, self._stranded = stranded.keys() & self._stranded, set(stranded)
        for workflow_id in sorted(waiting):
            uuid = read_subject(workflow_id)
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
        before = self._core.clock() - self._provision_limit
        for uuid in await self._core.database.read(list_overdue, created_before=before, limit=BATCH):
            if await self._core.database.write(self._expire, uuid):
                log.error(LogName.PROVISION_EXPIRED, extra={"resource": uuid})

    def _expire(self, connection: sa.Connection, uuid: str) -> bool:
        row = lock_resource(connection, uuid)
        if row is None or row.state is not State.PROVISIONING:
            return False
        now = self._core.clock()
        fail_resource(connection, uuid, message=None, now=now)
        add_event(connection, uuid, TimelineName.PROVISION_EXPIRED, now=now, running=row.running)
        raise_notice(connection, uuid, NoticeKind.PROVISION_EXPIRED, now=now, running=row.running)
        if not row.is_synchronous:
            kind = WorkflowKind.EXPIRE
            self._core.engine.enqueue(connection, kind, build_id(kind, uuid, which=row.workflow_count), uuid)
        return True


def _goes_on(status: Status | None) -> bool:
    return status in (Status.ENQUEUED, Status.RUNNING)
