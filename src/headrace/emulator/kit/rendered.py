"""Answers whose bytes and headers are there already."""

from collections.abc import Iterable

from starlette.responses import Response

RawHeader = tuple[bytes, bytes]
JSON_TYPE: RawHeader = (b"content-type", b"application/json")


class Rendered(Response):
    """A response that is sent as it is handed over, header names in small letters: nothing is encoded or looked for."""

    def __init__(self, body: bytes, *, status: int, headers: Iterable[RawHeader]) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = list(headers)


def answer_json(raw: bytes, *, status: int = 200, headers: Iterable[RawHeader] = ()) -> Response:
    """Return the response to which a JSON text belongs."""
    return Rendered(raw, status=status, headers=(*headers, (b"content-length", b"%d" % len(raw)), JSON_TYPE))
