"""The emulator as an ASGI app: one port for API, id host and login pages, and a record of every exchange."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.emulator.api import ENDPOINTS, Endpoint, answer_api
from headrace.emulator.errors import Declined
from headrace.emulator.heroku import Heroku
from headrace.emulator.identity import issue_token
from headrace.emulator.sso import show_launch_page

Answerer = Callable[[Heroku, Request], Awaitable[Response]]


def build_app(heroku: Heroku) -> Starlette:
    """Return the ASGI app; its lifespan closes what was opened to call partners."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await heroku.partner.close()

    routes = [
        _route(heroku, "POST", "/oauth/token", issue_token),
        _route(heroku, "GET", "/sso/apps/{app}/addons/{addon}", _launch),
        *(_route(heroku, endpoint.method, endpoint.path, partial(_answer_api, endpoint)) for endpoint in ENDPOINTS),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: partial(_refuse, heroku)})
    # A trailing slash makes another path, an unknown one (contract §9).
    app.router.redirect_slashes = False
    return app


def _route(heroku: Heroku, method: str, path: str, answerer: Answerer) -> Route:
    async def endpoint(request: Request) -> Response:
        return await _serve(heroku, request, answerer)

    return Route(path, endpoint, methods=[method])


async def _serve(heroku: Heroku, request: Request, answerer: Answerer) -> Response:
    began = time.perf_counter()
    heroku.expire()
    try:
        response = await answerer(heroku, request)
    except Declined as declined:
        response = _render_declined(declined)
    response.headers["Request-Id"] = str(uuid4())
    owner = getattr(request.state, "pool_owner", None)
    if owner is not None:
        response.headers["RateLimit-Remaining"] = str(heroku.rates.remaining(owner))
    await _record(heroku, request, response, began)
    return response


async def _record(heroku: Heroku, request: Request, response: Response, began: float) -> None:
    heroku.traffic.record(
        "to Heroku",
        request.method,
        request.url.path,
        status=response.status_code,
        seconds=time.perf_counter() - began,
        request=await request.body(),
        response=bytes(response.body),
        addon_id=getattr(request.state, "addon_id", ""),
    )


async def _answer_api(endpoint: Endpoint, heroku: Heroku, request: Request) -> Response:
    return await answer_api(heroku, endpoint, request)


async def _launch(heroku: Heroku, request: Request) -> Response:
    return show_launch_page(heroku, request)


async def _refuse(heroku: Heroku, request: Request, _error: Exception) -> Response:
    """Neither an unknown path nor an unknown method is told apart from a thing that is not there."""
    return await _serve(heroku, request, _find_nothing)


async def _find_nothing(_heroku: Heroku, request: Request) -> Response:
    raise Declined(404, "not_found", f"The emulator has no endpoint {request.method} {request.url.path}.")


def _render_declined(declined: Declined) -> Response:
    return Response(msgspec.json.encode(declined.to_body()), status_code=declined.status, media_type="application/json")
