#!/usr/bin/env bash
# Expected: a test that mocks an address with respx or pook, and whose code under test moves from httpx to its successor httpx2 (as Starlette's
# TestClient did), is mocked as before or fails for want of a mock.
# Happens: neither knows httpx2: the call is really sent to the address, respx's promise of assert_all_mocked included, and the real answer comes
# back. vcrpy knows it and refuses.
# Means: after an upgrade a green test of "delete the add-on" may have deleted one. Check that the mock was called, or close the network to tests.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check respx==0.23.1 pook==2.1.6 vcrpy==9.4.2 httpx==0.28.1 httpx2==2.16.2
cat >"$dir/run.py" <<'PY'
import http.server
import threading
from importlib.metadata import version

import httpx
import httpx2
import pook
import respx
import vcr

SENT = []


class Real(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_DELETE(self):
        SENT.append(self.path)
        self.send_response(204)
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Real)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/addons/a"


def by_respx(library):
    with respx.mock(assert_all_mocked=True, assert_all_called=False) as router:
        router.delete(url).respond(202)
        return library.delete(url).status_code


def by_pook(library):
    with pook.use():
        pook.delete(url).reply(202)
        return library.delete(url).status_code


def by_vcr(library):
    try:
        with vcr.VCR(record_mode="none").use_cassette(f"{library.__name__}.yaml"):
            return library.delete(url).status_code
    except vcr.errors.CannotOverwriteExistingCassetteException:
        return "refused"


seen = {}
for name, call in {"respx": by_respx, "pook": by_pook, "vcrpy": by_vcr}.items():
    for library in (httpx, httpx2):
        SENT.clear()
        answer = call(library)
        seen[name, library.__name__] = (answer, len(SENT))
        print(f"{name} {version(name)} with {library.__name__} {version(library.__name__)}: answered {answer}, {len(SENT)} really sent")
assert seen == {
    ("respx", "httpx"): (202, 0),
    ("respx", "httpx2"): (204, 1),
    ("pook", "httpx"): (202, 0),
    ("pook", "httpx2"): (204, 1),
    ("vcrpy", "httpx"): ("refused", 0),
    ("vcrpy", "httpx2"): ("refused", 0),
}, "changed"
PY
cd "$dir"
"$dir/venv/bin/python" "$dir/run.py"
