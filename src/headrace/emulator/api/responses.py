"""An endpoint's answer as an HTTP response: pages, ETags, and the conditions that a client may set (contract §9)."""

import hashlib
from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from headrace.emulator.api.call import ApiAnswer
from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.paging import cut_page
from headrace.emulator.kit.rendered import RawHeader, Rendered, answer_json
from headrace.emulator.kit.whole_request import WholeRequest


def build_response(request: WholeRequest, answer: ApiAnswer) -> Response:
    """Return the response; what a client has already, it is not sent again."""
    body, status, headers = answer.body, answer.status, _spell(answer.headers)
    if answer.listing is not None:
        page = cut_page(answer.listing, header=request.headers.get("range"))
        body, status = page.items, page.status
        headers += _spell(page.headers)
    raw = msgspec.json.encode(body)
    if request.method in {"GET", "HEAD"}:
        etag, known = _compute_etag(raw), request.headers.get("if-none-match")
        headers.append((b"etag", etag.encode()))
        if status == 200 and known is not None and _is_among(etag, known):
            return Rendered(b"", status=304, headers=headers)
    return answer_json(raw, status=status, headers=headers)


def require_match(request: WholeRequest, current: ApiAnswer) -> None:
    """Check `If-Match` against the thing as it is, before anything is done to it.

    Raises:
        Declined: it is not what the client takes it for.

    """
    response = build_response(request, current)
    if not _is_among(_compute_etag(bytes(response.body)), request.headers["if-match"]):
        raise Declined(412, "precondition_failed", "It has been changed: If-Match does not name its present ETag.")


def _spell(headers: Mapping[str, str]) -> list[RawHeader]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _compute_etag(raw: bytes) -> str:
    return f'W/"{hashlib.sha256(raw).hexdigest()[:32]}"'


def _is_among(etag: str, header: str) -> bool:
    """Compare weakly: Heroku's ETags are weak, so nothing would ever match otherwise."""
    known = (tag.strip().removeprefix("W/") for tag in header.split(","))
    return any(tag in {"*", etag.removeprefix("W/")} for tag in known)
