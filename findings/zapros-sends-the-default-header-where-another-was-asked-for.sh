#!/usr/bin/env bash
# Expected: headers={"range": "name ..; max=200"} of one request takes the place of zapros's default_headers={"Range": "id .."}: by its guide "headers passed directly to
# the request override any matching default headers", and names of headers are the same in small and capital letters, as they are in its Headers.
# Happens: it does so only where both are spelt alike; otherwise the request's header is dropped, silently, and the default is sent.
# Means: a page of a list is the first one again, and an Accept of another version is not sent, since one file writes "Range" and another "range". Spell them alike
# everywhere.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check zapros==0.23.0 httpx==0.28.1
cat >"$dir/run.py" <<'PY'
import http.server
import json
import threading
from importlib.metadata import version

import httpx
import zapros


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the headers that it was sent."""

    def do_GET(self):
        answer = json.dumps(self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


def sent(client, headers):
    """The values that arrive under the name of the header, however it is spelt."""
    [name] = headers
    return [value for key, value in json.loads(client.get(address, headers=headers).read()) if key.lower() == name.lower()]


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
print("zapros", version("zapros"), "httpx", version("httpx"))
CASES = [  # default, header of the request, whether zapros sends that of the request
    ({"Range": "id .."}, {"Range": "name ..; max=200"}, True),
    ({"Range": "id .."}, {"range": "name ..; max=200"}, False),
    ({"range": "id .."}, {"Range": "name ..; max=200"}, False),
    ({"Accept": "application/json"}, {"accept": "text/csv"}, False),
]
for default, headers, overridden in CASES:
    with zapros.Client(default_headers=default) as client, httpx.Client(headers=default, trust_env=False) as peer:
        found, other = sent(client, headers), sent(peer, headers)
    print(f"{default!s:38}{headers!s:42}zapros {found} httpx {other}")
    assert other == list(headers.values()), "changed: httpx"
    assert found == list((headers if overridden else default).values()), "changed: zapros"
server.shutdown()
PY
timeout --signal=KILL 60 "$dir/venv/bin/python" "$dir/run.py"
