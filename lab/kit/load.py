"""A client that asks as fast as it is answered, and costs little itself."""

import asyncio
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from statistics import quantiles
from time import perf_counter

import uvloop

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a load test measured; times in seconds."""

    per_second: float
    p50: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def build_request(method: str, path: str, headers: Mapping[str, str], body: str = "") -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, *length, "", body]).encode()


def ask(port: int, request: bytes) -> Answer:
    """Send one request.

    Raises:
        RuntimeError: it was refused.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        answer = Answer(status=response.status, headers=response.headers, body=response.read())
    if answer.status >= 400:
        raise RuntimeError(f"Refused: {answer}")
    return answer


def measure(
    port: int,
    build_request: Callable[[], bytes],
    *,
    status: int,
    connections: int,
    seconds: float,
    per_second: float | None = None,
    count: int | None = None,
) -> Load:
    """Send requests for a while, over connections that are kept as long as the server keeps them; or so many of them.

    They are sent as fast as they are answered, or so many per second: then an answer's time counts from when its
    request was due, also where the answer before it was late.

    Raises:
        RuntimeError: one was answered with another status.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        task = _Task(
            port=port,
            build_request=build_request,
            status=b" %d " % status,
            deadline=perf_counter() + seconds,
            count=count,
            pause=0.0 if per_second is None else connections / per_second,
        )
        return runner.run(_measure(task, connections))


async def _measure(task: "_Task", connections: int) -> Load:
    started = perf_counter()
    await asyncio.gather(*(task.work(number * task.pause / connections) for number in range(connections)))
    elapsed = perf_counter() - started
    percentiles = quantiles(task.took, n=100)
    return Load(per_second=len(task.took) / elapsed, p50=percentiles[49], p99=percentiles[98])


class _Task:
    """What all connections do together: `took` has the time of each answer. It ends with a number or with a moment."""

    def __init__(
        self,
        *,
        port: int,
        build_request: Callable[[], bytes],
        status: bytes,
        deadline: float,
        count: int | None,
        pause: float,
    ) -> None:
        self.port = port
        self.build_request = build_request
        self.status = status
        self.deadline = deadline
        self.count = count
        self.asked = 0
        self.pause = pause
        self.took: list[float] = []

    def is_over(self) -> bool:
        return perf_counter() >= self.deadline if self.count is None else self.asked >= self.count

    async def work(self, delay: float) -> None:
        """Ask over one connection after the other, for the first time after a delay."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay)
        while not self.is_over():
            _, connection = await loop.create_connection(lambda: _Connection(self, loop), "127.0.0.1", self.port)
            await connection.ended


class _Connection(asyncio.Protocol):
    """Asks again with every answer, until the time is over or the server wants no more."""

    transport: asyncio.Transport

    def __init__(self, task: _Task, loop: asyncio.AbstractEventLoop) -> None:
        self.task = task
        self.loop = loop
        self.ended: asyncio.Future[None] = loop.create_future()
        self.received = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.due = perf_counter()
        self.ask()

    def ask(self) -> None:
        if self.task.is_over():
            self.transport.close()
        elif not self.transport.is_closing():
            self.received = b""
            self.task.asked += 1
            self.transport.write(self.task.build_request())

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not _is_whole(self.received):
            return
        now = perf_counter()
        self.task.took.append(now - self.due)
        if self.task.status not in self.received[:20]:
            self.ended.set_exception(RuntimeError(f"Answered otherwise: {self.received!r}"))
            self.transport.close()
        elif self.task.is_over() or b"\r\nConnection: close\r\n" in self.received:
            self.transport.close()
        elif self.task.pause == 0.0:
            self.due = now
            self.ask()
        else:
            self.due += self.task.pause
            self.loop.call_later(max(self.due - now, 0.0), self.ask)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = CONTENT_LENGTH.search(head)
    # What has no length, a 304, has no body.
    return bool(end) and len(body) >= (int(length[1]) if length else 0)
