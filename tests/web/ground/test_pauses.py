"""Requests that wait for news: as long as they prefer, as many as there is room for, and none once the server stops."""

import asyncio
import time

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from headrace.process.ports import bind
from headrace.serving import serving
from headrace.web.ground.connections import Limits
from headrace.web.ground.pauses import PAUSES, Patience, Pauses

LONG = "wait=25"


class Waiter:
    """Answers how often it has paused, whatever it was asked for."""

    def __init__(self) -> None:
        self.begun = 0
        self.has_begun = asyncio.Event()

    def build_app(self) -> Starlette:
        return Starlette(routes=[Route("/", self.wait)])

    async def wait(self, request: Request) -> PlainTextResponse:
        patience, paused = Patience(request), 0
        self.begun += 1
        self.has_begun.set()
        while await patience.pause(0.1):
            paused += 1
        return PlainTextResponse(str(paused))


async def ask(http: aiohttp.ClientSession, url: str, prefer: str) -> int:
    async with http.get(url, headers={"Prefer": prefer}) as answer:
        return int(await answer.text())


async def test_a_request_waits_as_long_as_it_prefers() -> None:
    """It looks every so often meanwhile, and at the end; who does not prefer to wait is answered at once."""
    waiter = Waiter()
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        async with serving(waiter.build_app(), bound), aiohttp.ClientSession() as http:
            began_at = time.monotonic()
            paused = await ask(http, url, "wait=1")
            took = time.monotonic() - began_at

            assert 0 == await ask(http, url, "return=minimal")
    assert took >= 1
    assert 1 <= paused <= 10


async def test_a_server_that_stops_waits_for_nobody_who_waits() -> None:
    """All are answered, and it has stopped long before they would have been."""
    waiter = Waiter()
    async with aiohttp.ClientSession() as http:
        with bind("127.0.0.1", 0) as bound:
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
            async with serving(waiter.build_app(), bound):
                asked = [asyncio.create_task(ask(http, url, LONG)) for _ in range(3)]
                while waiter.begun < len(asked):
                    waiter.has_begun.clear()
                    await waiter.has_begun.wait()
                stopped_at = time.monotonic()
        took = time.monotonic() - stopped_at

        assert len(asked) == len(await asyncio.gather(*asked))
    assert took < 10


async def test_whoever_comes_when_half_of_the_connections_wait_is_answered() -> None:
    """The other half is for those who want something."""
    waiter = Waiter()
    async with aiohttp.ClientSession() as http:
        with bind("127.0.0.1", 0) as bound:
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
            async with serving(waiter.build_app(), bound, limits=Limits(connections=2)):
                waiting = asyncio.create_task(ask(http, url, LONG))
                await waiter.has_begun.wait()

                assert 0 == await ask(http, url, LONG)
                assert not waiting.done()
        await waiting


async def test_nobody_waits_at_a_server_that_does_not_tell_when_it_stops() -> None:
    """A host's own server would have to wait for them."""
    scope = {"type": "http", "headers": [(b"prefer", LONG.encode())]}
    pauses = Pauses(most=1)

    assert not await Patience(Request(scope)).pause(0.001)
    assert await Patience(Request({**scope, PAUSES: pauses})).pause(0.001)
    pauses.end()
    assert not await Patience(Request({**scope, PAUSES: pauses})).pause(0.001)
