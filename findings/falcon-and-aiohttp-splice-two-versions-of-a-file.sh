#!/usr/bin/env bash
# Expected: a download that broke off goes on with "Range" and "If-Range: the ETag of the part I have", as browsers do it; a server whose file has changed since
# answers 200 with the whole of the new one (RFC 9110, 13.1.5: the Range must be ignored).
# Happens: the static routes of Falcon and of aiohttp send such an ETag and then answer 206 with the rest of the new file. Falcon reads no If-Range at all; aiohttp
# reads dates only, and takes a tag for no condition. With a date, which aiohttp heeds, Falcon answers 206 as well. Starlette answers 200 to both.
# (aiohttp documents if_range as a date, and has a fix merged in August, pull request 13480, that 3.14.5 is without; Falcon does not speak of the header.)
# Means: an export, a dump or a log archive that is written anew while somebody downloads it arrives as the head of one and the tail of the other, with the
# right length and no error. Give each version a name of its own, or serve such files from Starlette or a proxy.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check falcon==4.4.0 aiohttp==3.14.5 starlette==1.10.0 httpx==0.28.1
cat >"$dir/run.py" <<'PY'
import asyncio
import os
import pathlib
from importlib.metadata import version

import falcon.asgi
import httpx
from aiohttp import web
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

FOLDER = pathlib.Path("files").absolute()
FOLDER.mkdir()
FILE = FOLDER / "export.csv"


def write(text, at):
    FILE.write_text(text)
    os.utime(FILE, (at, at))


async def resumed(client, by):
    """What somebody has who loses the connection after four bytes and goes on when the file is another."""
    write("old,old\n", 1_790_000_000)
    whole = await client.get("/files/export.csv")
    write("new,new\n", 1_790_005_000)
    rest = await client.get("/files/export.csv", headers={"range": "bytes=4-", "if-range": whole.headers[by]})
    return (rest.status_code, whole.text[:4] + rest.text if rest.status_code == 206 else rest.text)


async def main():
    by_falcon = falcon.asgi.App()
    by_falcon.add_static_route("/files", FOLDER)
    by_starlette = Starlette(routes=[Mount("/files", StaticFiles(directory=FOLDER))])
    by_aiohttp = web.Application()
    by_aiohttp.router.add_static("/files", FOLDER)
    runner = web.AppRunner(by_aiohttp)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    clients = {
        "falcon": httpx.AsyncClient(transport=httpx.ASGITransport(by_falcon), base_url="http://test"),
        "aiohttp": httpx.AsyncClient(base_url="http://127.0.0.1:%d" % runner.addresses[0][1]),
        "starlette": httpx.AsyncClient(transport=httpx.ASGITransport(by_starlette), base_url="http://test"),
    }
    spliced, right = (206, "old,new\n"), (200, "new,new\n")
    wanted = {"falcon": (spliced, spliced), "aiohttp": (spliced, right), "starlette": (right, right)}
    for name, client in clients.items():
        seen = (await resumed(client, "etag"), await resumed(client, "last-modified"))
        print(f"{name} {version(name)}: with the tag {seen[0]}, with the date {seen[1]}")
        assert seen == wanted[name], f"changed: {name}"
        await client.aclose()
    await runner.cleanup()


asyncio.run(main())
PY
cd "$dir" && venv/bin/python run.py
