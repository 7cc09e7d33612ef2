"""Open boards that look again: most find what they have, which one look at the store tells of many of them.

A look that names the version that it has waits for others, and is then told by a mark whether a whole look would find
what the last one found. The mark is read after the look has come: whoever has lost access is told so at the next look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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
class Glances:
    """Answers looks without a whole one where that would find nothing new; `boards` makes the whole ones."""

    boards: Boards
    _kept: dict[_Place, _Kept] = field(default_factory=dict)
    _waiting: dict[Asker, asyncio.Future[int | None]] = field(default_factory=dict)
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
            self._keep(place, _Kept(version=response.headers["ETag"], mark=mark))
        return response

    def _keep(self, place: _Place, kept: _Kept) -> None:
        self._kept.pop(place, None)
        self._kept[place] = kept
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _mark(self, viewer: Viewer, session: str, *, is_alone: bool) -> _Mark | None:
        """Return what tells whether a board is as it was: what is stored, what Heroku does, and the time."""
        asker = Asker(people=tuple(viewer.people), opened=viewer.resource_uuid, session=session)
        if is_alone:
            mark = (await self._load([asker])).get(asker)
        else:
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
        marks: Mapping[Asker, int] = {}
        try:
            marks = await self._load(list(asked))
        finally:
            for asker, found in asked.items():
                found.set_result(marks.get(asker))

    async def _load(self, askers: list[Asker]) -> Mapping[Asker, int]:
        """Return the marks; none while the database is away, which a whole look meets as well."""
        now = self.boards.clock()
        recent = Recent(after=now - ACCESS_GOOD_FOR, now=now)
        with suppress(*DATABASE_ERRORS):
            return await self.boards.database.watch(load_marks, askers, recent=recent, ask_every=ASKED_AGAIN_AFTER)
        return {}
