"""Open boards that look again: most find what they have, which one look at the store tells of many of them.

A look that names the version that it has waits for others, and is then told by a mark whether a whole look would find
what the last one found. The mark is read after the look has come: whoever has lost access is told so at the next look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.inspector.visibility import Viewer
from headrace.store.reports.board import Recent
from headrace.store.reports.board_marks import Asker, load_marks
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.web.customers.boards import Boards, build_etag
from headrace.web.ground.bounded import Bounded

# Nobody waits for the answer that nothing is new, nor notices that something is so much later.
GATHERED_WITHIN_SECONDS = 0.2
# While there is something to ask Heroku about, a whole look asks again.
ASKED_AGAIN_AFTER = timedelta(seconds=30)
# Some hundred bytes each.
MOST_KEPT = 20_000

_Mark = tuple[int, bool, int]
# Whose session, and the address that it looks at.
_Place = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A version, and what held before a whole look found it."""

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

    async def answer(
        self, request: Request, viewer: Viewer, session: str, respond: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Answer a look by somebody's session, given as its digest."""
        if request.method != "GET":
            return await respond(request)
        version = request.headers.get("If-None-Match", "")
        # Whoever opens a board does not wait for others.
        mark = await self._mark(viewer, session, is_alone=not version)
        place = (session, request.scope["path"], request.scope["query_string"])
        if mark and version and self._kept.get(place) == _Kept(version=version, mark=mark):
            return Response(status_code=304, headers=build_etag(version.strip('"')))
        response = await respond(request)
        # The mark was read before: what has come in between makes another one.
        if mark and "ETag" in response.headers:
            self._kept.keep(place, _Kept(version=response.headers["ETag"], mark=mark))
        return response

    async def _mark(self, viewer: Viewer, session: str, *, is_alone: bool) -> _Mark | None:
        """Return what tells whether a board is as it was: what is stored, what Heroku does, and the time."""
        asker = Asker(people=tuple(viewer.people), opened=viewer.resource_uuid, session=session)
        marks = await (self._load({asker}) if is_alone else self._read_together(asker))
        mark = marks.get(asker)
        return None if mark is None else (mark, self.boards.find_silence() is not None, self.boards.find_period(viewer))

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
