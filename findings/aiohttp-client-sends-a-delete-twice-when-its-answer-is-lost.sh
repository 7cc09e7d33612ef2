#!/usr/bin/env bash
# Expected: aiohttp's client sends a request once and raises when the server hangs up (so do httpx and requests); retries are add-on packages.
# Happens: a GET, PUT or DELETE that was sent whole and whose connection then closes without an answer is sent again, silently, on a new
# connection as well as on a kept one; POST and PATCH are not. The caller sees the second answer only.
# Means: the server did the DELETE, died before it answered, and the caller is told 404 by the repeat: "it was never there". Whoever retries on
# top, counts calls, or reads a meaning into 404 or 410 after a DELETE must know that one call can be two.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'aiohttp==3.14.5'
"$dir/venv/bin/python" - <<'PY'
import asyncio

import aiohttp

seen: list[str] = []
things: set[str] = set()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split("\r\n")[0].split(" ")
            if path == "/warm":
                status = "200 OK"
            else:
                seen.append(method)
                status = "404 Not Found"
                if path in things:  # done, but the process dies before it answers
                    things.discard(path)
                    break
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
    except asyncio.IncompleteReadError:
        pass
    writer.close()


async def call(base: str, method: str, *, warm: bool) -> str:
    seen.clear()
    things.add("/things/1")
    async with aiohttp.ClientSession() as session:
        if warm:
            await (await session.get(base + "/warm")).read()
        try:
            async with session.request(method, base + "/things/1") as answer:
                result = str(answer.status)
        except aiohttp.ServerDisconnectedError:
            result = "ServerDisconnectedError"
    print(f"{'kept' if warm else 'new '} connection, {method:6}: sent {len(seen)} x, the caller sees {result}")
    return f"{len(seen)} {result}"


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print("aiohttp", aiohttp.__version__)
    for warm in (False, True):
        for method, wanted in (("DELETE", "2 404"), ("PUT", "2 404"), ("GET", "2 404"), ("POST", "1 ServerDisconnectedError"), ("PATCH", "1 ServerDisconnectedError")):
            got = await call(base, method, warm=warm)
            assert got == wanted, f"changed: {method} {got}"
    server.close()


asyncio.run(main())
PY
