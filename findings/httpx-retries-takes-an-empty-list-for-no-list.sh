#!/usr/bin/env bash
# Expected: Retry(status_forcelist=[]) of httpx-retries repeats no answer whatever its status (only broken connections), and allowed_methods=[]
# repeats nothing; urllib3's Retry, whose names these are, does so.
# Happens: an empty list counts as none given: the defaults are back, and a GET, PUT or DELETE that is answered 429, 502, 503 or 504 is sent again, ten
# times and without a pause unless told otherwise. retry_on_exceptions=[] beside them means what it says.
# Means: a client that does its own waiting for Heroku's rate limit and hands an empty list on (from a setting, say) spends the quota it meant to save.
# Give what can never match: status_forcelist=[0], allowed_methods=["NONE"].
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check httpx-retries==0.6.0 httpx==0.28.1 urllib3==2.7.0
cat >"$dir/run.py" <<'PY'
import http.server
import threading
from importlib.metadata import version

import httpx
import httpx_retries
import urllib3

SENT = []


class Busy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        SENT.append(self.path)
        self.send_response(429)
        self.send_header("Content-Length", "0")
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/apps"


def by_httpx(options):
    with httpx.Client(transport=httpx_retries.RetryTransport(retry=httpx_retries.Retry(total=3, **options))) as client:
        return client.get(url).status_code


def by_urllib3(options):
    retry = urllib3.Retry(total=3, raise_on_status=False, respect_retry_after_header=False, **options)
    with urllib3.PoolManager(retries=retry) as pool:
        return pool.request("GET", url).status


def count(ask, options):
    SENT.clear()
    assert ask(options) == 429
    return len(SENT)


print(f"httpx-retries {version('httpx-retries')}, urllib3 {version('urllib3')}: requests sent for one GET answered 429, at most 3 repeats")
empty = [{"status_forcelist": []}, {"allowed_methods": []}]
ours = [count(by_httpx, options) for options in empty]
theirs = [count(by_urllib3, options) for options in empty]
way_out = [count(by_httpx, options) for options in ({"status_forcelist": [0]}, {"allowed_methods": ["NONE"]})]
print(f"empty status_forcelist, empty allowed_methods: httpx-retries {ours}, urllib3 {theirs}; what cannot match: httpx-retries {way_out}")
assert ours == [4, 4], "changed: httpx-retries"
assert theirs == [1, 1], "changed: urllib3"
assert way_out == [1, 1], "changed: the way out"
PY
"$dir/venv/bin/python" "$dir/run.py"
