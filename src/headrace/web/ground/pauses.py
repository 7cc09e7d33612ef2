"""Requests that wait until there is something to tell: how long each does, and how many do at one server.

A server that stops ends their pauses. One of which that is not known, because it is a host's, has nobody wait.
"""

import asyncio
from contextlib import suppress

from starlette.requests import Request

from headrace.web.ground.preferences import read_wait

# Where a request has the pauses of its server.
PAUSES = "headrace.pauses"
# Heroku's router gives up after 30 seconds without an answer.
LONGEST_WAIT_SECONDS = 25.0


class Pauses:
    """The pauses of one server, so many at a time at the most; whoever comes then does not wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pauses: set[asyncio.Future[None]] = set()
        self._is_over = False

    async def pause(self, seconds: float) -> bool:
        """Let some time pass; return whether one may go on waiting."""
        if self._is_over or len(self._pauses) >= self._most:
            return False
        loop = asyncio.get_running_loop()
        pause = loop.create_future()
        timer = loop.call_later(seconds, _end, pause)
        self._pauses.add(pause)
        try:
            await pause
        finally:
            self._pauses.discard(pause)
            timer.cancel()
        return not self._is_over

    def end(self) -> None:
        """Let nobody wait any more."""
        self._is_over = True
        for pause in self._pauses:
            _end(pause)


def _end(pause: "asyncio.Future[None]") -> None:
    # Who waited may have been stopped meanwhile.
    with suppress(asyncio.InvalidStateError):
        pause.set_result(None)


class Patience:
    """How long a request goes on waiting: as long as its sender prefers, and its server lets it."""

    def __init__(self, request: Request) -> None:
        self._pauses: Pauses | None = request.scope.get(PAUSES)
        self._now = asyncio.get_running_loop().time
        self._began_at = self._now()
        self._lasts = min(read_wait(request), LONGEST_WAIT_SECONDS)

    @property
    def waited_seconds(self) -> float:
        return self._now() - self._began_at

    async def pause(self, seconds: float) -> bool:
        """Let some time pass, or what is left; return whether to look once more, as at the end of it as well."""
        left = self._lasts - self.waited_seconds
        if self._pauses is None or left <= 0:
            return False
        return await self._pauses.pause(min(seconds, left))
