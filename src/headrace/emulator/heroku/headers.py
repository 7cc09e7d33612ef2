"""The headers that every answer has, and the requests that only ask for headers (contract §9)."""

from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import count
from uuid import uuid4

from starlette.responses import Response

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.kit.whole_request import WholeRequest

# Every request has a uuid of its own: the beginning is this process's, the end a number.
REQUEST_IDS = str(uuid4())[:-12].encode()
_numbers = count(1)
OVERRIDABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
EXPOSED = b"Accept-Ranges, Content-Range, ETag, Next-Range, RateLimit-Remaining, Request-Id"


def find_method(request: WholeRequest) -> str:
    """Return the method that is meant: HEAD is a GET, and a POST may name another."""
    if request.method == "POST":
        wanted = request.headers.get("x-http-method-override", "").upper()
        return wanted if wanted in OVERRIDABLE else "POST"
    return "GET" if request.method == "HEAD" else request.method


async def answer_preflight(_heroku: Heroku, request: WholeRequest) -> Response:
    """Tell a browser that any page may call the API with a token; there are no cookies that it could abuse."""
    allow_cross_origin(request)
    headers = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", "*"),
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


def allow_cross_origin(request: WholeRequest) -> None:
    """Let pages of other origins read the answer to this request."""
    request.is_cross_origin = True


@lru_cache(maxsize=1)
def spell_date(second: datetime) -> bytes:
    """Return a header's date; answers of one second share it."""
    return format_datetime(second, usegmt=True).encode()


def add_headers(heroku: Heroku, request: WholeRequest, response: Response) -> None:
    added = [
        (b"date", spell_date(heroku.clock.now().replace(microsecond=0))),
        (b"request-id", b"%s%012x" % (REQUEST_IDS, next(_numbers))),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"Accept-Encoding"),
    ]
    if b"cache-control" not in dict(response.raw_headers):
        added.append((b"cache-control", b"private, no-cache"))
    if request.is_cross_origin and "origin" in request.headers:
        added += [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
    if request.retry_after is not None:
        added.append((b"retry-after", str(request.retry_after).encode()))
    if request.pool_left is not None:
        added.append((b"ratelimit-remaining", str(request.pool_left).encode()))
    response.raw_headers += added
