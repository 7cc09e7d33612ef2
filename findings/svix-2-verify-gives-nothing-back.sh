#!/usr/bin/env bash
# Expected: msg = Webhook(secret).verify(body, headers), the line of Svix's guides for Django and Flask, gives the decoded message.
# Happens: so it was in 1.x; since 2.0 the Python package answers None for every good message, while standardwebhooks, which it is built on, still
# answers the message. No exception, no warning, and the signature is still checked.
# Means: after an upgrade a receiver acknowledges each webhook and then finds no member in it, or, where it tests `if msg:`, ignores all of them
# with a 2xx, so that the sender never repeats one. Decode the body yourself after verify, whichever version is installed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/run.py" <<'PY'
import base64
import datetime
import sys
from importlib.metadata import version

from standardwebhooks import Webhook as Standard
from svix.webhooks import Webhook

secret = "whsec_" + base64.b64encode(b"a made-up secret of 24 b").decode()
moment = datetime.datetime.now(datetime.timezone.utc)
body = '{"action": "create"}'
sign = Webhook(secret).sign("msg_1", moment, body)
headers = {"id": "msg_1", "timestamp": str(int(moment.timestamp())), "signature": sign}
message = Webhook(secret).verify(body, {f"svix-{name}": value for name, value in headers.items()})
standard = Standard(secret).verify(body, {f"webhook-{name}": value for name, value in headers.items()})
print(f"svix {version('svix'):7} verify gives {message!r:24} standardwebhooks {version('standardwebhooks')} gives {standard!r}")
assert standard == {"action": "create"}, "changed: standardwebhooks"
assert message == (None if sys.argv[1] == "nothing" else {"action": "create"}), "changed: svix"
PY
for release in 1.99.1:message 2.9.1:nothing; do
    python3 -m venv "$dir/${release%:*}"
    "$dir/${release%:*}/bin/pip" install --quiet --disable-pip-version-check "svix==${release%:*}" 'standardwebhooks==1.1.0'
    "$dir/${release%:*}/bin/python" "$dir/run.py" "${release#*:}"
done
