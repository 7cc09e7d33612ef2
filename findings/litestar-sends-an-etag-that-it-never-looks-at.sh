#!/usr/bin/env bash
# Expected: a static file that Litestar sends with ETag and Last-Modified is asked for again with If-None-Match, and answered 304 without a body.
# Happens: create_static_files_router sends both validators and answers 200 with the whole file to If-None-Match, to If-Modified-Since and to Range; so does a
# handler that returns File(etag=…). Nothing in Litestar reads these headers. Starlette answers 304 and 206.
# (The documentation describes etag as a header to set, and does not say that the other half is missing.)
# Means: with "no-cache", or once max-age has run out, each look at a page carries all of its scripts and styles again, and a validator that a proxy may rely on
# saves nothing. Let a proxy or CDN answer, put a middleware before it, or give long max-age to names with a digest.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check litestar==2.25.0 starlette==1.10.0 httpx==0.28.1
cat >"$dir/run.py" <<'PY'
import asyncio
import logging
import pathlib
from importlib.metadata import version

import httpx
from litestar import Litestar, get
from litestar.datastructures import ETag
from litestar.response import File
from litestar.static_files import create_static_files_router
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

FOLDER = pathlib.Path("files").absolute()
FOLDER.mkdir()
(FOLDER / "page.js").write_text("console.log(1)\n" * 1000)


@get("/handler/page.js", sync_to_thread=False)
def page() -> File:
    return File(FOLDER / "page.js", etag=ETag(value="v1"))


APPS = {
    "litestar": Litestar([create_static_files_router("/files", [FOLDER]), page]),
    "starlette": Starlette(routes=[Mount("/files", StaticFiles(directory=FOLDER))]),
}


async def looked_at(app, path):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        headers = (await client.get(path)).headers
        asked = ({"if-none-match": headers["etag"]}, {"if-modified-since": headers["last-modified"]}, {"range": "bytes=0-9"})
        again = [await client.get(path, headers=ask) for ask in asked]
        return headers["etag"], [(answer.status_code, len(answer.content)) for answer in again]


async def main():
    print(*(f"{name} {version(name)}" for name in APPS))
    for name, path in (("litestar", "/files/page.js"), ("litestar", "/handler/page.js"), ("starlette", "/files/page.js")):
        tag, seen = await looked_at(APPS[name], path)
        print(f"{name} {path} sends etag {tag} and answers to If-None-Match, If-Modified-Since and Range", *seen)
        wanted = [(200, 15000)] * 3 if name == "litestar" else [(304, 0), (304, 0), (206, 10)]
        assert seen == wanted, f"changed: {seen}"


logging.disable()
asyncio.run(main())
PY
cd "$dir" && venv/bin/python run.py
