"""Open boards that look again: most find what they have, which one look at the store tells of many of them.

A look that names the version that it has waits for others, and is then told by a mark whether a whole look would find
what the last one found. The mark is read after the look has come: whoever has lost access is told so at the next look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response

from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.inspector.visibility import Viewer
from headrace.store.reports.board import Recent
from headrace.store.reports.board_marks import Asker, load_marks
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.web.customers.boards import Boards, build_etag

# Nobody waits for the answer that nothing is new, nor notices that something is so much later.
GATHERED_WITHIN_SECONDS = 0.2
# What time alone makes of a board shows by then, and what it shows is looked up again.
WHOLE_LOOK_EVERY = timedelta(minutes=1)
# Some hundred bytes each.
MOST_KEPT = 20_000

_Mark = tuple[int, bool, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A version, and what held when a whole look found it."""

    version: str
    mark: _Mark
    until: float


@dataclass(slots=True, kw_only=True)
class Glances:
    """Answers looks without a whole one where that would find nothing new; `boards` makes the whole ones."""

    boards: Boards
    _kept: dict[tuple[str, str], _Kept] = field(default_factory=dict)
    _waiting: dict[Asker, asyncio.Future[int | None]] = field(default_factory=dict)
    _reading: asyncio.Task[None] | None = None

    async def answer(
        self, request: Request, viewer: Viewer, session: str, respond: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Answer a look by somebody's session, given as its digest."""
        version = request.headers.get("If-None-Match", "")
        if not version:
            return await respond(request)
        mark = await self._mark(viewer, session)
        place = (session, f"{request.url.path}?{request.url.query}")
        kept = self._kept.get(place)
        if kept and mark and (kept.version, kept.mark) == (version, mark) and monotonic() < kept.until:
            return Response(status_code=304, headers=build_etag(version.strip('"')))
        response = await respond(request)
        # What has just been found to be as it was is so by this mark, which was read before that.
        if mark and response.status_code == 304:
            self._keep(place, _Kept(version=version, mark=mark, until=monotonic() + WHOLE_LOOK_EVERY.total_seconds()))
        return response

    def _keep(self, place: tuple[str, str], kept: _Kept) -> None:
        self._kept.pop(place, None)
        self._kept[place] = kept
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _mark(self, viewer: Viewer, session: str) -> _Mark | None:
        """Return what tells whether a board is as it was: what is stored, what Heroku does, and the time."""
        asker = Asker(people=tuple(viewer.people), opened=viewer.resource_uuid, session=session)
        if not self._waiting:
            self._reading = asyncio.create_task(self._read())
        if asker not in self._waiting:
            self._waiting[asker] = asyncio.get_running_loop().create_future()
        mark = await asyncio.shield(self._waiting[asker])
        return None if mark is None else (mark, self.boards.find_silence() is not None, self.boards.find_period(viewer))

    async def _read(self) -> None:
        await asyncio.sleep(GATHERED_WITHIN_SECONDS)
        # Who comes from here on is of the next.
        asked, self._waiting = self._waiting, {}
        now = self.boards.clock()
        recent = Recent(after=now - ACCESS_GOOD_FOR, now=now)
        marks: Mapping[Asker, int] = {}
        try:
            # Where there is no mark a whole look is made, which meets the outage.
            with suppress(*DATABASE_ERRORS):
                marks = await self.boards.database.watch(load_marks, list(asked), recent=recent)
        finally:
            for asker, found in asked.items():
                found.set_result(marks.get(asker))
