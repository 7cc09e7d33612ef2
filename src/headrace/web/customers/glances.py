"""Open boards that look again: most find what they have, which one look at the store tells of many of them.

A look that names the version that it has waits for others, and is then told by a mark whether a whole look would find
what the last one found. The mark is read after the look has come: whoever has lost access is told so at the next look.
Where time alone has made another version, whoever is first to be told that there is one is told so by the mark, too.
Whoever prefers to wait is answered once there is something to tell: a mark is read every few seconds meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.inspector.visibility import Viewer
from headrace.store.reports.board import Recent
from headrace.store.reports.board_marks import Asker, load_marks
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.telemetry.context import note
from headrace.web.customers.boards import Boards, build_etag, tell_briefly
from headrace.web.ground.bounded import Bounded
from headrace.web.ground.pauses import Patience
from headrace.web.ground.preferences import asks_briefly

# Nobody waits for the answer that nothing is new, nor notices that something is so much later.
GATHERED_WITHIN_SECONDS = 0.2
# How often is looked for whoever waits.
LOOKED_EVERY_SECONDS = 2.5
# While there is something to ask Heroku about, a whole look asks again.
ASKED_AGAIN_AFTER = timedelta(seconds=30)
# Some hundred bytes each.
MOST_KEPT = 20_000

_Mark = tuple[int, bool, int]
# Whose session, and the address that it looks at.
_Place = tuple[str, str, bytes]


class Respond(Protocol):
    """A whole look; `has_session` tells that the session was found not to have ended since the request came."""

    def __call__(self, request: Request, *, has_session: bool) -> Awaitable[Response]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A version, and what held before a whole look found it; an empty one has only been told of."""

    version: str
    mark: _Mark


@dataclass(slots=True, kw_only=True)
class _Gathering:
    """Those who look together, and the marks that were read for them."""

    askers: set[Asker] = field(default_factory=set)
    is_read: asyncio.Event = field(default_factory=asyncio.Event)
    marks: Mapping[Asker, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Glances:
    """Answers looks without a whole one where that would find nothing new; `boards` makes the whole ones."""

    boards: Boards
    _kept: Bounded[_Place, _Kept] = field(default_factory=lambda: Bounded(MOST_KEPT))
    _gathering: _Gathering | None = None
    _reading: asyncio.Task[None] | None = None

    async def answer(self, request: Request, viewer: Viewer, session: str, respond: Respond) -> Response:
        """Answer a look by somebody's session, given as its digest."""
        place = (session, request.scope["path"], request.scope["query_string"])
        has_session, told = False, None
        if request.method == "GET":
            brief, mark = await self._look(request, place, viewer)
            if brief:
                return brief
            has_session = mark is not None
        else:
            told = self._kept.get(place)
            mark = self._complete(told.mark[0], viewer) if told else None
        response = await respond(request, has_session=has_session)
        version = response.headers.get("ETag", "")
        # The mark was read before: what has come in between makes another one. Of one that was read for another version
        # it is not known whether it belongs to this one.
        if mark and version and (told is None or told.version in {"", version}):
            self._kept.keep(place, _Kept(version=version, mark=mark))
        return response

    async def _look(self, request: Request, place: _Place, viewer: Viewer) -> tuple[Response | None, _Mark | None]:
        """Return the answer that needs no whole look, once whoever prefers to wait is to have one, and the mark."""
        version, patience = request.headers.get("If-None-Match", ""), Patience(request)
        # Whoever opens a board does not wait for others.
        mark = await self._mark(viewer, place[0], is_alone=not version)
        brief = self._answer_briefly(request, place, version, mark)
        while brief and brief.status_code == 304 and await patience.pause(LOOKED_EVERY_SECONDS):
            note(waited_ms=round(patience.waited_seconds * 1000))
            mark = await self._mark(viewer, place[0], is_alone=False)
            brief = self._answer_briefly(request, place, version, mark)
        return brief, mark

    def _answer_briefly(self, request: Request, place: _Place, version: str, mark: _Mark | None) -> Response | None:
        """Return the answer that needs no whole look, or None; a version that is told of is asked for by a POST."""
        kept = self._kept.get(place)
        if mark is None or not version or kept is None or kept.version != version:
            return None
        if kept.mark == mark:
            return Response(status_code=304, headers=build_etag(version.strip('"')))
        if kept.mark[:-1] == mark[:-1] and asks_briefly(request):
            self._kept.keep(place, _Kept(version="", mark=mark))
            return tell_briefly()
        return None

    async def _mark(self, viewer: Viewer, session: str, *, is_alone: bool) -> _Mark | None:
        """Return what tells whether a board is as it was: what is stored, what Heroku does, and the time."""
        asker = Asker(people=viewer.people, opened=viewer.resource_uuid, session=session)
        marks = await (self._load({asker}) if is_alone else self._read_together(asker))
        stored = marks.get(asker)
        return None if stored is None else self._complete(stored, viewer)

    def _complete(self, stored: int, viewer: Viewer) -> _Mark:
        return stored, self.boards.find_silence() is not None, self.boards.find_period(viewer)

    async def _read_together(self, asker: Asker) -> Mapping[Asker, int]:
        gathering = self._gathering
        if gathering is None:
            gathering = self._gathering = _Gathering()
            self._reading = asyncio.create_task(self._read(gathering))
        gathering.askers.add(asker)
        await gathering.is_read.wait()
        return gathering.marks

    async def _read(self, gathering: _Gathering) -> None:
        await asyncio.sleep(GATHERED_WITHIN_SECONDS)
        # Who comes from here on is of the next.
        self._gathering = None
        try:
            gathering.marks = await self._load(gathering.askers)
        finally:
            gathering.is_read.set()

    async def _load(self, askers: Collection[Asker]) -> Mapping[Asker, int]:
        """Return the marks; none while the database is away, which a whole look meets as well."""
        now = self.boards.clock()
        recent = Recent(after=now - ACCESS_GOOD_FOR, now=now)
        with suppress(*DATABASE_ERRORS):
            return await self.boards.database.watch(load_marks, askers, recent=recent, ask_every=ASKED_AGAIN_AFTER)
        return {}
