"""The ASGI application: routes, the headers that every answer carries, and health."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).with_name("static")

# No script and no style from anywhere but our own stylesheet; nobody may frame the board.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

IsReady = Callable[[], Awaitable[bool]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_app(routes: Sequence[BaseRoute], *, is_ready: IsReady, lifespan: Lifespan) -> Starlette:
    """Return the application. `/health` says that the process lives, `/ready` that it can do its work."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        if await is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "the database does not answer"}, status_code=503)

    return Starlette(
        routes=[
            *routes,
            Route("/health", health),
            Route("/ready", ready),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(_SecurityHeaders)],
        lifespan=lifespan,
    )


class _SecurityHeaders:
    """Adds the headers to every answer; static files may be cached, what is about a person may not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_static = scope["path"].startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if is_static:
                    headers["Cache-Control"] = "max-age=3600"
            await send(message)

        await self._app(scope, receive, send_with_headers)
