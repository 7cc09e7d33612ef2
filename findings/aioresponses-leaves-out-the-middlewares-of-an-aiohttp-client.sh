#!/usr/bin/env bash
# Expected: a test that answers an aiohttp client's requests with aioresponses runs the rest of the client as production does: the session's
# middlewares (aiohttp 3.12 and later: signing, tokens, retries) are called, and a call's recorded headers are those that would be sent.
# Happens: aioresponses stands in for the whole of ClientSession's request, middlewares included. None is called: what it would have signed, tried
# again or refused is not, and the recorded call has no header of it. No warning. raise_for_status and base_url of the session are honoured.
# Means: "a 429 is tried again" fails in the test and holds in production, and a middleware that is broken passes every test. Hold middlewares to a
# real server on the loopback (aiohttp.test_utils).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aioresponses==0.7.9 aiohttp==3.13.5
cat >"$dir/run.py" <<'PY'
import asyncio
from importlib.metadata import version

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aioresponses import aioresponses


def retrying(seen):
    async def middleware(request, handler):
        request.headers["Authorization"] = "Bearer made-up"
        seen.append("called")
        response = await handler(request)
        return await handler(request) if response.status == 429 else response

    return middleware


async def ask(url, seen):
    async with aiohttp.ClientSession(middlewares=[retrying(seen)]) as session, session.get(url) as response:
        return response.status


async def real():
    sent, seen = [], []

    async def answer(request):
        sent.append(request.headers.get("Authorization"))
        return web.Response(status=429 if len(sent) == 1 else 200)

    app = web.Application()
    app.router.add_get("/apps", answer)
    async with TestServer(app) as server:
        return await ask(server.make_url("/apps"), seen), seen, sent


async def mocked():
    seen = []
    with aioresponses() as answers:
        answers.get("https://api.example/apps", status=429)
        answers.get("https://api.example/apps", status=200)
        status = await ask("https://api.example/apps", seen)
        sent = [(call.kwargs.get("headers") or {}).get("Authorization") for calls in answers.requests.values() for call in calls]
    return status, seen, sent


print(f"aioresponses {version('aioresponses')}, aiohttp {version('aiohttp')}")
by_server, by_mock = asyncio.run(real()), asyncio.run(mocked())
print(f"a server:     status, middleware, headers {by_server}")
print(f"aioresponses: status, middleware, headers {by_mock}")
assert by_server == (200, ["called"], ["Bearer made-up"] * 2), "changed: aiohttp"
assert by_mock == (429, [], [None]), "changed: aioresponses"
PY
"$dir/venv/bin/python" "$dir/run.py"
