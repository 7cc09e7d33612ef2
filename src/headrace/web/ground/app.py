"""The ASGI application: routes, the headers that every answer carries, and health."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal, NotRequired, TypedDict

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.models import Secret
from headrace.store.sql.outage import DATABASE_ERRORS, OutageLog
from headrace.web.ground.addresses import cut, find_prefix
from headrace.web.ground.compression import Compression
from headrace.web.ground.directory import Directory
from headrace.web.ground.mounting import Application, Lifespan
from headrace.web.ground.openapi import DescribedRoute, Operation, build_openapi, show_json
from headrace.web.ground.origin import is_secure
from headrace.web.ground.sessions import find_cookie_prefix

# No script and no style from anywhere but our own files; nobody may frame the board.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
        "form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not no-referrer: with it a browser says `Origin: null` of our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

# Only where the browser is on https; the partner's other hosts are not ours to decide about.
STRICT_TRANSPORT = {"Strict-Transport-Security": "max-age=31536000"}
# What comes after a body that was not read to its end is not a request.
UNREAD = (408, 413)


class Alive(TypedDict):
    """What a living process says."""

    status: Literal["alive"]


class Ready(TypedDict):
    """Whether this process can do its work, what keeps it from that, and what else is wrong with the service."""

    status: Literal["ready", "not ready"]
    problems: NotRequired[list[str]]
    warnings: NotRequired[list[str]]


HEALTH = Operation(id="health", summary="Tell that the process lives.", replies={200: show_json("It does.", Alive)})
READY = Operation(
    id="ready",
    summary="Tell whether the process can do its work.",
    replies={200: show_json("It can.", Ready), 503: show_json("It cannot for the moment.", Ready)},
)
DESCRIBE = Operation(
    id="describe", summary="Return this description.", replies={200: show_json("OpenAPI 3.1.", dict[str, Any])}
)

# What keeps a process from doing its work, and what else is wrong with the service.
FindReadiness = Callable[[], Awaitable[tuple[list[str], list[str]]]]


def build_app(
    routes: Sequence[BaseRoute],
    *,
    service_name: str,
    find_readiness: FindReadiness,
    outages: OutageLog,
    lifespan: Lifespan,
    prefix: str = "",
    secrets: Sequence[Secret] = (),
) -> Application:
    """Return the application; `prefix` is where it is on its host, `secrets` what no log may hold.

    `/health` says that the process lives, `/ready` that it can do its work, and `/openapi.json` what there is.
    """
    own = _OwnRoutes(routes, service_name=service_name, find_readiness=find_readiness)
    all_routes = [*routes, *own.routes()]

    async def show_http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        if status == 405:
            headers = {"Allow": ", ".join(sorted(_list_methods(all_routes, request)))}
        return _show_error(request, status, service_name=service_name, headers=headers)

    async def show_outage(request: Request, error: Exception) -> Response:
        outages.note(error, method=request.method)
        return _show_error(request, 503, service_name=service_name, headers=None)

    return Application(
        [Directory(all_routes), *all_routes, Mount("/static", StaticFiles(packages=[("headrace", "static")]))],
        prefix=prefix,
        secrets=secrets,
        middleware=[Middleware(_SecurityHeaders), Middleware(Compression)],
        exception_handlers={
            HTTPException: show_http_error,
            Exception: show_http_error,
            **dict.fromkeys(DATABASE_ERRORS, show_outage),
        },
        lifespan=lifespan,
    )


class _OwnRoutes:
    """The routes of every service: what its process can do, and what there is."""

    def __init__(self, others: Sequence[BaseRoute], *, service_name: str, find_readiness: FindReadiness) -> None:
        self._others = others
        self._service_name = service_name
        self._find_readiness = find_readiness
        self._descriptions: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[DescribedRoute]:
        return [
            DescribedRoute("/health", self.show_health, "GET", HEALTH),
            DescribedRoute("/ready", self.show_readiness, "GET", READY),
            DescribedRoute("/openapi.json", self.describe, "GET", DESCRIBE),
        ]

    async def show_health(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def show_readiness(self, _request: Request) -> Response:
        problems, warnings = await self._find_readiness()
        told = {"warnings": warnings} if warnings else {}
        if problems:
            return JSONResponse({"status": "not ready", "problems": problems, **told}, status_code=503)
        return JSONResponse({"status": "ready", **told})

    async def describe(self, request: Request) -> Response:
        cookie_prefix = find_cookie_prefix(request)
        if cookie_prefix not in self._descriptions:
            self._descriptions[cookie_prefix] = build_openapi(
                [*self._others, *self.routes()],
                title=self._service_name,
                version=version("headrace"),
                cookie_prefix=cookie_prefix,
                server=find_prefix(request) or "/",
            )
        return JSONResponse(self._descriptions[cookie_prefix])


def _list_methods(routes: Iterable[BaseRoute], request: Request) -> set[str]:
    """The methods that an address takes: each has a route of its own."""
    here = (route for route in routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in here for method in route.methods or ()}


_MESSAGES = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    500: "Something went wrong on our side. It has been noted.",
    503: "This cannot be done at the moment. Please try again in a minute.",
}


def _show_error(request: Request, status: int, *, service_name: str, headers: Mapping[str, str] | None) -> Response:
    """Answer as the caller would read it: a page for a browser, JSON for everyone else."""
    message = _MESSAGES.get(status, HTTPStatus(status).phrase)
    # An unexpected error is answered outside the middleware, so the headers are set here too.
    all_headers = {**_find_headers(request), **(headers or {})}
    if "text/html" in request.headers.get("accept", ""):
        # A worker that answers its health checks shows no page.
        from headrace.web.ground.pages import MessageContext, show_message

        context = MessageContext(
            title=HTTPStatus(status).phrase, text=message, service_name=service_name, status=status
        )
        return show_message(context, headers=all_headers)
    return JSONResponse({"message": message}, status_code=status, headers=all_headers)


def _find_headers(request: HTTPConnection) -> Mapping[str, str]:
    return SECURITY_HEADERS | STRICT_TRANSPORT if is_secure(request) else SECURITY_HEADERS


def _write_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


# By whether the browser is on https.
_WRITTEN = {False: _write_headers(SECURITY_HEADERS), True: _write_headers(SECURITY_HEADERS | STRICT_TRANSPORT)}


class _SecurityHeaders:
    """Adds the headers to every answer; static files may be cached, what is about a person may not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = _WRITTEN[is_secure(HTTPConnection(scope))]
        caching = _find_caching(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name for name, _ in given}
                message["headers"] = [*given, *(each for each in found if each[0] not in names)]
                if message["status"] in UNREAD:
                    MutableHeaders(scope=message)["Connection"] = "close"
                if caching:
                    MutableHeaders(scope=message)["Cache-Control"] = caching
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _find_caching(scope: Scope) -> str:
    """How long a browser may keep a file of ours: for good under an address that changes with what it holds."""
    if not cut(scope["path"], scope.get("root_path", "")).startswith("/static/"):
        return ""
    return "max-age=31536000, immutable" if scope["query_string"].startswith(b"v=") else "max-age=3600"
