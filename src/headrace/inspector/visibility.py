"""Who may see what: a person sees a resource only if Heroku says that they have access to its app.

A person arrives by SSO for one resource, or the partner's own programs name both. Every other resource is shown only
after its app's collaborators have been read within the last minutes, and its own token has said that it is there. What
may not be seen is not counted or hinted at, nor waited for: a look answers with what Heroku's last answers had the
person in, confirmed anew where they are old; whatever else the person may see by now is asked about in the background.
Where Heroku does not confirm what its last answers had, it is not shown, and it is said that not all is.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zlib import crc32

import sqlalchemy as sa

from headrace.clock import Clock
from headrace.inspector.board import PlacedResource
from headrace.inspector.inspector import ACCESS_GOOD_FOR, Inspector
from headrace.logs import LogName
from headrace.models import Ref, read_stage
from headrace.store.reports.board import (
    BoardRow,
    Candidate,
    Recent,
    list_board_rows,
    list_candidates,
    list_unknown_apps,
)
from headrace.store.sql.database import Database
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.store.state.people.access import doubt_access, list_freshly_checked_apps

# A login and an answer within so long of it are of one moment: Heroku says both.
SAME_MOMENT = timedelta(minutes=1)

log = logging.getLogger(__name__)

# Heroku's router gives a request up after 30 seconds. What has not been answered by now is shown at a later look.
ANSWERS_WITHIN_SECONDS = 20.0
# What an answer tells may have to be asked about in turn: an add-on that is on another app than was thought.
MOST_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A person, and the resource that they look from.

    `is_proven` tells whether it is certain who they are: Heroku's signature covers it, or the partner vouches for it.
    `let_in_at` is when Heroku itself let them in to the resource, by a login of its own; None where it did not.
    """

    resource_uuid: str
    user_id: str
    email: str
    is_proven: bool
    let_in_at: datetime | None = None

    @cached_property
    def people(self) -> tuple[str, ...]:
        """The keys under which access is stored for this person; none when it is not certain who they are."""
        if not self.is_proven:
            return ()
        by_id = (f"id:{self.user_id}",) if self.user_id else ()
        return (*by_id, f"email:{self.email}") if self.email else by_id

    @cached_property
    def digest(self) -> int:
        """What sets apart in time what is done for many of them, each now and then."""
        return crc32(f"{self.user_id} {self.email} {self.resource_uuid}".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a person sees. `is_whole` tells whether Heroku confirmed all that its last answers had them in."""

    resources: list[PlacedResource]
    is_whole: bool


class Visibility:
    """Answers which resources a person may see, asking Heroku where the last answer is too old.

    A look waits for Heroku's answers as many seconds as `answers_within` says.
    """

    def __init__(
        self,
        database: Database,
        inspector: Inspector,
        *,
        clock: Clock,
        answers_within: float = ANSWERS_WITHIN_SECONDS,
    ) -> None:
        self._database = database
        self._inspector = inspector
        self._clock = clock
        self._answers_within = answers_within
        # By app, the asking that will tell who may see it.
        self._asking: dict[str, asyncio.Task[None]] = {}
        # By resource, the reading that will tell which app it is on.
        self._reading: dict[str, asyncio.Task[None]] = {}
        # By who looks from where, the asking about what they are not known to see: nobody waits for it.
        self._exploring: dict[Viewer, asyncio.Task[None]] = {}

    async def find_seen(self, viewer: Viewer) -> Seen | None:
        """Return what this person may see, or None when they have no access to the resource they look from.

        Whoever Heroku let in to that resource sees it, unless its last answer about the app's people is of a later
        moment and said no; nobody sees anything else on less than a recent answer.
        """
        sight = await self._look_and_ask(viewer)
        if sight.is_unexplained:
            await self._read_whole({viewer.resource_uuid})
            sight = await self._look_and_ask(viewer)
        if sight.rows is None:
            return None
        self._explore(viewer)
        return Seen(resources=list_placed(sight.rows), is_whole=sight.is_whole)

    async def _look_and_ask(self, viewer: Viewer) -> "_Sight":
        until = asyncio.get_running_loop().time() + self._answers_within
        sight = await self._database.watch(self._look, viewer)
        if sight.outdated is not None and sight.outdated.answered_at is not None:
            # From when it was given: no change was told of since their login.
            await self._database.write(doubt_access, sight.outdated.row.app_id, now=sight.outdated.answered_at)
        for _ in range(MOST_ROUNDS):
            if not sight.is_wanting:
                break
            within = max(until - asyncio.get_running_loop().time(), 0)
            await self._ask(sight.stale, within=within)
            # Those that were read moments ago, and could not be, are left alone.
            await self._read_whole(await self._inspector.claim(sight.unsure), within=within)
            before, sight = sight, await self._database.watch(self._look, viewer)
            if (before.stale, before.unsure) == (sight.stale, sight.unsure):
                break
        return sight

    async def _read_whole(self, uuids: Collection[str], *, within: float | None = None) -> None:
        """Find out anew which apps add-ons are on: once for all who wait for it, and not waiting for ever."""
        for uuid in set(uuids) - self._reading.keys():
            self._reading[uuid] = asyncio.create_task(self._read_one(uuid))
        await _wait({self._reading[uuid] for uuid in uuids}, within=self._answers_within if within is None else within)

    async def _read_one(self, uuid: str) -> None:
        try:
            await self._inspector.inspect_all([uuid])
        finally:
            del self._reading[uuid]

    async def _ask(self, stale: dict[str, str], *, within: float) -> None:
        """Ask Heroku who may see these apps, and wait, but not for ever: a very large board has thousands of them.

        The asking goes on meanwhile, and whoever looks before it is done waits for the same one.
        """
        new = {app_id: uuid for app_id, uuid in stale.items() if app_id not in self._asking}
        if new:
            task = asyncio.create_task(self._refresh(new))
            self._asking |= dict.fromkeys(new, task)
        await _wait({self._asking[app_id] for app_id in stale}, within=within)

    async def _refresh(self, apps: dict[str, str]) -> None:
        try:
            await self._inspector.refresh_access(apps)
        finally:
            for app_id in apps:
                del self._asking[app_id]

    def _explore(self, viewer: Viewer) -> None:
        """Ask about apps of the same pipeline where this person may have become known: a later look shows them.

        How many of them there are is nobody's to know, so nobody waits for it.
        """
        if viewer.people and viewer not in self._exploring:
            task = self._exploring[viewer] = asyncio.create_task(self._ask_about_unknown(viewer))
            task.add_done_callback(lambda _: self._exploring.pop(viewer))

    async def _ask_about_unknown(self, viewer: Viewer) -> None:
        uuid, people, recent = viewer.resource_uuid, viewer.people, self._find_recent()
        try:
            apps = await self._database.read(list_unknown_apps, uuid, people=people, recent=recent)
            await self._inspector.refresh_access(apps)
        # The last is of a service that is stopping. Nobody waits for it, and the next look asks again.
        except (*DATABASE_ERRORS, RuntimeError) as error:
            log.warning(LogName.ACCESS_FAILED, extra={"resource": uuid, "error": type(error).__name__})

    def _find_recent(self) -> Recent:
        now = self._clock()
        return Recent(after=now - ACCESS_GOOD_FOR, now=now)

    def _look(self, connection: sa.Connection, viewer: Viewer) -> "_Sight":
        """Read at once, by one query, all that a look needs: open boards look all the time."""
        uuid, people = viewer.resource_uuid, viewer.people
        found = list_candidates(connection, uuid, people=people, recent=self._find_recent()) if people else []
        opened = next((each for each in found if each.row.uuid == uuid), None)
        if opened is None:
            # Who they are is not certain, or nobody knows yet which app it is on.
            rows = list_board_rows(connection, [uuid])
            return _Sight(rows=rows if rows and viewer.let_in_at else None)
        return _see(viewer, opened, found)

    async def is_told(self, resource_uuid: str) -> bool:
        """Whether Heroku's last answer about who may see a resource's app is recent enough to be believed."""
        rows = await self._database.read(list_board_rows, [resource_uuid])
        apps = [row.app_id for row in rows if row.app_id]
        recent = self._find_recent()
        fresh = await self._database.read(list_freshly_checked_apps, apps, after=recent.after, now=recent.now)
        return bool(fresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """What a person may see by what is stored; `stale` are the apps to ask Heroku about, by a resource on each.

    `unsure` are resources on apps that this person may see, whose own tokens have not said lately that they are there.
    `outdated` is what they look from if Heroku let them in after the answer that does not name them. `is_unexplained`
    tells that Heroku let them in and the people of the app do not include them: the add-on may be on another by now.
    `is_whole` tells that nothing is left to ask of what still has a token to ask with.
    """

    rows: list[BoardRow] | None
    stale: dict[str, str] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    outdated: Candidate | None = None
    is_unexplained: bool = False
    is_whole: bool = True

    @property
    def is_wanting(self) -> bool:
        return bool(self.stale or self.unsure)


def _see(viewer: Viewer, opened: Candidate, found: Iterable[Candidate]) -> _Sight:
    """Return what a person may see of what was found, and what is to be asked for that."""
    # One resource's token speaks for its app: one that still has a token, if there is any.
    candidates = sorted(found, key=lambda each: each.has_token)
    by_app = {each.row.app_id: each.row.uuid for each in candidates}
    own, is_outdated = opened.row.app_id, opened.is_answered and is_let_in_since(viewer, opened)
    answered = {each.row.app_id for each in candidates if each.is_answered} - ({own} if is_outdated else set())
    granted = {each.row.app_id for each in candidates if each.is_answered and each.is_known}
    is_kept = own not in granted and is_kept_in(viewer, opened)
    is_in = is_kept or own in granted
    # Whoever looks from one stays in while it cannot be asked where it is.
    shown = [each for each in candidates if each.row.app_id in granted or (is_kept and each is opened)]
    certain = [each.row for each in shown if each is opened or _is_certain(each)]
    # What has no token left tells nothing for good, and is no reason to wait for Heroku.
    is_untold = any(each.has_token and each.row.app_id not in answered for each in candidates)
    return _Sight(
        rows=certain if is_in else None,
        # The one they look from first: without it they see nothing.
        stale={each: by_app[each] for each in sorted(by_app, key=lambda each: each != own) if each not in answered},
        unsure=frozenset(each.row.uuid for each in shown if not _is_certain(each)),
        outdated=opened if is_outdated else None,
        is_unexplained=own in answered and own not in granted and _may_have_moved(viewer, opened),
        is_whole=not is_untold and all(_is_certain(each) for each in shown),
    )


def _is_certain(candidate: Candidate) -> bool:
    """Whether a resource is where we think it is. One that has failed can tell nothing, and moves nowhere."""
    return candidate.is_there or not candidate.has_token


async def _wait(tasks: "Collection[asyncio.Task[Any]]", *, within: float) -> None:
    """Wait for tasks, but not for ever; what went wrong in those that are done is raised."""
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=within)
        for task in done:
            task.result()


def _may_have_moved(viewer: Viewer, opened: Candidate) -> bool:
    """Whether an add-on has not said since Heroku let somebody in, nor lately, which app it is on, and can be asked."""
    if viewer.let_in_at is None or not opened.has_token:
        return False
    return not opened.is_there or opened.read_at is None or opened.read_at < viewer.let_in_at


def is_kept_in(viewer: Viewer, opened: Candidate) -> bool:
    """Whether somebody sees what Heroku let them in to without a recent answer that names them.

    Its silence leaves in who was in by its last answer. Its letting in counts for as much as an answer about the app's
    people, and against one of the same moment; it counts against none of a later moment, nor against one that was
    asked for because something was told of the app's people since.
    """
    if viewer.let_in_at is None:
        return False
    if opened.is_known or opened.answered_at is None:
        return True
    is_of_a_change = opened.doubted_at is not None and viewer.let_in_at <= opened.doubted_at <= opened.answered_at
    return opened.answered_at < viewer.let_in_at + SAME_MOMENT and not is_of_a_change


def is_let_in_since(viewer: Viewer, opened: Candidate) -> bool:
    """Whether Heroku has let somebody in since its last answer, which did not name them."""
    if viewer.let_in_at is None or opened.is_known:
        return False
    return opened.answered_at is None or opened.answered_at < viewer.let_in_at


def list_placed(rows: Iterable[BoardRow]) -> list[PlacedResource]:
    """Return stored rows as the board's values."""
    return [_place(row) for row in rows]


def _place(row: BoardRow) -> PlacedResource:
    return PlacedResource(
        uuid=row.uuid,
        name=row.name,
        plan=row.plan,
        region=row.region,
        state=row.state,
        app=Ref(id=row.app_id, name=row.app_name or (None if row.app_id else row.name)),
        pipeline=Ref(id=row.pipeline_id, name=row.pipeline_name) if row.pipeline_id else None,
        stage=read_stage(row.stage) if row.stage else None,
        since=row.since,
        checked_at=row.checked_at,
        outcome=row.outcome,
        moved_from=read_stage(row.moved_from) if row.moved_from else None,
        moved_at=row.moved_at,
        next_check_at=row.next_check_at,
        has_failed=row.has_failed,
        message=row.message,
    )
