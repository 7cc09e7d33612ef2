"""A line of the log for each request; and every other line that is written meanwhile says which request it is about."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from urllib.parse import quote
from uuid import uuid4

from starlette.types import Message, Scope, Send

from headrace.logs import ACCESS, LogName
from headrace.telemetry.context import about_only

log = logging.getLogger(ACCESS)

# Heroku's router gives each request one, or takes what came with it: letters of this kind (article "HTTP Request IDs").
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")
LONGEST_PATH = 300
SHORT = 100
# What a path may hold as it is (RFC 3986), beside letters and digits.
PLAIN = "/:@!$&'()*+,;=~"
# Whoever has all of this sees a board: the beginning tells one link from another.
_SHARED = re.compile(r"(/shared/[^/]{4})[^/]+")
# Where a scope has its path as a log may show it.
SHOWN_PATH = "headrace.shown_path"


class Watch:
    """Has what is logged until the block ends be about a request, and notes what is answered through what it yields.

    `secrets` are what no path may show, as `quote_path` writes them. Nothing that was logged about the request before,
    on the same connection say, is said of this one. Every request has such a block: a generator takes twice as long.
    """

    __slots__ = ("_about", "_began_at", "_scope", "_send", "_status")

    def __init__(self, scope: Scope, send: Send, *, secrets: tuple[str, ...]) -> None:
        self._began_at, self._scope, self._send = monotonic(), scope, send
        self._status: int | None = None
        scope[SHOWN_PATH] = mask_path(scope["path"], secrets)
        self._about = about_only(request_id=_read_request_id(scope))

    def __enter__(self) -> Send:
        self._about.__enter__()
        return self._send_on

    def __exit__(self, *raised: object) -> None:
        answered = {"method": self._scope["method"], "path": self._scope[SHOWN_PATH]}
        took = round((monotonic() - self._began_at) * 1000)
        log.info(LogName.REQUEST_ANSWERED, extra={**answered, "status": self._status, "ms": took})
        self._about.__exit__(None, None, None)

    async def _send_on(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._status is None:
            self._status = message["status"]
        await self._send(message)


def find_shown_path(scope: Mapping[str, object]) -> str:
    """Return the path of a request as a log may show it, also where nobody has begun to answer it."""
    return str(scope.get(SHOWN_PATH) or mask_path(str(scope["path"]), ()))


def mask_path(path: str, secrets: tuple[str, ...]) -> str:
    """Return a path as one word, without secrets that somebody has put there; `quote_path` has written them."""
    return (_mask_again if len(path) <= SHORT else _mask)(path, secrets)


def _mask(path: str, secrets: tuple[str, ...]) -> str:
    word = _SHARED.sub(r"\1•••", quote_path(path))
    for secret in secrets:
        word = word.replace(secret, "•••")
    return word[:LONGEST_PATH]


# Nearly all requests are for few addresses.
_mask_again = lru_cache(maxsize=1024)(_mask)


def quote_path(path: str) -> str:
    """Return a path, or a part of one, as one word."""
    return quote(path, safe=PLAIN)


def _read_request_id(scope: Scope) -> str:
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid4())
