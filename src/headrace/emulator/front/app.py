"""The emulator as an ASGI app: one port for API, id host and login pages, and a record of every exchange."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.emulator.api.addons_host import ADDONS_HOST, show_grant
from headrace.emulator.api.fault_injection import answer_with_faults
from headrace.emulator.flow.setup_calls import show_source, store_source
from headrace.emulator.flow.test_run_calls import show_stream
from headrace.emulator.front.endpoints import ENDPOINTS, answer_api
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.headers import add_headers, answer_preflight, find_method
from headrace.emulator.heroku.identity import create_token, issue_token
from headrace.emulator.heroku.logs import take_log
from headrace.emulator.heroku.sso import show_launch_page
from headrace.emulator.kit.callers import (
    comes_from_foreign_page,
    comes_under_foreign_name,
    follows_a_link,
)
from headrace.emulator.kit.errors import Declined, forbidden
from headrace.emulator.kit.faults import Fault
from headrace.emulator.kit.paths import PathTree
from headrace.emulator.kit.rendered import answer_json
from headrace.emulator.kit.whole_request import WholeRequest, read_whole
from headrace.emulator.world.traffic import Exchange, mask_path

Answerer = Callable[[Heroku, WholeRequest], Awaitable[Response]]
# What is not Heroku's: the control API and the console.
LOCAL_PREFIX = "/__emulator__"


def build_app(heroku: Heroku, answer_local: Callable[[WholeRequest], Awaitable[Response]]) -> ASGIApp:
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

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await router(scope, receive, send)
            return
        try:
            request = await read_whole(scope, receive)
            if request.path == LOCAL_PREFIX or request.path.startswith(f"{LOCAL_PREFIX}/"):
                response = await answer_local(request)
            else:
                response = await _serve(heroku, request)
        except Declined as declined:
            response = _render_declined(declined)
        await response(scope, receive, send)

    router = Router(lifespan=lifespan)
    return app


def _build_paths() -> PathTree[Answerer]:
    paths: PathTree[Answerer] = PathTree()
    paths.add("POST", "/oauth/token", issue_token)
    paths.add("POST", "/oauth/tokens", create_token)
    paths.add("GET", "/vendor/resources/{addon}/oauth-grant", show_grant)
    paths.add("POST", "/logs/{addon}", take_log)
    paths.add("GET", "/sso/apps/{app}/addons/{addon}", show_launch_page)
    for method, path, answerer in ADDONS_HOST:
        paths.add(method, path, answerer)
    paths.add("PUT", "/sources/{source}", store_source)
    paths.add("GET", "/sources/{source}", show_source)
    paths.add("GET", "/streams/{node}/{stream}", show_stream)
    for endpoint in ENDPOINTS:
        paths.add(endpoint.method, endpoint.path, partial(answer_api, endpoint))
        paths.add("OPTIONS", endpoint.path, answer_preflight)
    return paths


PATHS = _build_paths()


async def _serve(heroku: Heroku, request: WholeRequest) -> Response:
    at, began, method = heroku.clock.now(), time.perf_counter(), find_method(request)
    heroku.agenda.run_due()
    answerer = _find(request, method)
    faults = heroku.faults.draw("to Heroku", method, request.path)
    try:
        if faults:
            answer = partial(_answer, heroku, request, answerer)
            response = await answer_with_faults(heroku, request, faults, answer)
        else:
            response = await _answer(heroku, request, answerer)
    except Declined as declined:
        response = _render_declined(declined)
    add_headers(heroku, request, response)
    heroku.traffic.record(
        Exchange(
            direction="to Heroku",
            method=method,
            path=mask_path(request.path),
            status=_find_status(response, faults) if faults else response.status_code,
            at=at,
            ms=(time.perf_counter() - began) * 1000,
            fault=", ".join(map(str, faults)) if faults else "",
            raw_request=request.raw,
            raw_response=bytes(response.body),
            addon_id=request.addon_id,
            raw_request_headers=request.scope["headers"],
            raw_response_headers=response.raw_headers,
        )
    )
    return response


def _find(request: WholeRequest, method: str) -> Answerer:
    """Neither an unknown path nor an unknown method is told apart from a thing that is not there."""
    found = PATHS.find(method, request.raw_path)
    if found is None:
        return _find_nothing
    answerer, request.path_params = found
    return answerer


async def _answer(heroku: Heroku, request: WholeRequest, answerer: Answerer) -> Response:
    try:
        check_caller(heroku, request)
        return await answerer(heroku, request)
    except Declined as declined:
        return _render_declined(declined)


def check_caller(heroku: Heroku, request: WholeRequest) -> None:
    """Refuse what a web page that this machine's owner looks at would do here in their stead.

    Raises:
        Declined: it comes under a name that somebody has pointed here, or from a page of another origin.

    """
    if comes_under_foreign_name(request, heroku.url):
        raise forbidden("The emulator is reached under a loopback address only; use 127.0.0.1 or localhost.")
    is_open = heroku.switches.cross_origin or follows_a_link(request)
    if not is_open and comes_from_foreign_page(request, heroku.url):
        raise forbidden("The emulator does not answer pages of other origins; the switch cross_origin lets them in.")


def _find_status(response: Response, faults: Sequence[Fault]) -> int | None:
    return None if any(fault.kind in {"drop", "truncate"} for fault in faults) else response.status_code


async def _find_nothing(_heroku: Heroku, request: WholeRequest) -> Response:
    raise Declined(404, "not_found", f"The emulator has no endpoint {request.method} {request.raw_path}.")


def _render_declined(declined: Declined) -> Response:
    return answer_json(msgspec.json.encode(declined.to_body()), status=declined.status)
