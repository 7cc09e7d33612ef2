"""Open boards, as their script keeps them current: `python -m lab.bench.apart.polling PORT SECONDS`; cookies as JSON.

Each has a connection of its own, asks with the version that it has, and lets the service wait, and waits itself, as
long as the script does. A line says when all of them have been answered once. At the end one line of JSON tells how
long pages took, in seconds, how often each status came, and when each page came to which board, in seconds of the
system's clock.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import Any

import uvloop

import headrace
from lab.kit.load import CONTENT_LENGTH, build_request

# What is printed once every board is open.
ALL_OPEN = "open\n"
SCRIPT = Path(headrace.__file__).parent / "static" / "board.js"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ETAG = re.compile(rb"\r\netag: *(\S+)", re.IGNORECASE)


def read_constant(name: str) -> int:
    """Return what the board's script has by that name."""
    found = re.search(rf"{name} = (\d+);", SCRIPT.read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1])


class Polling:
    """What all boards do together."""

    def __init__(self, port: int, *, boards: int, seconds: float) -> None:
        self.port = port
        self.unopened = set(range(boards))
        self.pace = read_constant("LOOK_EVERY") / 1000
        self.short = read_constant("SHORT_PAUSE") / 1000
        self.wait = read_constant("WAIT")
        self.deadline = time.monotonic() + seconds
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.pages: list[tuple[int, float]] = []
        self.reconnected = 0

    async def keep_current(self, board: int, cookie: str) -> None:
        version, connection = "", None
        await asyncio.sleep(random.random() * self.pace)
        while time.monotonic() < self.deadline:
            session = {"Cookie": f"headrace_session={cookie}"}
            briefly = {"If-None-Match": version, "Prefer": f"return=minimal, wait={self.wait}"} if version else {}
            began = asked = time.perf_counter()
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.port)
                status, version = await _ask(connection, build_request("GET", "/board", {**session, **briefly}))
                if status == 204:
                    # The script names what it has, and is sent less.
                    asked = time.perf_counter()
                    status, version = await _ask(connection, build_request("POST", "/board", session, "{}"))
            except (ConnectionError, asyncio.IncompleteReadError):
                # The server closes what has been still for a while; a browser asks again on a new connection.
                connection = None
                self.reconnected += 1
                continue
            self.note(board, status, time.perf_counter() - asked)
            pause = self.pace if time.perf_counter() - began < self.wait else self.short
            await asyncio.sleep(pause * (0.75 + random.random() / 2))

    def note(self, board: int, status: int, took: float) -> None:
        self.statuses[status] += 1
        if board in self.unopened:
            self.unopened.remove(board)
            if not self.unopened:
                print(ALL_OPEN, end="", flush=True)
        if status == 200:
            self.took.append(took)
            self.pages.append((board, time.time()))

    def report(self) -> dict[str, Any]:
        percentiles = quantiles(self.took, n=100)
        return {
            "p50": percentiles[49],
            "p99": percentiles[98],
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "pages": self.pages,
            "reconnected": self.reconnected,
        }


async def _ask(connection: Connection, request: bytes) -> tuple[int, str]:
    """Return the status, and the version that the answer has."""
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status, length, version = int(head.split(maxsplit=2)[1]), CONTENT_LENGTH.search(head), ETAG.search(head)
    if status == 200 and length:
        await reader.readexactly(int(length[1]))
    return status, version[1].decode() if version else ""


async def poll(port: int, seconds: float, cookies: list[str]) -> dict[str, Any]:
    polling = Polling(port, boards=len(cookies), seconds=seconds)
    async with asyncio.TaskGroup() as tasks:
        for board, cookie in enumerate(cookies):
            tasks.create_task(polling.keep_current(board, cookie))
    return polling.report()


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    cookies = json.loads(sys.stdin.readline())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(poll(port, seconds, cookies))), flush=True)


if __name__ == "__main__":
    main()
