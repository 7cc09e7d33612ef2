"""Answers compressed where that saves something: of what is small, nearly every answer, nothing is looked at twice."""

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# An answer below this fits a packet as it is.
SMALL = 1000
LEVEL = 6
NO_BODY = (204, 304)


class Compression:
    """Hands what is not small to Starlette's compression, and everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        responder: IdentityResponder | None = None

        async def send_on(message: Message) -> None:
            nonlocal responder
            if message["type"] == "http.response.start" and not _is_small(message):
                responder = self._choose(scope)
                responder.send = send
            await (responder.send_with_compression if responder else send)(message)

        await self._app(scope, receive, send_on)

    def _choose(self, scope: Scope) -> IdentityResponder:
        if "gzip" in Headers(scope=scope).get("Accept-Encoding", ""):
            return GZipResponder(self._app, SMALL, compresslevel=LEVEL)
        return IdentityResponder(self._app, SMALL)


def _is_small(start: Message) -> bool:
    if start["status"] in NO_BODY:
        return True
    length = next((value for name, value in start.get("headers", ()) if name == b"content-length"), None)
    return length is not None and int(length) < SMALL
