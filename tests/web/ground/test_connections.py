"""A connection is bounded in every state: in time, in what it holds, and in number."""

import asyncio
import gc
import logging
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from browsing import visit
from headrace.logs import LogName
from headrace.models import Secret
from headrace.process.ending import STOP_WITHIN_SECONDS
from headrace.process.ports import bind
from headrace.serving import build_config, serving
from headrace.testing import eventually
from headrace.web.ground.connections import BoundedHttp, Limits, count_allowed_connections
from headrace.web.ground.mounting import Application
from pair import play_pair
from web.ground.talking import talk

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_ONCE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
# What Linux says of a connection that is no more.
TCP_CLOSE = 7
HURRIED = Limits(head=0.3, body=0.3, answer=20, rest=0.3, unread=0.3, kept=1, stopping=0.2, look_every=0.05)


@asynccontextmanager
async def serve(app: ASGIApp, limits: Limits = HURRIED) -> AsyncIterator[str]:
    """Serve an application to connections that are soon over, and give its address."""
    with bind("127.0.0.1", 0) as bound:
        whole = app if isinstance(app, Starlette) else Starlette(routes=[Mount("/", app)])
        async with serving(whole, bound, limits=limits):
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("head", [b"X-Long: " + b"x" * 300_000, b"X-Many: x\r\n" * 30_000], ids=["one", "many"])
async def test_a_head_that_does_not_end_is_cut_off(sqlite_url: str, head: bytes) -> None:
    """However it grows, in one field or in many: 400, and the end of the connection."""
    async with play_pair(sqlite_url) as pair:
        parts = [head[at : at + 10_000] for at in range(0, len(head), 10_000)]
        answer = await talk(pair.url, b"GET /board HTTP/1.1\r\nHost: x\r\n", *parts)

        assert answer.startswith(b"HTTP/1.1 400 ") or not answer
        assert 401 == (await visit(pair, "/board")).status


@pytest.mark.parametrize("sent", [b"", b"GET /board HTT", b"GET /board HTTP/1.1\r\nHost: x\r\nX-"])
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    """A connection that says nothing, or half a head, is closed."""
    async with serve(Starlette()) as url:
        assert b"" == await talk(url, sent)


async def test_a_slow_answer_is_no_slow_head() -> None:
    """Once its head is there, a request may take as long as its answer needs; the next one on the line may wait."""
    app = Slow(headers={"Connection": "close"})
    async with serve(app) as url:
        answering = asyncio.create_task(talk(url, GET))
        await app.has_begun.wait()
        # Another connection, which says nothing, is closed when the time is over.
        await talk(url)
        app.may_answer.set()

        assert (await answering).endswith(b"at last")


