"""The open connections of a server, so that one can be ended in the middle of a conversation."""

import asyncio
from typing import Any

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
                transports[self.peer] = joining = JoiningTransport(transport)
                super().connection_made(joining)

            def connection_lost(self, exc: Exception | None) -> None:
                del transports[self.peer]
                super().connection_lost(exc)

        return Protocol


class JoiningTransport(asyncio.Transport):
    """A transport that sends in one piece what is written in one turn of the event loop.

    The web server writes the head of an answer and then its body: two calls of the system, which take longer than all
    that is done for most answers.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self._send)
        self._held += data

    def close(self) -> None:
        self._send()
        self._transport.close()

    def abort(self) -> None:
        self._held = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
