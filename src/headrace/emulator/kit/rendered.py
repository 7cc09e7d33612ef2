"""Answers whose bytes and headers are there already."""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

RawHeader = tuple[bytes, bytes]
JSON_TYPE: RawHeader = (b"content-type", b"application/json")


class Rendered(Response):
    """A response that is sent as it is handed over, header names in small letters: nothing is encoded or looked for."""

    def __init__(self, body: bytes, *, status: int, headers: Iterable[RawHeader]) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = list(headers)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def answer_json(raw: bytes, *, status: int = 200, headers: Iterable[RawHeader] = ()) -> Response:
    """Return the response to which a JSON text belongs."""
    return Rendered(raw, status=status, headers=(*headers, (b"content-length", b"%d" % len(raw)), JSON_TYPE))
