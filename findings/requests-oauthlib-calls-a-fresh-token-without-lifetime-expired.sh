#!/usr/bin/env bash
# Expected: an answer to a refresh without expires_in (RFC 6749 only recommends it) gives a token of unknown lifetime, and the request that asked for
# the refresh is sent with it; authlib does so.
# Happens: oauthlib keeps the moment at which the old token ran out. The new one is handed to token_updater, and then TokenExpiredError is raised for
# it; each further request fetches one more token and raises too, and none is ever sent. A new session made of the saved token works.
# Means: with such a server a long-lived process stops at its first renewal and uses up a refresh token per call, while a restart heals it, so it looks
# like the server's fault. After a TokenExpiredError, make the session anew from the token that token_updater was given.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check requests-oauthlib==2.0.0 oauthlib==4.0.1 authlib==1.9.10 requests==2.34.2
OAUTHLIB_INSECURE_TRANSPORT=1 "$dir/venv/bin/python" -W ignore - <<'PY'
import http.server
import json
import threading
import time
from importlib.metadata import version

from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import TokenExpiredError
from requests_oauthlib import OAuth2Session

sent: list[str] = []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        sent.append("renewal")
        number = sent.count("renewal")
        self.answer({"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "token_type": "Bearer"})

    def do_GET(self) -> None:
        sent.append(self.headers["authorization"])
        self.answer({})

    def answer(self, value: dict[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def call(session: object) -> str:
    try:
        return str(session.get(base + "/thing").status_code)
    except TokenExpiredError as error:
        return type(error).__name__


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
expired = {"access_token": "old", "refresh_token": "refresh-0", "token_type": "Bearer", "expires_at": time.time() - 60}
credentials = {"client_id": "c", "client_secret": "s"}
saved: list[dict[str, str]] = []
session = OAuth2Session("c", token=dict(expired), auto_refresh_url=base + "/token", auto_refresh_kwargs=credentials, token_updater=saved.append)
outcomes = [call(session) for _ in range(3)]
print(f"requests-oauthlib {version('requests-oauthlib')}, oauthlib {version('oauthlib')}: {outcomes}, sent {sent}, saved {len(saved)}")
assert outcomes == ["TokenExpiredError"] * 3 and sent == ["renewal"] * 3, "changed: requests-oauthlib"
anew = call(OAuth2Session("c", token=saved[-1]))
print(f"a new session with the last saved token: {anew}")
assert anew == "200", "changed: a new session"
sent.clear()
with AuthlibSession("c", "s", token=dict(expired), token_endpoint=base + "/token") as other:
    outcomes = [call(other) for _ in range(3)]
print(f"authlib {version('authlib')}: {outcomes}, sent {sent}")
assert outcomes == ["200"] * 3 and sent == ["renewal"] + ["Bearer access-1"] * 3, "changed: authlib"
server.shutdown()
PY
