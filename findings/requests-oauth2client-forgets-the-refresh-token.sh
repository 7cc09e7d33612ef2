#!/usr/bin/env bash
# Expected: an answer to a refresh that names no new refresh token leaves the old one in force (RFC 6749, section 6), and a client that renews by
# itself goes on with the old one; requests-oauthlib and authlib do.
# Happens: requests_oauth2client takes the answer for the whole token: the refresh token is gone after the first renewal, silently. The next
# time it sends the expired access token, with no attempt to renew.
# Means: a server that does not rotate works for one lifetime more (8 hours at Heroku) and then answers 401 for ever; short tests see nothing.
# Whoever issues tokens for such clients does well to repeat the refresh token in each answer.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'requests-oauth2client==1.8.0' 'requests-oauthlib==2.0.0' 'authlib==1.9.10' 'requests==2.34.2'
OAUTHLIB_INSECURE_TRANSPORT=1 "$dir/venv/bin/python" -W ignore - <<'PY'
import http.server
import json
import threading
from importlib.metadata import version

import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauth2client import OAuth2AccessTokenAuth, OAuth2Client
from requests_oauthlib import OAuth2Session

sent: list[str] = []


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        answer = {"access_token": f"access-{len(sent)}", "token_type": "Bearer", "expires_in": 30}
        if "grant_type=authorization_code" in form:
            answer["refresh_token"] = "refresh-1"
        sent.append("renewal" if "refresh-1" in form else "exchange")
        self.answer(json.dumps(answer).encode())

    def do_GET(self) -> None:
        sent.append(self.headers["authorization"])
        self.answer(b"{}")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
for name, session in (("requests-oauthlib", OAuth2Session(client_id="c")), ("authlib", AuthlibSession(client_id="c", client_secret="s"))):
    session.fetch_token(base + "/token", code="grant", client_secret="s")
    session.refresh_token(base + "/token", client_secret="s")
    print(f"{name} {version(name)}: after a renewal the refresh token is", session.token.get("refresh_token"))
    assert session.token["refresh_token"] == "refresh-1", f"changed: {name}"
client = OAuth2Client(base + "/token", ("c", "s"), testing=True)
auth = OAuth2AccessTokenAuth(client=client, token=client.authorization_code("grant"), leeway=60)  # 30 s of life: due at each call
sent.clear()
for call in (1, 2, 3):
    requests.get(base + "/thing", auth=auth, timeout=5)
    print(f"requests-oauth2client {version('requests-oauth2client')}, call {call}: sent {sent}, refresh token {auth.token.refresh_token}")
    assert sent == (["renewal", "Bearer access-0"] if call == 1 else ["Bearer access-0"]), "changed: it renews again"
    assert auth.token.refresh_token is None, "changed: it keeps the refresh token"
    sent.clear()
server.shutdown()
PY
