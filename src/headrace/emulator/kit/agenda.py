"""What the emulated Heroku does by itself when its clock gets there: end a provision, repeat a delivery."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from headrace.emulator.kit.clock import Clock


@dataclass(order=True, slots=True)
class _Entry:
    at: datetime
    number: int
    action: Callable[[], None] = field(compare=False)


class Agenda:
    """Actions and the moments at which they are due, by the emulator's clock, in order; and the work they started."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._entries: list[_Entry] = []
        self._numbers = count()
        self._changed = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        clock.listeners.append(self._changed.set)

    def add(self, at: datetime, action: Callable[[], None]) -> None:
        """Plan an action, which asks for itself whether there is still a reason for it."""
        heapq.heappush(self._entries, _Entry(at, next(self._numbers), action))
        self._changed.set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let an action's work go on beside everything else."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def clear(self) -> None:
        """Forget what was planned, and end the work that is under way."""
        self._entries.clear()
        for task in self._under_way:
            task.cancel()

    def run_due(self) -> None:
        """Do everything whose moment has come; called before anything is looked at."""
        while self._entries and self._entries[0].at <= self.clock.now():
            heapq.heappop(self._entries).action()

    async def settle(self) -> None:
        """Do what is due until nothing is, and wait for the work of it."""
        self.run_due()
        while self._under_way:
            await asyncio.wait(self._under_way)
            self.run_due()

    async def close(self) -> None:
        """End everything, and wait until it has ended."""
        self.clear()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def run(self) -> None:
        """Do what is due as it becomes due, until cancelled."""
        while True:
            self._changed.clear()
            self.run_due()
            wait = self.clock.real_time_until(self._entries[0].at) if self._entries else None
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait is None else wait.total_seconds()):
                    await self._changed.wait()
