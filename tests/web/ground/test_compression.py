"""Which answers are compressed."""

import gzip

import pytest
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

from headrace.web.ground.compression import SMALL, Compression

LARGE = b"x" * SMALL


async def ask(response: Response, *, accepted: str = "gzip, br") -> tuple[dict[str, str], bytes]:
    """Return the headers and the body that are sent of an answer."""
    sent: list[Message] = []
    headers = [(b"accept-encoding", accepted.encode())]
    # From this version on a stream finds out by itself whether its reader is gone.
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "GET", "headers": headers}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await Compression(response)(scope, receive, send)
    start, *parts = sent
    body = b"".join(part.get("body", b"") for part in parts)
    return {name.decode(): value.decode() for name, value in start["headers"]}, body


async def test_what_is_large_is_compressed_for_whoever_takes_it() -> None:
    """Caches are told that the others have another answer."""
    headers, body = await ask(Response(LARGE))
    plain_headers, plain = await ask(Response(LARGE), accepted="br")

    assert ("gzip", str(len(body))) == (headers["content-encoding"], headers["content-length"])
    assert (LARGE, LARGE) == (gzip.decompress(body), plain)
    assert ["Accept-Encoding"] * 2 == [each["vary"] for each in (headers, plain_headers)]


async def test_what_does_not_say_how_large_it_is_is_compressed() -> None:
    """An export is sent while it is read."""
    headers, body = await ask(StreamingResponse(iter([LARGE, LARGE])))

    assert "gzip" == headers["content-encoding"]
    assert 2 * LARGE == gzip.decompress(body)


@pytest.mark.parametrize("response", [Response(LARGE[1:]), Response(status_code=304), Response(status_code=204)])
async def test_what_is_small_is_sent_as_it_is(response: Response) -> None:
    """It fits a packet, or has no body at all."""
    headers, body = await ask(response)

    assert response.body == body
    assert not {"content-encoding", "vary"} & set(headers)
