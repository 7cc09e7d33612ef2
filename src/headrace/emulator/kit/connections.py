"""The open connections of a server, so that one can be ended in the middle of a conversation."""

import asyncio

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connections:
    """The transports of a server by the address of the client, as an ASGI scope tells it."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    async def end(self, scope: Scope, receive: Receive) -> None:
        """End a request's connection once what has been written is sent.

        Raises:
            ConnectionResetError: there is no connection: the client calls the app in its own process.

        """
        transport = self._transports.get(tuple(scope["client"] or ()))
        if transport is None:
            raise ConnectionResetError("The emulator dropped this request on purpose.")
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol class that a server has to use to be known here."""
        transports = self._transports

        class Protocol(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self.peer = transport.get_extra_info("peername")[:2]
                transports[self.peer] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                del transports[self.peer]
                super().connection_lost(exc)

        return Protocol
