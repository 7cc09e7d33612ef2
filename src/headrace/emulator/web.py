"""The emulator as an ASGI app: one port for API, id host and login pages, and a record of every exchange."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.emulator.addons_host import ADDONS_HOST, show_grant
from headrace.emulator.api import ENDPOINTS, answer_api
from headrace.emulator.errors import Declined
from headrace.emulator.faults import Fault
from headrace.emulator.headers import add_headers, answer_preflight, find_method
from headrace.emulator.heroku import Heroku
from headrace.emulator.identity import create_token, issue_token
from headrace.emulator.logs import take_log
from headrace.emulator.mishap import KINDS, answer_with_faults
from headrace.emulator.paths import PathTree
from headrace.emulator.remarks import Remarks, remarks_on
from headrace.emulator.sso import show_launch_page
from headrace.emulator.traffic import Exchange, mask_path

Answerer = Callable[[Heroku, Request], Awaitable[Response]]
# What is not Heroku's: the control API and the console.
LOCAL_PREFIX = "/__emulator__"


def build_app(heroku: Heroku, answer_local: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Return the ASGI app; while its lifespan lasts the emulated Heroku also acts by itself.

    What is under `LOCAL_PREFIX` is left to `answer_local`: no fault hits it, and it is no traffic.
    """

    @asynccontextmanager
    async def lifespan(_app: ASGIApp) -> AsyncIterator[None]:
        running = asyncio.create_task(heroku.agenda.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await heroku.agenda.close()
            await heroku.partner.close()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope["remarks"] = Remarks()
        request = Request(scope, receive)
        if f"{scope['path']}/".startswith(f"{LOCAL_PREFIX}/"):
            response = await answer_local(request)
        else:
            response = await _serve(heroku, request, _find(request))
        await response(scope, receive, send)

    return Router(default=answer, lifespan=lifespan, redirect_slashes=False)


def _build_paths() -> PathTree[Answerer]:
    paths: PathTree[Answerer] = PathTree()
    paths.add("POST", "/oauth/token", issue_token)
    paths.add("POST", "/oauth/tokens", create_token)
    paths.add("GET", "/vendor/resources/{addon}/oauth-grant", show_grant)
    paths.add("POST", "/logs/{addon}", take_log)
    paths.add("GET", "/sso/apps/{app}/addons/{addon}", show_launch_page)
    for method, path, answerer in ADDONS_HOST:
        paths.add(method, path, answerer)
    for endpoint in ENDPOINTS:
        paths.add(endpoint.method, endpoint.path, partial(answer_api, endpoint))
        paths.add("OPTIONS", endpoint.path, answer_preflight)
    return paths


PATHS = _build_paths()


def _find(request: Request) -> Answerer:
    """Neither an unknown path nor an unknown method is told apart from a thing that is not there."""
    found = PATHS.find(find_method(request), request.scope["raw_path"].decode("latin-1"))
    if found is None:
        return _find_nothing
    answerer, request.scope["path_params"] = found
    return answerer


async def _serve(heroku: Heroku, request: Request, answerer: Answerer) -> Response:
    at, began = heroku.clock.now(), time.perf_counter()
    heroku.agenda.run_due()
    faults = heroku.faults.draw("to Heroku", find_method(request), request.scope["path"], KINDS)
    try:
        response = await answer_with_faults(heroku, request, faults, partial(_answer, heroku, request, answerer))
    except Declined as declined:
        response = _render_declined(declined)
    add_headers(heroku, request, response)
    heroku.traffic.record(
        Exchange(
            direction="to Heroku",
            method=find_method(request),
            path=mask_path(request.scope["path"]),
            status=_find_status(response, faults),
            at=at,
            ms=(time.perf_counter() - began) * 1000,
            fault=", ".join(str(fault) for fault in faults),
            raw_request=await request.body(),
            raw_response=bytes(response.body),
            addon_id=remarks_on(request).addon_id,
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


def _find_status(response: Response, faults: Sequence[Fault]) -> int | None:
    return None if any(fault.kind in {"drop", "truncate"} for fault in faults) else response.status_code


async def _find_nothing(_heroku: Heroku, request: Request) -> Response:
    raise Declined(404, "not_found", f"The emulator has no endpoint {request.method} {request.url.path}.")


def _render_declined(declined: Declined) -> Response:
    return Response(msgspec.json.encode(declined.to_body()), status_code=declined.status, media_type="application/json")
