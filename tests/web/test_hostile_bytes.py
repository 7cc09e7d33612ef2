"""What no HTTP client sends, at the served application: it is refused or ignored, and the service lives on."""

import asyncio
from urllib.parse import urlsplit

import pytest

from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from pair import PASSWORD, SLUG, play_pair

ANSWER_WITHIN_SECONDS = 120
START = b"POST /heroku/resources HTTP/1.1\r\nHost: acme.example\r\nAuthorization: "
AUTH = build_basic_auth(SLUG, Secret(PASSWORD)).encode() + b"\r\n"
JSON = b"Content-Type: application/json\r\n"
HOSTILE = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "a NUL in the path": b"GET /heroku/resources/\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in a header": START + b"Basic \0\r\n\r\n",
    "a path that leaves": b"GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path of bytes": b"GET /heroku/resources/%ff%00%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n",
    "a header without end": START + b"A" * 200_000 + b"\r\n\r\n",
    "headers without number": START + AUTH + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
    "a chunk of no size": START + AUTH + JSON + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "a length that is no number": START + AUTH + JSON + b"Content-Length: many\r\n\r\n{}",
    "a negative length": START + AUTH + JSON + b"Content-Length: -1\r\n\r\n{}",
    "a length and chunks": START + AUTH + JSON + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body of NULs": START + AUTH + JSON + b"Content-Length: 64\r\n\r\n" + bytes(64),
    "nesting without end": START + AUTH + JSON + b"Content-Length: 9000\r\n\r\n" + b"[" * 9000,
    "a body beyond the limit": START + AUTH + JSON + b"Content-Length: 2000000\r\n\r\n" + bytes(2_000_000),
    "a form of no encoding": b"POST /sso/login HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data\r\n"
    b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc",
    "a cookie of bytes": b"GET /board HTTP/1.1\r\nHost: a\r\nCookie: __Host-headrace_session=\xff\xfe\x01\r\n\r\n",
}


@pytest.mark.anyio
async def test_hostile_bytes_are_refused_and_nothing_breaks(sqlite_url: str) -> None:
    """Each is answered, and as the sender's mistake; the next customer is served."""
    async with play_pair(sqlite_url) as pair:
        statuses = {name: await _send(pair.url, data) for name, data in HOSTILE.items()}
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()

        assert {} == {name: status for name, status in statuses.items() if status is None or not 400 <= status < 500}
        assert "provisioned" == addon.state


@pytest.mark.anyio
async def test_a_body_that_never_ends_holds_up_nobody(sqlite_url: str) -> None:
    """A sender who stops in the middle of a body keeps its own connection waiting, and no other."""
    async with play_pair(sqlite_url) as pair:
        writers = [await _begin(pair.url, START + AUTH + JSON + b"Content-Length: 100\r\n\r\n{") for _ in range(20)]
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        for writer in writers:
            writer.close()

        assert "provisioned" == addon.state


async def _send(url: str, data: bytes) -> int | None:
    """Send bytes and return the status of the answer, if there is one."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            writer.write(data)
            line = await reader.readline()
        return int(line.split()[1]) if line else None
    except ConnectionError:
        return None
    finally:
        writer.close()


async def _begin(url: str, data: bytes) -> asyncio.StreamWriter:
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(data)
    await writer.drain()
    return writer
