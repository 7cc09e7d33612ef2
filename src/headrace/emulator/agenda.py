"""What the emulated Heroku does by itself when its clock gets there: end a provision, repeat a delivery."""

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from headrace.emulator.clock import Clock


@dataclass(order=True, slots=True)
class _Entry:
    at: datetime
    number: int
    action: Callable[[], None] = field(compare=False)


class Agenda:
    """Actions and the moments at which they are due, by the emulator's clock, in order."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._entries: list[_Entry] = []
        self._numbers = count()
        self._changed = asyncio.Event()
        clock.listeners.append(self._changed.set)

    def add(self, at: datetime, action: Callable[[], None]) -> None:
        """Plan an action, which asks for itself whether there is still a reason for it."""
        heapq.heappush(self._entries, _Entry(at, next(self._numbers), action))
        self._changed.set()

    def clear(self) -> None:
        self._entries.clear()

    def run_due(self) -> None:
        """Do everything whose moment has come; called before anything is looked at."""
        while self._entries and self._entries[0].at <= self.clock.now():
            heapq.heappop(self._entries).action()

    async def run(self) -> None:
        """Do what is due as it becomes due, until cancelled."""
        while True:
            self._changed.clear()
            self.run_due()
            wait = self.clock.real_time_until(self._entries[0].at) if self._entries else None
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait is None else wait.total_seconds()):
                    await self._changed.wait()
