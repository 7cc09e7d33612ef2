#!/usr/bin/env bash
# Expected: after an upgrade from hishel 1.x a client still asks again for what was answered with `private, no-cache` or
# `max-age=0, must-revalidate`, as the Platform API answers everything, and still gets the new state.
# Happens: 1.x follows RFC 9111 unless told otherwise; since 2.0 the same two lines store each 200 by its address and give it back without a
# request, whatever the answer said of caching. rfc=True brings the old behaviour back.
# Means: somebody who polls an add-on's state or an app's config vars through it sees the first answer for ever, and nothing warns.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/run.py" <<'PY'
import http.server
import sys
import threading
from importlib.metadata import version

import hishel.httpx

ASKED = []


class Heroku(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        ASKED.append(self.path)
        body = b'{"state": "provisioning"}' if len(ASKED) == 1 else b'{"state": "provisioned"}'
        self.send_response(200)
        self.send_header("ETag", f'W/"{len(ASKED)}"')
        self.send_header("Cache-Control", "private, no-cache")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Heroku)
threading.Thread(target=server.serve_forever, daemon=True).start()
options = {"rfc": True} if "rfc" in sys.argv else {}
client = getattr(hishel.httpx, "CacheClient", None) or hishel.httpx.SyncCacheClient
with client(**options) as heroku:
    states = [heroku.get(f"http://127.0.0.1:{server.server_port}/addons/a").json()["state"] for _ in range(2)]
print(f"hishel {version('hishel')} {options}: {states}, asked {len(ASKED)} times")
assert (states[1], len(ASKED)) == (("provisioned", 2) if sys.argv[1] == "asks" else ("provisioning", 1)), "changed"
PY
cd "$dir"
for release in '1.4.0 asks' '2.0.0 silent' '2.0.0 asks rfc'; do
    read -r number wanted options <<<"$release"
    rm -rf "$dir/.cache" "$dir"/*.db
    [ -d "$dir/$number" ] || {
        python3 -m venv "$dir/$number"
        "$dir/$number/bin/pip" install --quiet --disable-pip-version-check "hishel[httpx]==$number" httpx==0.28.1
    }
    "$dir/$number/bin/python" "$dir/run.py" "$wanted" $options
done