async def test_an_answer_that_does_not_come_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Heroku has given up long before; the log says which request it was."""
    app = Slow()
    async with serve(app, replace(HURRIED, answer=0.3)) as url:
        assert b"" == await talk(url, GET)
        app.may_answer.set()

    assert [("GET", "/")] == [(each.method, each.path) for each in find_lines(caplog, LogName.REQUEST_UNANSWERED)]  # type: ignore[attr-defined]


async def test_the_path_of_an_unanswered_request_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """As in the line of every other request: masked and escaped."""

    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        yield

    slow = Slow()
    app = Application(
        [Mount("/", slow)],
        prefix="",
        secrets=[Secret("manifest-pass")],
        middleware=[],
        exception_handlers={},
        lifespan=live,
    )
    async with serve(app, replace(HURRIED, answer=0.3)) as url:
        await talk(url, GET.replace(b"/ ", b"/of/manifest-pass/%20%1b ", 1))
        slow.may_answer.set()

    assert ["/of/•••/%20%1B"] == [each.path for each in find_lines(caplog, LogName.REQUEST_UNANSWERED)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("sent", [b"", b"abc"])
async def test_a_body_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    """Whether the application bounds its reading or not."""
    async with serve(read_all) as url:
        assert b"" == await talk(url, POST + sent)


async def test_a_body_that_trickles_is_not_waited_for() -> None:
    """Its time is that of the whole body, however often a byte of it comes."""
    async with serve(read_all) as url:
        reader, writer = await connect(url)
        writer.write(POST)
        sending = asyncio.create_task(trickle(writer))
        answer = await read_to_end(reader)
        await sending

    assert b"" == answer


async def test_a_body_that_nobody_reads_ends_with_its_answer() -> None:
    """The answer is there, and what still comes is not waited for."""
    async with serve(PlainTextResponse("no", 401)) as url:
        reader, writer = await connect(url)
        writer.write(POST)
        answer = await reader.readuntil(b"no")
        sending = asyncio.create_task(trickle(writer))
        rest = await read_to_end(reader)
        await sending

    assert (True, b"") == (answer.startswith(b"HTTP/1.1 401 "), rest)


async def test_a_body_that_comes_after_its_answer_is_no_reason_to_end() -> None:
    """As long as it comes soon: the next request on the connection is answered."""
    async with serve(PlainTextResponse("no", 401)) as url:
        reader, writer = await connect(url)
        writer.write(POST)
        await reader.readuntil(b"no")
        writer.write(b"0123456789" + GET)
        await reader.readuntil(b"no")
        writer.close()


async def test_an_answer_that_nobody_reads_is_ended() -> None:
    """Whether it was given whole or bit by bit; the kernel forgets what it held of it, too."""

    async def stream(_request: Request) -> Response:
        return StreamingResponse(iterate([b"x" * 65_536] * 1000))

    routes = [Route("/whole", PlainTextResponse(b"x" * 50_000_000)), Route("/bits", stream)]
    async with serve(Starlette(routes=routes)) as url:
        for path in ("/whole", "/bits"):
            with small_reader(url, path) as reader:
                await eventually(partial(is_reset, reader))


async def test_an_answer_that_is_read_slowly_is_given_whole() -> None:
    """Who takes some of it again and again may take as long as it takes, however soon an idle connection ends."""
    size, loop = 20_000_000, asyncio.get_running_loop()
    # A machine may be busy for a second, in which nobody takes anything.
    limits = replace(HURRIED, kept=0, unread=1.5)
    async with serve(PlainTextResponse(b"x" * size), limits) as url:
        with small_reader(url, "/") as reader:
            reader.setblocking(False)
            began, read = loop.time(), 0
            while some := await loop.sock_recv(reader, 100_000):
                read += len(some)
                await asyncio.sleep(2 * limits.unread * 100_000 / size)
            took = loop.time() - began

    assert size < read
    assert took > limits.unread


async def test_a_connection_has_one_request_at_a_time() -> None:
    """What is sent before the answer is thrown away: the answer says that the connection ends, so it is sent again."""
    app = Slow()
    async with serve(app) as url:
        answering = asyncio.create_task(talk(url, GET * 1000))
        await app.has_begun.wait()
        app.may_answer.set()
        answer = await answering

    assert (1, 1) == (app.count, answer.count(b"at last"))
    assert b"connection: close" in answer


async def test_rubbish_behind_a_request_does_not_get_into_its_answer() -> None:
    """The answer is one, and it is that of the request."""
    app = Slow()
    async with serve(app) as url:
        answering = asyncio.create_task(talk(url, GET + b"\0rubbish\r\n\r\n"))
        await app.has_begun.wait()
        app.may_answer.set()
        answer = await answering

    assert (True, 1) == (answer.startswith(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 "))


async def test_a_connection_is_kept_and_not_for_ever() -> None:
    """One request after the other; then it is idle, and empty lines are no sign of life."""
    async with serve(PlainTextResponse("yes")) as url:
        reader, writer = await connect(url)
        for _ in range(3):
            writer.write(GET)
            await reader.readuntil(b"yes")
        sending = asyncio.create_task(trickle(writer, b"\r\n"))
        rest = await read_to_end(reader)
        await sending

    assert b"" == rest


def test_kept_connections_outlast_herokus_router() -> None:
    """It keeps them for 90 seconds, and takes one that a dyno has closed for a failure of the next request."""
    config = build_config(Starlette(), host="127.0.0.1", port=0)

    assert config.timeout_keep_alive > 90


async def test_who_dawdles_makes_room_for_who_asks(caplog: pytest.LogCaptureFixture) -> None:
    """With as many connections as there may be, the one that has kept us waiting longest ends."""
    async with serve(PlainTextResponse("yes"), Limits(connections=20)) as url:
        dawdlers = [await connect(url) for _ in range(30)]
        answers = [await talk(url, GET_ONCE) for _ in range(5)]
        ended = [await read_to_end(reader) for reader, _ in dawdlers[:10]]
        dawdlers[-1][1].write(GET_ONCE)
        last = await read_to_end(dawdlers[-1][0])
        for _, writer in dawdlers:
            writer.close()

    assert [True] * 6 == [answer.endswith(b"yes") for answer in [*answers, last]]
    assert [b""] * 10 == ended
    assert [20] == [each.count for each in find_lines(caplog, LogName.CONNECTIONS_FULL)]  # type: ignore[attr-defined]


async def test_who_is_being_answered_makes_no_room() -> None:
    """When all are, the newest has to try again."""
    app = Slow(headers={"Connection": "close"})
    async with serve(app, Limits(connections=2)) as url:
        answering = [asyncio.create_task(talk(url, GET)) for _ in range(2)]
        await eventually(lambda: app.count == 2)
        third = await talk(url, GET)
        app.may_answer.set()
        answers = await asyncio.gather(*answering)

    assert (b"", 2) == (third, sum(answer.endswith(b"at last") for answer in answers))


def test_connections_leave_descriptors_for_everything_else() -> None:
    """The database, calls of Heroku and the log need some."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert 0 < count_allowed_connections() <= allowed - allowed // 4


