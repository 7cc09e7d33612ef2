"""Keeping placements current: asking Heroku where apps are and who may see them, and storing the answers."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.clock import Clock
from headrace.errors import Forbidden, NotFound, UnknownResource
from headrace.inspector.concurrency import gather_bounded
from headrace.inspector.failures import log_failure
from headrace.inspector.freshness import decide_next_inspection, decide_next_try
from headrace.logs import LogName
from headrace.models import Inspection, Ref, Token
from headrace.protocol.pipelines import Access, find_access, inspect, name_as_known
from headrace.store.sql.database import Database
from headrace.store.sql.outage import is_outage
from headrace.store.state.due import make_due
from headrace.store.state.inspection_claims import claim_inspections
from headrace.store.state.notices import note_refusal
from headrace.store.state.people.access import list_freshly_checked_apps, save_access, save_accesses
from headrace.store.state.placements import (
    Found,
    OnMove,
    PlacementRow,
    describe_inspected,
    find_current_placements,
    find_inspection,
    save_failed_inspection,
    save_found,
)
from headrace.store.state.resources import ResourceRow, find_resource

# How long an answer about who may see an app is good for: a removed collaborator is out after that.
ACCESS_GOOD_FOR = timedelta(minutes=5)
# How soon it is asked again about an app that Heroku did not answer about: open boards look every few seconds.
ACCESS_HELD_OFF = timedelta(seconds=30)
# What somebody has had inspected is not again for so long, and nobody has anything inspected more often.
ASKED_AGAIN_AFTER = timedelta(seconds=10)
# How many resources are inspected at the same time.
IN_FLIGHT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessAnswer:
    """What Heroku answered to the question, asked at a moment, who may see an app."""

    app_id: str
    access: Access
    asked_at: datetime

    def save(self, connection: sa.Connection) -> None:
        save_access(connection, self.app_id, self.access, now=self.asked_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found out about a resource; `access` is None where nobody asked or was told who may see its app."""

    inspection: Inspection
    access: AccessAnswer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How many resources Heroku was asked about, and about how many it answered."""

    asked: int
    answered: int


class Inspector:
    """Asks Heroku about resources and records what it says.

    `on_move` is called, in the transaction that records a move, with the resource's uuid and both placements.
    """

    def __init__(
        self, database: Database, client: HerokuClient, *, clock: Clock, recheck_every: timedelta, on_move: OnMove
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._on_move = on_move
        self.recheck_every = recheck_every
        # By app, when Heroku last did not answer this process who may see it.
        self._unanswered_at: dict[str, datetime] = {}

    async def inspect(self, uuid: str) -> Inspection:
        """Ask Heroku for a resource's placement and store it.

        Raises:
            UnknownResource: there is no such resource.
            PlatformError: Heroku did not answer; what was known stays, and the failure is noted beside it. So it is
                whatever else goes wrong with the answer.
        """
        row = await self._database.read(find_resource, uuid)
        if row is None:
            raise UnknownResource(uuid)
        async with self._noting_failure(uuid):
            inspection = await self._ask(row)
            await self._database.write(self.record, Findings(inspection=inspection))
        return inspection

    async def find_out(self, row: ResourceRow, *, token: Token | None) -> Findings:
        """Ask Heroku where a resource is and who may see its app, and return what is to be recorded of it.

        `token` is the resource's, from a caller who has read it already. That who may see it is not told is no failure.

        Raises:
            PlatformError: Heroku did not answer; the failure is noted as by `inspect`.
        """
        async with self._noting_failure(row.uuid):
            inspection, access = await self._ask(row, token=token), None
            app_id = inspection.app.id
            async with self._bearing_silence(app_id, row.uuid):
                access = await self._ask_access(app_id, row.uuid, token=token)
            return Findings(inspection=inspection, access=access)

    def record(self, connection: sa.Connection, findings: Findings) -> None:
        """Record what was found out about a resource, and who may see its app, if that was asked."""
        self.record_all(connection, [findings])

    def record_all(self, connection: sa.Connection, findings: Sequence[Findings]) -> None:
        """Do the same for many resources, in as many statements as for one."""
        known = find_current_placements(connection, [each.inspection.addon.id for each in findings])
        found = [self._describe(each.inspection, known.get(each.inspection.addon.id)) for each in findings]
        for moved in save_found(connection, found):
            self._on_move(connection, moved.uuid, moved.old, moved.new)
        answers = sorted((each.access for each in findings if each.access), key=lambda answer: answer.asked_at)
        if answers:
            save_accesses(connection, {each.app_id: (each.access, each.asked_at) for each in answers})

    async def inspect_all(self, uuids: Iterable[str]) -> int:
        """Inspect many resources, some at a time; return how many Heroku answered about."""
        return sum(await gather_bounded(self._try_inspect, uuids, limit=IN_FLIGHT))

    async def inspect_for(self, person: str | None, uuids: Collection[str]) -> Asked:
        """Inspect what somebody asks for now, but for what was inspected moments ago: that answers for itself.

        `person` is under what name somebody may not ask again at once.
        """
        now = self._clock()
        if person is not None and not await self._claim({person}, now=now):
            return Asked(asked=0, answered=0)
        claimed = await self._claim(uuids, now=now)
        return Asked(asked=len(claimed), answered=await self.inspect_all(claimed))

    async def claim(self, uuids: Collection[str]) -> set[str]:
        """Claim resources to be inspected, but for those that somebody has had inspected moments ago."""
        return await self._claim(uuids, now=self._clock()) if uuids else set()

    async def _claim(self, subjects: Collection[str], *, now: datetime) -> set[str]:
        before = now - ASKED_AGAIN_AFTER
        return await self._database.write(claim_inspections, subjects, now=now, claimed_before=before)

    async def make_due(self, uuids: Collection[str]) -> None:
        """Make placements due that somebody is looking at: a worker asks Heroku again within moments."""
        await self._database.write(make_due, uuids, now=self._clock())

    async def refresh_access(self, apps: dict[str, str]) -> None:
        """Ask again who may see these apps, where the last answer is too old.

        `apps` names for each app's id a resource on it, whose token is used. An app about which Heroku does
        not answer keeps its old reading, which grants nothing once it is too old, and is left alone for a while.
        """
        if not apps:
            return
        now = self._clock()
        self._unanswered_at = {app: at for app, at in self._unanswered_at.items() if now - at < ACCESS_HELD_OFF}
        fresh = await self._database.read(list_freshly_checked_apps, apps.keys(), after=now - ACCESS_GOOD_FOR, now=now)
        left_alone = fresh | self._unanswered_at.keys()
        stale = {app_id: uuid for app_id, uuid in apps.items() if app_id not in left_alone}
        await gather_bounded(self._refresh_access, stale.items(), limit=IN_FLIGHT)

    async def _ask(self, row: ResourceRow, *, token: Token | None = None) -> Inspection:
        known_app = Ref(id=row.app_id, name=row.app_name) if row.app_id else None
        told = await self._client.drive(row.uuid, inspect(row.uuid, now=self._clock()), token=token)
        return replace(told, addon=name_as_known(told.addon, name=row.name, app=known_app))

    @asynccontextmanager
    async def _noting_failure(self, uuid: str) -> AsyncIterator[None]:
        """Note beside what is known of a resource's place why it could not be asked about."""
        try:
            yield
        except Exception as error:
            if not is_outage(error):
                await self._database.write(self._record_failure, uuid, type(error).__name__)
            raise

    async def _try_inspect(self, uuid: str) -> bool:
        try:
            await self.inspect(uuid)
        except Exception as error:
            # Whatever it is, it ends this resource's look and no other; a database that is away, all of them.
            if is_outage(error):
                raise
            log_failure(LogName.INSPECTION_FAILED, error, resource=uuid)
            return False
        return True

    async def _refresh_access(self, app: tuple[str, str]) -> None:
        app_id, uuid = app
        async with self._bearing_silence(app_id, uuid):
            answer = await self._ask_access(app_id, uuid)
            await self._database.write(answer.save)

    @asynccontextmanager
    async def _bearing_silence(self, app_id: str, uuid: str) -> AsyncIterator[None]:
        """Go on where Heroku does not tell who may see an app, and leave it alone for a while."""
        try:
            yield
        except Exception as error:
            if is_outage(error):
                raise
            # That it sees the app no longer may be because it is on another: then nobody was asked about this one.
            if isinstance(error, (Forbidden, NotFound)) and await self._has_left(uuid, app_id):
                return
            if not isinstance(error, NotFound):
                log_failure(LogName.ACCESS_FAILED, error, resource=uuid)
            self._unanswered_at[app_id] = self._clock()

    async def _ask_access(self, app_id: str, uuid: str, *, token: Token | None = None) -> AccessAnswer:
        # What happened while Heroku was answering may not be in the answer.
        asked_at = self._clock()
        found = await self._client.drive(uuid, find_access(app_id), token=token, may_use_kept=True)
        return AccessAnswer(app_id=app_id, access=found, asked_at=asked_at)

    async def _has_left(self, uuid: str, app_id: str) -> bool:
        if not await self._try_inspect(uuid):
            return False
        row = await self._database.read(find_resource, uuid)
        return row is not None and row.app_id != app_id

    def _describe(self, inspection: Inspection, known: PlacementRow | None) -> Found:
        now, place = inspection.looked_up_at, inspection.placement
        next_check_at = decide_next_inspection(
            now=now,
            changed_at=known.valid_from if known else now,
            every=self.recheck_every,
            name=place.pipeline.id if place else inspection.addon.id,
        )
        return describe_inspected(inspection, next_check_at=next_check_at)

    def _record_failure(self, connection: sa.Connection, uuid: str, error: str) -> None:
        now = self._clock()
        last = find_inspection(connection, uuid)
        answered_at = last.checked_at if last else None
        next_check_at = decide_next_try(now=now, answered_at=answered_at, every=self.recheck_every, name=uuid)
        note_refusal(connection, uuid, error, answered_at=answered_at, now=now)
        save_failed_inspection(connection, uuid, error=error, now=now, next_check_at=next_check_at)
