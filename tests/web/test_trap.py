"""Requests go to the hosts that were configured and to no other, whatever a body or an answer names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from browsing import log_in, read_csrf, visit
from headrace.models import State
from headrace.protocol.wire import Request
from headrace.transport import AiohttpTransport
from pair import play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"
REQUEST = Request(method="GET", path="/addons/1", endpoint="/addons/{}", headers={"Authorization": "Bearer t"})
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass
class Trap:
    """A server that must not be asked: it keeps what it is asked."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def set_trap() -> AsyncIterator[Trap]:
    trap = Trap()
    server = await asyncio.start_server(trap.take, "127.0.0.1", 0)
    async with server:
        trap.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield trap


async def test_an_address_in_a_provision_is_data_and_not_asked(database_url: str) -> None:
    """`callback_url`, the log addresses and options of a whole life: nobody connects to them."""
    async with set_trap() as trap, play_pair(database_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        body = {
            "uuid": UUID,
            "plan": "basic",
            "region": "amazon-web-services::us-east-1",
            "callback_url": f"{trap.url}/vendor/apps/1",
            "log_input_url": f"{trap.url}/logs",
            "log_drain_token": "d.1",
            "options": {"url": trap.url},
            "oauth_grant": {"code": "unknown", "expires_at": "2099-01-01T00:00:00Z", "type": "authorization_code"},
        }
        answers = [
            await pair.call("POST", json=body),
            await pair.call("POST", json={**body, "uuid": UUID.replace("0", "1"), "oauth_grant": None}),
            await pair.call("PUT", f"/{UUID}", json={"plan": "free", "callback_url": trap.url}),
        ]
        await pair.settle()
        cookie = await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf})
        await pair.call("DELETE", f"/{UUID}")
        await pair.settle()

        assert [202, 200] == [status for status, _ in answers[:2]]
        assert State.PROVISIONED is not (await pair.find(UUID)).state
        assert [] == trap.requests


async def test_a_redirect_is_not_followed() -> None:
    """Heroku redirects no call of ours; the token would go along to wherever it pointed."""
    async with set_trap() as heroku, set_trap() as elsewhere:
        transport = AiohttpTransport(api_url=heroku.url, id_url=heroku.url)
        statuses = []
        for status in REDIRECTS:
            location = f"Location: {elsewhere.url}/addons\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            heroku.answer = f"HTTP/1.1 {status} Moved\r\n{location}".encode()
            statuses.append((await transport.send(REQUEST)).status)
        await transport.close()

        assert list(REDIRECTS) == statuses
        assert 5 == len(heroku.requests)
        assert [] == elsewhere.requests
