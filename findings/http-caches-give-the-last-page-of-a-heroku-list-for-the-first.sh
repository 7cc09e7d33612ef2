#!/usr/bin/env bash
# Expected: a client of the Platform API with an HTTP cache reads a list of several pages (Range in, 206 and Next-Range out, 200 for the last page)
# twice and gets all of it twice; at worst nothing is cached.
# Happens: requests-cache, aiohttp-client-cache and hishel store the 200 of the last page and not the 206s before it, under the address alone: the
# second reading asks for the first page, is given the last one, and ends there, since a last page has no Next-Range. CacheControl does not.
# Means: from the second reading on, for as long as the entry lives, an account has only its last apps or add-ons, and nothing raises. Let the
# Range header count (match_headers=["Range"] in requests-cache), or ask for up to 1,000 at once and check for 206.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check requests-cache==1.3.3 aiohttp-client-cache==0.15.0 hishel==2.0.0 \
    CacheControl==0.14.4 httpx==0.28.1 requests==2.34.2 aiohttp==3.14.5
cat >"$dir/run.py" <<'PY'
import asyncio
import http.server
import json
import re
import threading
from importlib.metadata import version

import aiohttp_client_cache
import cachecontrol
import hishel
import hishel.httpx
import requests
import requests_cache

APPS = ["app-1", "app-2", "app-3", "app-4", "app-5"]


class Heroku(http.server.BaseHTTPRequestHandler):
    """A list in pages of two, with the caching headers of Heroku's answers."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        after = re.match(r"name \]?([^.]*)\.\.", self.headers["Range"])[1]
        names = [name for name in APPS if name > after]
        body = json.dumps([{"name": name} for name in names[:2]]).encode()
        self.send_response(206 if names[2:] else 200)
        if names[2:]:
            self.send_header("Next-Range", f"name ]{names[1]}..; max=2")
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "private, no-cache")
        self.send_header("Vary", "Accept-Encoding")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Heroku)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/apps"


def read(get):
    found, wanted = [], "name ..; max=2"
    while wanted:
        response = get(url, headers={"Range": wanted})
        found += [app["name"] for app in response.json()]
        wanted = response.headers.get("Next-Range")
    return found


async def read_twice_async():
    async with aiohttp_client_cache.CachedSession(cache=aiohttp_client_cache.CacheBackend()) as session:
        readings = []
        for _ in range(2):
            found, wanted = [], "name ..; max=2"
            while wanted:
                async with session.get(url, headers={"Range": wanted}) as response:
                    found += [app["name"] for app in await response.json()]
                    wanted = response.headers.get("Next-Range")
            readings.append(found)
        return readings


seen = {}
for name, get in {
    "requests-cache": requests_cache.CachedSession(backend="memory").get,
    "requests-cache with Range": requests_cache.CachedSession(backend="memory", match_headers=["Range"]).get,
    "hishel": hishel.httpx.CacheClient(storage=hishel.SqliteStorage(database_path="cache.db")).get,
    "CacheControl": cachecontrol.CacheControl(requests.Session()).get,
}.items():
    seen[name] = [read(get), read(get)]
seen["aiohttp-client-cache"] = asyncio.run(read_twice_async())
for name, (first, second) in seen.items():
    print(f"{name:26} {version(name.split()[0]):7} first {' '.join(first)} | second {' '.join(second)}")
right = {"requests-cache with Range", "CacheControl"}
for name, readings in seen.items():
    assert readings == [APPS, APPS if name in right else APPS[-1:]], f"changed: {name}"
PY
cd "$dir"
"$dir/venv/bin/python" "$dir/run.py"
