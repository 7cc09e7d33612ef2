#!/usr/bin/env bash
# Expected: client.get(url, params={"state": ["failed", "pending"]}) of zapros asks for ?state=failed&state=pending: its guide on query parameters shows just this as
# "list value for repeated keys".
# Happens: it asks for ?state=failed. The same with a list of pairs, with a text, with URLSearchParams and with default_params, and for a query that stands in the URL
# already and that nobody touched: every further value of a name is dropped, silently. In a form= body all values are sent.
# Means: a list filtered by two states shows one of them, and a signed or copied link is another one. Ask once for each value.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check zapros==0.23.0
cat >"$dir/run.py" <<'PY'
import http.server
import threading
from importlib.metadata import version

from zapros import Client, URLSearchParams


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the path and the body that it was sent."""

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = self.path.encode() + b" " + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/addons"
print("zapros", version("zapros"))
both = [("state", "failed"), ("state", "pending")]
with Client() as client, Client(default_params=both) as preset:
    found = {
        "params={'state': [two]}": client.get(address, params={"state": ["failed", "pending"]}),
        "params=[two pairs]": client.get(address, params=both),
        "params=text": client.get(address, params="state=failed&state=pending"),
        "params=URLSearchParams": client.get(address, params=URLSearchParams(both)),
        "default_params": preset.get(address),
        "in the URL": client.get(f"{address}?state=failed&state=pending"),
        "form={'state': [two]}": client.post(address, form={"state": ["failed", "pending"]}),
    }
for name, response in found.items():
    text = response.read().decode()
    print(f"{name:25}{text}")
    assert text.strip() == ("/addons state=failed&state=pending" if name.startswith("form") else "/addons?state=failed"), "changed"
server.shutdown()
PY
timeout --signal=KILL 60 "$dir/venv/bin/python" "$dir/run.py"
