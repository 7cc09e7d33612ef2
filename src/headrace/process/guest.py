"""A web server that is a guest in a program's event loop, and not a process of its own."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

# How many turns of the event loop it takes to close a connection that nobody uses, generously.
TURNS = 5


class GuestServer(uvicorn.Server):
    """A server that leaves signals to its program and stops as soon as it is told to, by `end`.

    uvicorn looks ten times a second whether it is to stop, and then lets a tenth of a second pass for the connections:
    nothing to a process, and most of what a test of a server takes.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        """Have it stop: what is asked already is answered first."""
        self.should_exit = True
        self._told.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        ticking = asyncio.create_task(super().main_loop())
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait([ticking, told], return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            ticking.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop at once where nothing is being answered, and else as uvicorn does."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for each in sockets or []:
            each.close()
        await self.lifespan.shutdown()
