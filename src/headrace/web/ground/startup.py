"""A start that fails for what an operator can mend: told to any ASGI server in a line, not in a traceback."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.errors import HeadraceError

FAILED = "lifespan.startup.failed"


class PlainStart:
    """Tells the server our own errors' text; of any other error it gets the traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failures: list[Message] = []

        async def hold_failure(message: Message) -> None:
            if message["type"] == FAILED:
                failures.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold_failure)
        except HeadraceError as error:
            if not failures:
                raise
            await send({"type": FAILED, "message": str(error)})
        except BaseException:
            for message in failures:
                await send(message)
            raise
