"""The headers that every answer has, and the requests that only ask for headers (contract §9)."""

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from headrace.emulator.heroku import Heroku
from headrace.emulator.remarks import remarks_on

OVERRIDABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
EXPOSED = ("Accept-Ranges", "Content-Range", "ETag", "Next-Range", "RateLimit-Remaining", "Request-Id")


def find_method(request: Request) -> str:
    """Return the method that is meant: HEAD is a GET, and a POST may name another."""
    if request.method == "POST":
        wanted = request.headers.get("x-http-method-override", "").upper()
        return wanted if wanted in OVERRIDABLE else "POST"
    return "GET" if request.method == "HEAD" else request.method


async def answer_preflight(_heroku: Heroku, request: Request) -> Response:
    """Tell a browser that any page may call the API with a token; there are no cookies that it could abuse."""
    allow_cross_origin(request)
    headers = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", "*"),
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


def allow_cross_origin(request: Request) -> None:
    """Let pages of other origins read the answer to this request."""
    remarks_on(request).is_cross_origin = True


def add_headers(heroku: Heroku, request: Request, response: Response) -> None:
    headers, remarks = response.headers, remarks_on(request)
    headers.setdefault("Cache-Control", "private, no-cache")
    headers.append("Request-Id", str(uuid4()))
    headers.append("X-Content-Type-Options", "nosniff")
    headers.append("Vary", "Accept-Encoding")
    if remarks.is_cross_origin and "origin" in request.headers:
        headers.append("Access-Control-Allow-Origin", "*")
        headers.append("Access-Control-Expose-Headers", ", ".join(EXPOSED))
    if remarks.retry_after is not None:
        headers.append("Retry-After", str(remarks.retry_after))
    if remarks.pool_is_empty:
        headers.append("RateLimit-Remaining", "0")
    elif remarks.pool_owner:
        headers.append("RateLimit-Remaining", str(heroku.rates.remaining(remarks.pool_owner)))
