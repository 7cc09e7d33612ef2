"""Clients that dawdle by the thousand: each holds its connection as long as it is let, and does nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

HEAD = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /heroku/resources HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
AT_ONCE = 100

Say = Callable[[asyncio.StreamWriter], None]

# What each kind sends before it goes quiet; none of them reads.
KINDS: Mapping[str, Say] = {
    "silent": lambda _writer: None,
    "half a head": lambda writer: writer.write(HEAD[:20]),
    "half a body": lambda writer: writer.write(POST + b"x" * 1000),
    "answered, and its body still to come": lambda writer: writer.write(HEAD + b"Content-Length: 9\r\n\r\n"),
    "an answer that is not read": lambda writer: writer.write(HEAD + b"\r\n"),
    "many requests before an answer": lambda writer: writer.write((HEAD + b"\r\n") * 50),
    "kept and idle": lambda writer: writer.write(HEAD.replace(b"openapi.json", b"health") + b"\r\n"),
}


@asynccontextmanager
async def dawdling(port: int, say: Say, *, count: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Hold that many connections, as far as the server lets them be held."""
    writers: list[asyncio.StreamWriter] = []
    room = asyncio.Semaphore(AT_ONCE)

    async def begin() -> None:
        # It may be ended before it has said a word.
        with suppress(ConnectionError):
            async with room:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writers.append(writer)
            say(writer)

    await asyncio.gather(*(begin() for _ in range(count)))
    try:
        yield writers
    finally:
        for writer in writers:
            writer.transport.abort()