async def test_a_request_begins_with_nothing_of_the_one_before() -> None:
    """Not its context variables either, with which a line of the log would name another's resource."""
    of_request: ContextVar[str] = ContextVar("of_request", default="nothing")
    found: list[str] = []

    async def answer(request: Request) -> Response:
        found.append(of_request.get())
        of_request.set("something of the one before")
        await request.body()
        return PlainTextResponse("done")

    async with serve(Starlette(routes=[Route("/", answer, methods=["POST"])]), Limits()) as url:
        reader, writer = await connect(url)
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000)
            await reader.readuntil(b"done")
        writer.close()

    assert ["nothing", "nothing"] == found


async def test_nothing_stays_of_a_connection_that_was_reset() -> None:
    """No timer holds it for as long as an idle one would be kept."""
    async with serve(PlainTextResponse("yes"), Limits(kept=1000, look_every=1000)) as url:
        reader, writer = await connect(url)
        writer.write(GET)
        await reader.readuntil(b"yes")
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

        await eventually(lambda: not count_alive())


async def test_who_dawdles_does_not_hold_up_the_end() -> None:
    """Half a body, an answer that nobody reads, a silent one: a server that stops waits a moment for each."""
    stopped = asyncio.Event()
    limits = Limits(stopping=0.2, look_every=0.05)
    routes = [Route("/", PlainTextResponse(b"x" * 50_000_000)), Route("/body", read_all, methods=["POST"])]
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(Starlette(routes=routes), limits))
        sent = (b"", GET, POST.replace(b" / ", b" /body "))
        held = [await connect(url) for _ in sent]
        for (_, writer), each in zip(held, sent, strict=True):
            writer.write(each)
        await held[1][0].readuntil(b"\r\n\r\n")
        async with asyncio.timeout(STOP_WITHIN_SECONDS - 5):
            await stack.aclose()
        stopped.set()
        for _, writer in held:
            writer.transport.abort()

    assert stopped.is_set()


class Slow:
    """An application that answers when it may."""

    def __init__(self, **options: Any) -> None:
        self.has_begun, self.may_answer = asyncio.Event(), asyncio.Event()
        self.count = 0
        self._response = PlainTextResponse("at last", **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count += 1
        self.has_begun.set()
        await self.may_answer.wait()
        await self._response(scope, receive, send)


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for a whole body, however long it takes."""
    with suppress(ClientDisconnect):
        await Request(scope, receive).body()
        await PlainTextResponse("read")(scope, receive, send)


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


@contextmanager
def small_reader(url: str, path: str) -> Iterator[socket.socket]:
    """Ask for something, with no room for more than a little of it."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        yield reader


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(120):
        with suppress(ConnectionError):
            return await reader.read()
    return b""


async def trickle(writer: asyncio.StreamWriter, piece: bytes = b"x") -> None:
    """Send a little again and again, until the connection has ended."""
    with suppress(ConnectionError):
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(HURRIED.look_every)


async def iterate(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def is_reset(reader: socket.socket) -> bool:
    return reader.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE


def count_alive() -> int:
    gc.collect()
    return sum(isinstance(each, BoundedHttp) for each in gc.get_objects())


def find_lines(caplog: pytest.LogCaptureFixture, name: LogName) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.msg == name]
