"""The way to Heroku: aiohttp, which is imported with the first request.

It is an eighth of a web process's memory, and many a web process has nobody yet of whom Heroku would be asked.
"""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from headrace.errors import Unreachable
from headrace.protocol.wire import Host, Request, Response

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

WITHIN_SECONDS, CONNECTED_WITHIN_SECONDS = 30.0, 10.0
ANSWER_LIMIT = 16 * 1024 * 1024


async def load_aiohttp() -> None:
    """Import it on a thread: that takes a tenth of a second, in which the event loop goes on."""
    await asyncio.to_thread(import_module, "aiohttp")


class AiohttpTransport:
    """The transport over aiohttp. It may be used from several event loops: each has a session of its own."""

    def __init__(
        self,
        *,
        api_url: str,
        id_url: str,
        user_agent: str = "headrace",
        open_session: "Callable[..., aiohttp.ClientSession] | None" = None,
    ) -> None:
        """`open_session` makes a session in place of aiohttp's own class."""
        self._urls = {Host.API: api_url, Host.ID: id_url}
        self._hosts: dict[Host, URL] = {}
        self._user_agent = user_agent
        self._open_session = open_session
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._is_closed = False

    async def send(self, request: Request) -> Response:
        session = self._sessions.get(asyncio.get_running_loop()) or await self._open(request)
        import aiohttp

        host = self._hosts[request.host]
        # What stands in a path is percent-encoded already.
        url = host.with_path(host.raw_path.rstrip("/") + request.path, encoded=True)
        try:
            async with session.request(
                request.method, url, headers=request.headers, data=request.body or None, allow_redirects=False
            ) as answer:
                body = await _read_body(answer, request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The error's own text may hold the URL's query; its kind is enough.
            raise Unreachable(f"no answer ({type(error).__name__})", request=str(request)) from error
        except RuntimeError as error:
            # What aiohttp raises for a request that was under way when its session was closed.
            if not self._is_closed:
                raise
            raise Unreachable("not answered, the service is stopping", request=str(request)) from error
        # Its names match in whatever case.
        return Response(status=answer.status, headers=answer.headers, body=body)

    async def close(self) -> None:
        """Close every session; one of another loop is closed there, if that loop still runs."""
        self._is_closed = True
        here = asyncio.get_running_loop()
        for loop, session in list(self._sessions.items()):
            if loop is here:
                await session.close()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(session.close(), loop))
        self._sessions.clear()

    async def _open(self, request: Request) -> "aiohttp.ClientSession":
        await load_aiohttp()
        import aiohttp
        from yarl import URL

        if self._is_closed:
            # Not a fault of the caller: its step is tried again after the restart.
            raise Unreachable("not sent, the service is stopping", request=str(request))
        self._hosts = {host: URL(url) for host, url in self._urls.items()}
        loop = asyncio.get_running_loop()
        # Another request of this loop may have waited for the same.
        if loop not in self._sessions:
            open_session = self._open_session or aiohttp.ClientSession
            self._sessions[loop] = open_session(
                timeout=aiohttp.ClientTimeout(total=WITHIN_SECONDS, connect=CONNECTED_WITHIN_SECONDS),
                headers={"User-Agent": self._user_agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
        return self._sessions[loop]


async def _read_body(answer: "aiohttp.ClientResponse", request: Request) -> bytes:
    body = bytearray()
    while not answer.content.at_eof():
        body += await answer.content.readany()
        if len(body) > ANSWER_LIMIT:
            raise Unreachable(f"an answer of more than {ANSWER_LIMIT} bytes", request=str(request))
    return bytes(body)
