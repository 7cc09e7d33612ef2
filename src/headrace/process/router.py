"""Heroku's router, which stands before each dyno, and what it says of who asks."""

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from headrace.process.dyno import ROUTERS

ROUTER = ("10.0.0.1", 0)
FORWARDED = b"x-forwarded-for"


class BehindRouter:
    """Reads anew who the client is: only the router reaches a dyno, whatever the server in front of this made of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._reading = ProxyHeadersMiddleware(app, trusted_hosts=ROUTERS)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name == FORWARDED for name, _ in scope["headers"]):
            await self._reading({**scope, "client": ROUTER}, receive, send)  # type: ignore[arg-type]
        else:
            await self._app(scope, receive, send)
