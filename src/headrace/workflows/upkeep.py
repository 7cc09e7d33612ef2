"""Upkeep: finds what no workflow will bring to its end by itself, and brings it there."""

import logging
from datetime import timedelta

import sqlalchemy as sa

from headrace.client import Clock
from headrace.models import State
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.store.database import Database
from headrace.store.logins import forget_old_logins
from headrace.store.notices import raise_notice
from headrace.store.resources import add_event, fail_resource, list_overdue, lock_resource
from headrace.workflows.engine import Engine
from headrace.workflows.provisioning import EXPIRE

log = logging.getLogger(__name__)

BATCH = 100
ATTEMPTS_KEPT_FOR = timedelta(days=1)


class Upkeep:
    """Looks again and again, in the worker; every look does little, and any number of workers may look."""

    def __init__(
        self, database: Database, engine: Engine, *, clock: Clock, provision_limit: timedelta = PROVISION_LIMIT
    ) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._provision_limit = provision_limit

    async def look(self) -> None:
        await self._expire_overdue()
        now = self._clock()
        await self._database.write(forget_old_logins, now=now, attempts_before=now - ATTEMPTS_KEPT_FOR)

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
        raise_notice(connection, uuid, "provision.expired", now=now, running=row.running)
        if not row.is_synchronous:
            self._engine.enqueue(connection, EXPIRE, f"{EXPIRE}:{uuid}:{row.workflow_count}", uuid)
        return True
