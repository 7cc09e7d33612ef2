"""Sending a request once: aiohttp sends GET, PUT and DELETE again by itself when no answer comes.

Whoever counts what a partner was sent, or judges it by its answer, must not send twice.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


def send_once() -> "tuple[aiohttp.ClientMiddlewareType, ...]":
    """Return the middlewares for one request that is not sent again; that no answer came is its error."""
    # The emulator starts in half the time when this waits for the first call.
    import aiohttp

    sent: list[aiohttp.ClientRequest] = []

    async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if sent:
            raise aiohttp.ServerDisconnectedError
        sent.append(request)
        return await handler(request)

    return (once,)
