"""Who is told of notices: it takes whatever is sent, and keeps it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """What was sent to an address, each message as often as it came."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.messages.append(await request.json())
        return web.Response(status=204)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Be there while the block lasts."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/notices", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        receiver.url = f"http://{host}:{port}/notices"
        yield receiver
    finally:
        await runner.cleanup()
