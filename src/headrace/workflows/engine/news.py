"""What an engine's processes tell each other: that there is something to do for a worker, and for its chores.

A chore that looks for what anybody may order at any time waits for news, and looks unasked rarely.
"""

import asyncio
from contextlib import suppress

import sqlalchemy as sa

from headrace.store.sql.database import Database, after_commit
from headrace.workflows.engine.bell import Bell, Ear, make_ear
from headrace.workflows.engine.lease import WorkerLease


class News:
    """Tells workers in any process, and hands on in a worker what its ear hears."""

    def __init__(self, database: Database, lease: WorkerLease) -> None:
        self._bell = Bell(database)
        self._database = database
        self._lease = lease
        self._listeners: list[Listener] = []
        self._ear: Ear | None = None

    def ring_after(self, connection: sa.Connection) -> None:
        """Have workers told, once a transaction is committed, that it leaves them something to do."""
        after_commit(connection, self._bell.ring)

    def listen(self) -> "Listener":
        """Begin to listen, on the event loop of whoever calls this."""
        listener = Listener()
        self._listeners.append(listener)
        return listener

    def find_ear(self) -> Ear:
        """Return what a worker of this process hears with, whenever it works."""
        if self._ear is None:
            self._ear = _SharedEar(make_ear(self._database, self._lease), self._listeners)
        return self._ear

    def close(self) -> None:
        """Tell of what is left to tell."""
        self._bell.close()


class Listener:
    """Waits on an event loop for what is told from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()

    def tell(self) -> None:
        if not self._told.is_set():
            # A loop that was closed meanwhile has nobody on it any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._told.set)

    def forget(self) -> None:
        """Begin to look: what is told from now on is news."""
        self._told.clear()

    async def wait(self, seconds: float) -> None:
        """Wait until something was told since it was forgotten, or for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()


class _SharedEar:
    """An ear that has others told of what it hears."""

    def __init__(self, ear: Ear, listeners: list[Listener]) -> None:
        self._ear = ear
        self._listeners = listeners
        self.ring, self.close = ear.ring, ear.close

    def wait(self, seconds: float) -> bool:
        has_news = self._ear.wait(seconds)
        if has_news:
            for listener in self._listeners:
                listener.tell()
        return has_news
