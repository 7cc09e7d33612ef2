"""Reading what is posted: bounded in size, in time and in the number of fields."""

import asyncio
from typing import TypedDict
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from headrace.errors import Malformed, NotOurForm, TooLarge, TooSlow
from headrace.web.ground.csrf import is_token
from headrace.web.ground.origin import is_same_origin

FORM_LIMIT = 64 * 1024
MOST_FIELDS = 100
READ_WITHIN_SECONDS = 10.0
# Where a scope has the body that was read.
BODY = "headrace.body"


class OwnForm(TypedDict):
    """The only field of a form of ours that is but a button."""

    csrf: str


async def read_body(request: Request, *, limit: int, within: float = READ_WITHIN_SECONDS) -> bytes:
    """Return the body; no more than the limit and one chunk of it is ever held.

    Raises:
        TooLarge: it is larger than the limit.
        TooSlow: it took longer than `within` seconds.
        Malformed: the sender went away before its end.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(within):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(limit)
    except TimeoutError:
        raise TooSlow(within) from None
    except ClientDisconnect:
        raise Malformed("The body ended too early.") from None
    request.scope[BODY] = bytes(body)
    return find_body(request)


def find_body(request: Request) -> bytes:
    """Return the body again, as far as it was read."""
    body: bytes = request.scope.get(BODY, b"")
    return body


async def read_form(request: Request) -> dict[str, str]:
    """Return a form's text fields, or raise what `read_body` does."""
    body = await read_body(request, limit=FORM_LIMIT)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Malformed("The form cannot be read.") from None


async def read_own_form(request: Request, *, csrf: str) -> dict[str, str]:
    """Return the fields of a form that this session's own page sent.

    Raises:
        NotOurForm: another site sent it, or it does not bring the session's token.
    """
    form = await read_form(request)
    if not is_same_origin(request) or not is_token(form.get("csrf", ""), csrf):
        raise NotOurForm
    return form
