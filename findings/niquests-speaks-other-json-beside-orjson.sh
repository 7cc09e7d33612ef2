#!/usr/bin/env bash
# Expected: what json= sends and what Response.json() gives back is a matter of niquests and its version, not of what else is installed.
# Happens: if orjson can be imported, because some other package brought it, niquests uses it. Then NaN is sent as null where it raised InvalidJSONError; a
# member {1: …} and a whole number of more than 64 bits raise where they were sent; a datetime and a UUID are sent where they raised; and of an answer the id
# 100000000000000000001 becomes 1e+20, and NaN raises. (Its package page has an extra "speedups" that brings orjson, and no word of values that change.)
# Means: a client is tested without and runs with it, or the other way round: the upgrade of an unrelated dependency changes bodies. Send data= and read
# .content with a json library of your own choice where a value matters.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check niquests==3.21.2
cat >"$dir/run.py" <<'PY'
import datetime
import http.server
import sys
import threading
from importlib.metadata import version

import niquests


class Echo(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def told(ask):
    try:
        return str(ask())
    except Exception as error:
        return type(error).__name__


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
MOMENT = datetime.datetime(2026, 12, 1, 10)
SENT = {  # without orjson, and with it
    "nan": (float("nan"), "InvalidJSONError", '{"a":null}'),
    "key": ({1: "web"}, '{"a": {"1": "web"}}', "TypeError"),
    "id": (10**20, '{"a": 100000000000000000000}', "TypeError"),
    "time": (MOMENT, "TypeError", '{"a":"2026-12-01T10:00:00"}'),
}
READ = {
    '{"id": 100000000000000000001}': ("{'id': 100000000000000000001}", "{'id': 1e+20}"),
    '{"load": NaN}': ("{'load': nan}", "JSONDecodeError"),
}
beside = "orjson" in sys.argv
print("niquests", version("niquests"), "beside orjson " + version("orjson") if beside else "alone")
for name, (value, *wanted) in SENT.items():
    sent = told(lambda: niquests.post(url, json={"a": value}).text)
    print(f"  sent {name:4} {sent}")
    assert sent == wanted[beside], f"changed: {sent}"
for text, wanted in READ.items():
    read = told(lambda: niquests.post(url, data=text.encode()).json())
    print(f"  read {text} as {read}")
    assert read == wanted[beside], f"changed: {read}"
PY
"$dir/venv/bin/python" "$dir/run.py"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check orjson==3.13.0
"$dir/venv/bin/python" "$dir/run.py" orjson
