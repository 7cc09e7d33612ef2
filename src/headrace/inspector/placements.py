"""Keeping placements current: asking Heroku where apps are and who may see them, and storing the answers."""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.client import Clock, HerokuClient
from headrace.errors import HeadraceError, NotFound, UnknownResource
from headrace.inspector.freshness import decide_next_look, decide_next_try
from headrace.inspector.turns import ask_each
from headrace.models import Inspection
from headrace.protocol.pipelines import find_access
from headrace.store.database import Database
from headrace.store.looks import want_looks
from headrace.store.placements import (
    OnMove,
    find_check,
    find_current_placement,
    list_freshly_checked_apps,
    save_access,
    save_failed_check,
    save_inspection,
)
from headrace.store.resources import find_resource

log = logging.getLogger(__name__)

# How long an answer about who may see an app is good for: a removed collaborator is out after that.
ACCESS_GOOD_FOR = timedelta(minutes=5)
# How soon it is asked again about an app that Heroku did not answer about: open boards look every few seconds.
ACCESS_HELD_OFF = timedelta(seconds=30)
# How many resources are looked at at the same time.
IN_FLIGHT = 16


class Inspector:
    """Asks Heroku about resources and records what it says.

    `on_move` is called, in the transaction that records a move, with the resource's uuid and both placements.
    """

    def __init__(self, database: Database, client: HerokuClient, *, clock: Clock, recheck_every: timedelta) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self.on_move: OnMove = lambda _connection, _uuid, _old, _new: None
        self.recheck_every = recheck_every
        # By app, when Heroku last did not answer this process who may see it.
        self._unanswered_at: dict[str, datetime] = {}

    async def inspect(self, uuid: str) -> Inspection:
        """Look a resource's placement up and store it.

        Raises:
            UnknownResource: there is no such resource.
            PlatformError: Heroku did not answer; what was known stays, and the failure is noted beside it.
        """
        if await self._database.read(find_resource, uuid) is None:
            raise UnknownResource(uuid)
        try:
            inspection = await self._client.inspect(uuid)
        except HeadraceError as error:
            await self._database.write(self._record_failure, uuid, type(error).__name__)
            raise
        await self._database.write(self._record, inspection)
        return inspection

    async def inspect_all(self, uuids: Iterable[str]) -> int:
        """Look many placements up, some at a time; return how many Heroku answered about."""
        return sum(await ask_each(self._try_inspect, uuids, at_a_time=IN_FLIGHT))

    async def renew(self, uuids: Collection[str]) -> None:
        """Make placements due that somebody is looking at: a worker asks Heroku again within moments."""
        await self._database.write(want_looks, uuids, now=self._clock())

    async def refresh_access(self, apps: dict[str, str]) -> None:
        """Ask again who may see these apps, where the last answer is too old.

        `apps` names for each app's id a resource on it, whose token is used. An app about which Heroku does
        not answer keeps its old reading, which grants nothing once it is too old, and is left alone for a while.
        """
        now = self._clock()
        self._unanswered_at = {app: at for app, at in self._unanswered_at.items() if now - at < ACCESS_HELD_OFF}
        fresh = await self._database.read(list_freshly_checked_apps, apps.keys(), after=now - ACCESS_GOOD_FOR)
        left_alone = fresh | self._unanswered_at.keys()
        stale = {app_id: uuid for app_id, uuid in apps.items() if app_id not in left_alone}
        await ask_each(self._try_access, stale.items(), at_a_time=IN_FLIGHT)

    async def _try_inspect(self, uuid: str) -> bool:
        try:
            await self.inspect(uuid)
        except HeadraceError as error:
            log.warning("inspection.failed", extra={"resource": uuid, "error": str(error)})
            return False
        return True

    async def _try_access(self, app: tuple[str, str]) -> bool:
        app_id, uuid = app
        try:
            found = await self._client.drive(uuid, find_access(app_id))
        except HeadraceError as error:
            if not isinstance(error, NotFound):
                log.warning("access.failed", extra={"resource": uuid, "error": str(error)})
            self._unanswered_at[app_id] = self._clock()
            return False
        await self._database.write(save_access, app_id, found, now=self._clock())
        return True

    def _record(self, connection: sa.Connection, inspection: Inspection) -> None:
        now, place = inspection.looked_up_at, inspection.placement
        uuid = inspection.addon.id
        known = find_current_placement(connection, uuid)
        next_check_at = decide_next_look(
            now=now,
            changed_at=known.valid_from if known else now,
            every=self.recheck_every,
            name=place.pipeline.id if place else uuid,
        )
        moved = save_inspection(connection, inspection, next_check_at=next_check_at)
        if moved is not None and moved.old is not None:
            self.on_move(connection, moved.uuid, moved.old, moved.new)

    def _record_failure(self, connection: sa.Connection, uuid: str, error: str) -> None:
        now = self._clock()
        check = find_check(connection, uuid)
        next_check_at = decide_next_try(
            now=now, answered_at=check.checked_at if check else None, every=self.recheck_every, name=uuid
        )
        save_failed_check(connection, uuid, error=error, now=now, next_check_at=next_check_at)
