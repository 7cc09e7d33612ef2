"""The headers that every answer has, and the requests that only ask for headers (contract §9)."""

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from headrace.emulator.heroku import Heroku

OVERRIDABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
EXPOSED = ("Accept-Ranges", "Content-Range", "ETag", "Next-Range", "RateLimit-Remaining", "Request-Id")


def find_method(request: Request) -> str:
    """Return the method that is meant: HEAD is a GET, and a POST may name another."""
    if request.method == "HEAD":
        return "GET"
    wanted = request.headers.get("x-http-method-override", "").upper()
    return wanted if request.method == "POST" and wanted in OVERRIDABLE else request.method


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
    request.state.is_cross_origin = True


def add_headers(heroku: Heroku, request: Request, response: Response) -> None:
    headers, state = response.headers, request.state
    headers["Request-Id"] = str(uuid4())
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Vary"] = "Accept-Encoding"
    headers.setdefault("Cache-Control", "private, no-cache")
    if "origin" in request.headers and getattr(state, "is_cross_origin", False):
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
    retry_after = getattr(state, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    owner = getattr(state, "pool_owner", None)
    if getattr(state, "pool_is_empty", False):
        headers["RateLimit-Remaining"] = "0"
    elif owner is not None:
        headers["RateLimit-Remaining"] = str(heroku.rates.remaining(owner))
