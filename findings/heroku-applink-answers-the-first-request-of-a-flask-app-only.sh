#!/usr/bin/env bash
# Expected: heroku_applink's IntegrationWsgiMiddleware, which its guide puts around a Flask app, gives each request a data_api that can be used;
# its methods are coroutines, so the view is an async one (flask[async]).
# Happens: the middleware makes one aiohttp session with the first request and keeps it. Flask gives each async view an event loop of its own and
# closes it after the answer, so every later request of the process fails within data_api ("Event loop is closed", "attached to a different loop").
# Means: one good answer after each start, then 500s: a smoke test is green. Behind an ASGI server, with IntegrationAsgiMiddleware, there is one
# loop and all is well. The same holds for whatever keeps an async client across async views of a WSGI app.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check heroku-applink==1.1.4 'flask[async]==3.1.3' asgiref==3.13.0 aiohttp==3.14.5
cat >"$dir/run.py" <<'PY'
import asyncio
import base64
import http.server
import json
import logging
import threading
from importlib.metadata import version

import flask
import heroku_applink


class Org(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        record = {"attributes": {"type": "Account"}, "Name": "Acme"}
        body = json.dumps({"totalSize": 1, "done": True, "records": [record]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Org)
threading.Thread(target=server.serve_forever, daemon=True).start()
context = {
    "orgId": "00D",
    "orgDomainUrl": f"http://127.0.0.1:{server.server_port}",
    "userContext": {"userId": "005", "username": "user@example.test"},
    "requestId": "r",
    "accessToken": "made up",
    "apiVersion": "62.0",
}
headers = {"x-client-context": base64.b64encode(json.dumps(context).encode()).decode()}


async def accounts():
    result = await heroku_applink.get_client_context().data_api.query("SELECT Name FROM Account")
    return [record.fields["Name"] for record in result.records]


app = flask.Flask(__name__)
app.add_url_rule("/accounts", view_func=accounts)
app.wsgi_app = heroku_applink.IntegrationWsgiMiddleware(app.wsgi_app)
logging.getLogger(app.name).disabled = True
by_flask = [app.test_client().get("/accounts", headers=headers).status_code for _ in range(4)]


async def by_asgi():
    async def endpoint(scope, receive, send):
        names.append(await accounts())

    names = []
    middleware = heroku_applink.IntegrationAsgiMiddleware(endpoint)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    for _ in range(4):
        await middleware({"type": "http", "headers": raw}, None, None)
    await middleware.connection.close()
    return names


asgi = asyncio.run(by_asgi())
print(f"heroku-applink {version('heroku-applink')}, Flask {version('flask')}, aiohttp {version('aiohttp')}")
print(f"four requests to an async view of Flask: {by_flask}")
print(f"four requests through the ASGI middleware: {asgi}")
assert by_flask == [200, 500, 500, 500], "changed: Flask"
assert asgi == [["Acme"]] * 4, "changed: ASGI"
PY
"$dir/venv/bin/python" "$dir/run.py" 2>"$dir/errors" || { cat "$dir/errors"; exit 1; }
