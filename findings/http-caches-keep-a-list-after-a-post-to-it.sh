#!/usr/bin/env bash
# Expected: a cache in front of an HTTP client forgets what it kept of an address after a successful POST, PUT, PATCH or DELETE to it (RFC 9111,
# section 4.4, MUST), so that a list read after something was added shows it.
# Happens: CacheControl forgets after PUT, PATCH and DELETE, not after POST; requests-cache and aiohttp-client-cache forget after none of them, also with
# cache_control=True. hishel with rfc=True forgets after each.
# Means: a script that lists add-ons, adds one by POST to the same address and lists again finds it missing and, being careful, adds it once more. Leave
# the cache out where you write: session.cache_disabled(), or Cache-Control: no-cache on the reading that follows.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check requests==2.34.2 CacheControl==0.14.4 requests-cache==1.3.3 \
    aiohttp==3.14.5 aiohttp-client-cache==0.15.0 'hishel[httpx]==2.0.0' httpx==0.28.1
cat >"$dir/run.py" <<'PY'
import asyncio
import http.server
import threading
from importlib.metadata import version

import aiohttp_client_cache
import cachecontrol
import hishel.httpx
import requests
import requests_cache

METHODS = ["POST", "PUT", "PATCH", "DELETE"]
changes = 0


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self):
        global changes
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        changes += self.command != "GET"
        body = str(changes).encode()
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=60")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def seen(client, name):
    """Per method: whether a list read after it is a new one."""
    outcome = {}
    for method in METHODS:
        url = f"{base}/{name}/{method}"
        before = client.request("GET", url).text
        client.request(method, url)
        outcome[method] = client.request("GET", url).text != before
    return outcome


async def seen_by_aiohttp():
    outcome = {}
    async with aiohttp_client_cache.CachedSession(cache=aiohttp_client_cache.CacheBackend(), cache_control=True) as session:
        for method in METHODS:
            texts = []
            for each in ("GET", method, "GET"):
                async with session.request(each, f"{base}/aiohttp/{method}") as response:
                    texts.append(await response.text())
            outcome[method] = texts[2] != texts[0]
    return outcome


hishel_client = getattr(hishel.httpx, "CacheClient", None) or hishel.httpx.SyncCacheClient
found = {
    "CacheControl": seen(cachecontrol.CacheControl(requests.Session()), "cachecontrol"),
    "requests-cache": seen(requests_cache.CachedSession(backend="memory", cache_control=True), "requests"),
    "aiohttp-client-cache": asyncio.run(seen_by_aiohttp()),
    "hishel": seen(hishel_client(rfc=True), "hishel"),
}
for name, outcome in found.items():
    print(f"{name} {version(name)}: a new list after {[method for method in METHODS if outcome[method]]}")
assert found["CacheControl"] == {"POST": False, "PUT": True, "PATCH": True, "DELETE": True}, "changed: CacheControl"
assert not any(found["requests-cache"].values()), "changed: requests-cache"
assert not any(found["aiohttp-client-cache"].values()), "changed: aiohttp-client-cache"
assert all(found["hishel"].values()), "changed: hishel"
PY
cd "$dir" # where hishel keeps its file
"$dir/venv/bin/python" -W ignore "$dir/run.py"
