"""A web server in a program's own event loop: it ends when it is told to, and not before it has answered."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from headrace.process.guest import GuestServer
from headrace.process.ports import bind
from headrace.testing import eventually


async def test_what_was_asked_before_the_end_is_answered() -> None:
    """Then nobody is listened to, and the application is told that it is over."""
    said: list[str] = []
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(_request: Request) -> PlainTextResponse:
        asked.set()
        await may_answer.wait()
        said.append("answered")
        return PlainTextResponse("yes")

    async with guest(answer, said) as (server, task, url), aiohttp.ClientSession() as http:
        answered = asyncio.create_task(fetch(http, url))
        await asked.wait()
        server.end()
        await eventually(lambda: not any(each.is_serving() for each in server.servers))
        ended_early = task.done()
        may_answer.set()
        text = await answered
        await task

        assert not ended_early
        assert ("yes", ["begun", "answered", "over"]) == (text, said)


async def test_a_connection_that_is_kept_is_closed() -> None:
    """It is of a client that may ask more some time, and for that nobody waits."""
    said: list[str] = []

    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("yes")

    async with guest(answer, said) as (server, task, url), aiohttp.ClientSession() as http:
        text = await fetch(http, url)
        kept = len(server.server_state.connections)
        server.end()
        await task

        assert ("yes", 1, set()) == (text, kept, server.server_state.connections)
        assert ["begun", "over"] == said


async def test_signals_are_left_to_the_program() -> None:
    """A server that is a process of its own has them: this one is not asked."""
    before = signal.getsignal(signal.SIGTERM)

    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(signal.getsignal(signal.SIGTERM) is before))

    async with guest(answer, []) as (server, task, url), aiohttp.ClientSession() as http:
        assert "True" == await fetch(http, url)
        server.end()
        await task


async def fetch(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as response:
        return await response.text()


@asynccontextmanager
async def guest(answer: object, said: list[str]) -> AsyncIterator[tuple[GuestServer, "asyncio.Task[None]", str]]:
    """Serve one answer; `said` is told when the application begins and when it is over."""

    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        said.append("begun")
        yield
        said.append("over")

    with bind("127.0.0.1", 0) as bound:
        app = Starlette(routes=[Route("/", answer)], lifespan=live)  # type: ignore[arg-type]
        server = GuestServer(uvicorn.Config(app, log_config=None))
        task = asyncio.create_task(server.serve(sockets=[bound]))
        await eventually(lambda: server.started)
        yield server, task, f"http://127.0.0.1:{bound.getsockname()[1]}/"
