"""Whether the provider is still there: a process that has ended is one finding, and no more are made of it."""

import asyncio
from urllib.parse import urlsplit

from headrace.checker.kit.seconds import read_seconds

PORTS = {"http": 80, "https": 443}
KNOCK_SECONDS = 0.1


class Presence:
    """Knows where the provider listens, and what was the last that it was asked."""

    def __init__(self, url: str, *, grace: float) -> None:
        """`grace` is how many seconds it may be away: some are started again when they have ended."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        self._grace = grace
        self._judged = ""
        self._asked: tuple[object, str] | None = None
        self.last_words = ""

    def begin(self, fact_id: str) -> None:
        """Note which fact is being judged."""
        self._judged = fact_id

    def note(self, request: object) -> None:
        """Note a request that the provider had; it is put in words once they are asked for, as it may be long."""
        self._asked = request, self._judged

    @property
    def last_asked(self) -> str:
        """The last request, and which fact it was for."""
        return "{}, for {}".format(*self._asked) if self._asked else "nothing yet"

    async def knock(self) -> None:
        """Find out whether anybody listens; who does not within the grace has ended."""
        deadline = read_seconds() + self._grace
        while not self.last_words and not await self._is_there():
            if read_seconds() > deadline:
                self.give_up("nobody listens there")
                return
            await asyncio.sleep(KNOCK_SECONDS)

    def give_up(self, problem: str) -> None:
        """Take a provider that has this problem, whatever it is asked, for one that has ended; none is no problem."""
        if problem and not self.last_words:
            self.last_words = f"{problem}, since {self.last_asked}"

    async def _is_there(self) -> bool:
        try:
            async with asyncio.timeout(self._grace):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            # Who is too busy to be reached has not ended.
            return True
        except OSError:
            return False
        writer.close()
        return True
