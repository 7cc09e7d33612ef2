"""Fault injection: what faults do to a call to the emulated Heroku. Those to partners are hit in `heroku.partner`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.identity import read_token
from headrace.emulator.kit.connections import Connections
from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.faults import ENDS, Fault
from headrace.emulator.kit.whole_request import WholeRequest

ERROR_IDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    422: "invalid_params",
    429: "rate_limit",
    500: "internal_server_error",
}


class Dropped(Response):
    """No answer: the connection ends."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self.connections = connections

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        await self.connections.end(scope, receive)


class Truncated(Dropped):
    """The head of an answer and half of its body, then the end of the connection."""

    def __init__(self, connections: Connections, whole: Response) -> None:
        super().__init__(connections)
        self.whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = self.whole
        await send({"type": "http.response.start", "status": whole.status_code, "headers": whole.raw_headers})
        await send({"type": "http.response.body", "body": bytes(whole.body)[: len(whole.body) // 2], "more_body": True})
        await super().__call__(scope, receive, send)


async def answer_with_faults(
    heroku: Heroku, request: WholeRequest, faults: Sequence[Fault], answer: Callable[[], Awaitable[Response]]
) -> Response:
    """Answer a call as its faults will have it; `answer` carries it out.

    Raises:
        Declined: a fault answers instead.

    """
    await _hold_up(faults, after_effect=False)
    for fault in faults:
        if fault.kind in {"expired_token", "revoked_token"}:
            _end_tokens(heroku, request, fault)
    end = next((fault for fault in faults if fault.kind in ENDS), None)
    if end is None:
        response = await answer()
        await _hold_up(faults, after_effect=True)
        return response
    if end.kind in {"truncate", "malform"}:
        return _cut(heroku, await answer(), end)
    if end.after_effect:
        await answer()
    if end.kind == "drop":
        return Dropped(heroku.connections)
    raise _decline(request, end)


async def _hold_up(faults: Sequence[Fault], *, after_effect: bool) -> None:
    late = [fault.seconds for fault in faults if fault.kind == "latency" and fault.after_effect == after_effect]
    await asyncio.sleep(sum(late))


def _end_tokens(heroku: Heroku, request: WholeRequest, fault: Fault) -> None:
    addon = heroku.tokens.find_addon(read_token(request.headers.get("authorization", "")))
    if addon is not None and fault.kind == "expired_token":
        heroku.tokens.expire(addon)
    elif addon is not None:
        heroku.tokens.revoke(addon)


def _cut(heroku: Heroku, whole: Response, fault: Fault) -> Response:
    if fault.kind == "truncate":
        return Truncated(heroku.connections, whole)
    headers: dict[str, Any] = {name: value for name, value in whole.headers.items() if name != "content-length"}
    return Response(bytes(whole.body)[: len(whole.body) // 2], status_code=whole.status_code, headers=headers)


def _decline(request: WholeRequest, fault: Fault) -> Declined:
    if fault.status == 429:
        # The pool says the same as the answer.
        request.pool_left = 0
    request.retry_after = fault.retry_after
    return Declined(fault.status, ERROR_IDS.get(fault.status, "unavailable"), "The emulator answers so on purpose.")
