"""The gate of `/api`: who brings a token that may comes in, and what goes wrong behind it is said in one way."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.errors import GrantError, HeadraceError, Malformed, MisuseError, NothingToDo, Rejected
from headrace.protocol.import_lines import parse_body
from headrace.protocol.wire import read_number
from headrace.store.state.people.api_tokens import Scope
from headrace.web.ground.bodies import read_body
from headrace.web.ground.openapi import JSON_TYPE, Reply, show_json
from headrace.web.ground.tokens import NO_TOKEN, Caller, Tokens

BODY_LIMIT = 4 * 1024 * 1024

T = TypeVar("T")
Endpoint = Callable[[Request, Caller], Awaitable[Response]]

BAD_REQUEST = {400: show_json("The request cannot be read; the message names what is wrong.")}
UNKNOWN = {404: show_json("There is no such resource.")}
BAD_BODY: Mapping[int, Reply] = {
    **BAD_REQUEST,
    408: show_json("The body did not arrive in time."),
    413: show_json(f"The body is larger than {BODY_LIMIT:,} bytes."),
    422: show_json("It cannot be done as it was asked, such as for a name that the manifest does not declare."),
}
NOT_FITTING = {409: show_json("The resource is not in a state that this fits; the message says which.")}
GONE = {410: show_json("The resource was deprovisioned, or is being.")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Lets through who may."""

    tokens: Tokens

    def guard(self, scope: Scope, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers only who brings a token that may; nothing of the request is read before."""

        async def respond(request: Request) -> Response:
            caller = await self.tokens.require(request, scope)
            if isinstance(caller, Response):
                return caller
            try:
                return await endpoint(request, caller)
            except (Rejected, MisuseError, NothingToDo, GrantError) as error:
                return JSONResponse({"message": str(error)}, status_code=_find_status(error))

        return respond


def describe(scope: Scope, *replies: Mapping[int, Reply]) -> dict[int, Reply]:
    """Return the replies of an operation that takes a token of a scope."""
    found = {**NO_TOKEN, 403: show_json(f"The token may not {scope}.")}
    for each in replies:
        found |= each
    return found


async def read_json(request: Request, shape: type[T]) -> T:
    """Return a body as a value of its shape.

    Raises:
        Malformed: it is not of this shape; the text names the member, and no value.
        TooLarge, TooSlow: see `read_body`.
    """
    return parse_body(await read_body(request, limit=BODY_LIMIT), shape)


def read_moment(name: str, text: str | None) -> datetime | None:
    """Return the moment that a query names, in UTC.

    Raises:
        Malformed: it is none, or has no time zone.
    """
    if text is None:
        return None
    problem = Malformed(f"{name}: is not a moment with a time zone, such as 2026-11-24T12:00:00Z.", field=name)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise problem
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise problem from None


def read_count(name: str, text: str | None, *, default: int, least: int, most: int) -> int:
    """Return the number that a query names.

    Raises:
        Malformed: it is none, or none of these.
    """
    count = default if text is None else read_number(text)
    if count is None or not least <= count <= most:
        raise Malformed(f"{name}: is not a number from {least} to {most:,}.", field=name)
    return count


def respond(shape: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(shape), status_code=status, media_type=JSON_TYPE)


def _find_status(error: HeadraceError) -> int:
    if isinstance(error, Rejected):
        return error.status
    return 422 if isinstance(error, MisuseError) else 409
