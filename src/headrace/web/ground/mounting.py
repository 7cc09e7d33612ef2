"""A service's application, alone on its host or mounted in another: it answers where it is, and once it runs."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from headrace.logs import LogName
from headrace.models import Secret
from headrace.web.ground.access_log import Watch, quote_path
from headrace.web.ground.addresses import find_inside
from headrace.web.ground.startup import PlainStart

log = logging.getLogger(__name__)

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]

NOT_STARTED = (
    "This add-on service has not been started: what it acknowledged, nobody would do. Whoever serves it has to run its "
    "lifespan. Where it is mounted in another application as `addon`, give that one `lifespan=addon.running`, or say "
    "in the lifespan that it has:\n\n    async with addon.running():\n        yield\n"
)
ELSEWHERE = 'This add-on service is mounted at {root} and was not told so. Say `service.asgi(prefix="{root}")`.\n'


class Application(Starlette):
    """The application of a service, which its server starts by ASGI's lifespan, or whoever mounts it by `running`.

    Many a host mounts an application without running its lifespan: until that runs, everything is answered 503, so
    that nothing is acknowledged which nobody would work on.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        *,
        prefix: str,
        secrets: Sequence[Secret],
        middleware: Sequence[Middleware],
        exception_handlers: Mapping[Any, Any],
        lifespan: Lifespan,
    ) -> None:
        self._prefix = prefix
        self._secrets = tuple(quote_path(secret.reveal()) for secret in secrets if secret.reveal())
        self._live = lifespan
        self._is_running = False
        self._told: set[str] = set()
        super().__init__(
            routes=routes, middleware=middleware, exception_handlers=exception_handlers, lifespan=self._run
        )
        # A redirect would be built from the Host header that the sender chose.
        self.router.redirect_slashes = False

    @asynccontextmanager
    async def running(self, _host: object = None) -> AsyncIterator[None]:
        """Run until the block ends: the lifespan of an application that this one is mounted in, or a part of it.

        Raises:
            HeadraceError: it cannot be started; the text says what to do.
        """
        async with self.router.lifespan_context(self):
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await PlainStart(super().__call__)(scope, receive, send)
            return
        with Watch(scope, send, secrets=self._secrets) as sending:
            await self._answer(scope, receive, sending)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside = find_inside(scope, self._prefix)
        if inside is None:
            await self._refuse(ELSEWHERE.format(root=scope["root_path"].rstrip("/")))(scope, receive, send)
        elif not self._is_running:
            await self._refuse(NOT_STARTED)(scope, receive, send)
        else:
            here = {**scope, "root_path": self._prefix, "path": self._prefix + inside}
            await super().__call__(here, receive, send)

    def _refuse(self, problem: str) -> PlainTextResponse:
        """Answer everybody, and say it once in the log: it is whoever set this up who has to read it."""
        if problem not in self._told:
            self._told.add(problem)
            log.error(LogName.SERVICE_NOT_SERVED, extra={"problem": " ".join(problem.split())})
        return PlainTextResponse(problem, status_code=503, headers={"Cache-Control": "no-store"})

    @asynccontextmanager
    async def _run(self, app: Starlette) -> AsyncIterator[None]:
        async with self._live(app):
            self._is_running = True
            try:
                yield
            finally:
                self._is_running = False
