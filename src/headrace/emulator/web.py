"""The emulator as an ASGI app: one port for API, id host and login pages, and a record of every exchange."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.emulator.api import ENDPOINTS, answer_api
from headrace.emulator.errors import Declined
from headrace.emulator.faults import Fault
from headrace.emulator.heroku import Heroku
from headrace.emulator.identity import issue_token
from headrace.emulator.mishap import KINDS, answer_with_faults
from headrace.emulator.paths import PathTree
from headrace.emulator.sso import show_launch_page
from headrace.emulator.traffic import Exchange

Answerer = Callable[[Heroku, Request], Awaitable[Response]]


def build_app(heroku: Heroku) -> ASGIApp:
    """Return the ASGI app; while its lifespan lasts the emulated Heroku also acts by itself."""

    @asynccontextmanager
    async def lifespan(_app: ASGIApp) -> AsyncIterator[None]:
        running = asyncio.create_task(heroku.agenda.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await heroku.partner.close()

    paths = _build_paths()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await _serve(heroku, request, _find(paths, request))
        await response(scope, receive, send)

    return Router(default=answer, lifespan=lifespan)


def _build_paths() -> PathTree[Answerer]:
    paths: PathTree[Answerer] = PathTree()
    paths.add("POST", "/oauth/token", issue_token)
    paths.add("GET", "/sso/apps/{app}/addons/{addon}", show_launch_page)
    for endpoint in ENDPOINTS:
        paths.add(endpoint.method, endpoint.path, partial(answer_api, endpoint))
    return paths


def _find(paths: PathTree[Answerer], request: Request) -> Answerer:
    """Neither an unknown path nor an unknown method is told apart from a thing that is not there."""
    method = "GET" if request.method == "HEAD" else request.method
    found = paths.find(method, request.scope["raw_path"].decode("latin-1"))
    if found is None:
        return _find_nothing
    answerer, request.scope["path_params"] = found
    return answerer


async def _serve(heroku: Heroku, request: Request, answerer: Answerer) -> Response:
    at, began = heroku.clock.now(), time.perf_counter()
    heroku.agenda.run_due()
    faults = heroku.faults.draw("to Heroku", request.method, request.url.path, KINDS)
    try:
        response = await answer_with_faults(heroku, request, faults, partial(_answer, heroku, request, answerer))
    except Declined as declined:
        response = _render_declined(declined)
    _add_headers(heroku, request, response)
    heroku.traffic.record(
        Exchange(
            direction="to Heroku",
            method=request.method,
            path=request.url.path,
            status=_find_status(response, faults),
            at=at,
            ms=(time.perf_counter() - began) * 1000,
            fault=", ".join(str(fault) for fault in faults),
            raw_request=await request.body(),
            raw_response=bytes(response.body),
            raw_request_headers=request.scope["headers"],
            raw_response_headers=response.raw_headers,
        )
    )
    return response


async def _answer(heroku: Heroku, request: Request, answerer: Answerer) -> Response:
    try:
        return await answerer(heroku, request)
    except Declined as declined:
        return _render_declined(declined)


def _add_headers(heroku: Heroku, request: Request, response: Response) -> None:
    response.headers["Request-Id"] = str(uuid4())
    owner = getattr(request.state, "pool_owner", None)
    if getattr(request.state, "pool_is_empty", False):
        response.headers["RateLimit-Remaining"] = "0"
    elif owner is not None:
        response.headers["RateLimit-Remaining"] = str(heroku.rates.remaining(owner))


def _find_status(response: Response, faults: Sequence[Fault]) -> int | None:
    return None if any(fault.kind in {"drop", "truncate"} for fault in faults) else response.status_code


async def _find_nothing(_heroku: Heroku, request: Request) -> Response:
    raise Declined(404, "not_found", f"The emulator has no endpoint {request.method} {request.url.path}.")


def _render_declined(declined: Declined) -> Response:
    return Response(msgspec.json.encode(declined.to_body()), status_code=declined.status, media_type="application/json")
