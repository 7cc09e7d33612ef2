"""An endpoint's answer as an HTTP response: pages, ETags, and the conditions that a client may set (contract §9)."""

import hashlib

import msgspec
from starlette.responses import Response

from headrace.emulator.api.call import ApiAnswer
from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.paging import cut_page
from headrace.emulator.kit.whole_request import WholeRequest


def build_response(request: WholeRequest, answer: ApiAnswer) -> Response:
    """Return the response; what a client has already, it is not sent again."""
    body, status, headers = answer.body, answer.status, dict(answer.headers)
    if answer.listing is not None:
        page = cut_page(answer.listing, header=request.headers.get("range"))
        body, status = page.items, page.status
        headers |= page.headers
    raw = msgspec.json.encode(body)
    if request.method in {"GET", "HEAD"}:
        headers["ETag"] = _compute_etag(raw)
        known = request.headers.get("if-none-match")
        if status == 200 and known is not None and _is_among(headers["ETag"], known):
            return Response(status_code=304, headers=headers)
    return Response(raw, status_code=status, headers=headers, media_type="application/json")


def require_match(request: WholeRequest, current: ApiAnswer) -> None:
    """Check `If-Match` against the thing as it is, before anything is done to it.

    Raises:
        Declined: it is not what the client takes it for.

    """
    response = build_response(request, current)
    if not _is_among(_compute_etag(bytes(response.body)), request.headers["if-match"]):
        raise Declined(412, "precondition_failed", "It has been changed: If-Match does not name its present ETag.")


def _compute_etag(raw: bytes) -> str:
    return f'W/"{hashlib.sha256(raw).hexdigest()[:32]}"'


def _is_among(etag: str, header: str) -> bool:
    """Compare weakly: Heroku's ETags are weak, so nothing would ever match otherwise."""
    known = (tag.strip().removeprefix("W/") for tag in header.split(","))
    return any(tag in {"*", etag.removeprefix("W/")} for tag in known)
