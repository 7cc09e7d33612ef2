"""The headers that every answer has, and the requests that only ask for headers (contract §9)."""

from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import count
from uuid import uuid4

from starlette.responses import Response

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.kit.rendered import RawHeader
from headrace.emulator.kit.whole_request import WholeRequest

# Every request has a uuid of its own: the beginning is this process's, the end a number.
REQUEST_IDS = str(uuid4())[:-12].encode()
_numbers = count(1)
OVERRIDABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
ALWAYS: tuple[RawHeader, ...] = ((b"x-content-type-options", b"nosniff"), (b"vary", b"Accept-Encoding"))
UNCACHED: RawHeader = (b"cache-control", b"private, no-cache")
ANY_ORIGIN: RawHeader = (b"access-control-allow-origin", b"*")
EXPOSED: RawHeader = (
    b"access-control-expose-headers",
    b"Accept-Ranges, Content-Range, ETag, Next-Range, RateLimit-Remaining, Request-Id",
)


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
    headers = response.raw_headers
    if b"cache-control" not in dict(headers):
        headers.append(UNCACHED)
    headers += ALWAYS
    headers.append((b"date", spell_date(heroku.clock.now().replace(microsecond=0))))
    headers.append((b"request-id", b"%s%012x" % (REQUEST_IDS, next(_numbers))))
    if request.is_cross_origin and "origin" in request.headers:
        headers += (ANY_ORIGIN, EXPOSED)
    if request.retry_after is not None:
        headers.append((b"retry-after", b"%d" % request.retry_after))
    if request.pool_left is not None:
        headers.append((b"ratelimit-remaining", b"%d" % request.pool_left))
