"""Serving an ASGI app on a socket in the running event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from headrace.process.guest import GuestServer


def build_url(host: str, bound: socket.socket) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{bound.getsockname()[1]}"


@asynccontextmanager
async def listening(config: uvicorn.Config, bound: socket.socket) -> AsyncIterator[None]:
    """Serve until the block ends."""
    server = GuestServer(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await _wait_until_started(server, serving)
        yield
    finally:
        server.end()
        await serving


async def _wait_until_started(server: GuestServer, serving: "asyncio.Task[None]") -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise OSError("The server could not start.")
        await asyncio.sleep(0.01)
