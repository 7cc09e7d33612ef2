#!/usr/bin/env bash
# Expected: Webhook.sign(id, time, body) of a time with a zone signs the moment, as .timestamp() and the webhook-timestamp header have it.
# Happens: the zone is thrown away and the wall clock taken for UTC: an aware time in Berlin is signed an hour off. svix signs through the same code.
# Means: a sender that takes its time with a zone other than UTC (datetime.now().astimezone(), a column read in the session's zone) sends
# signatures that every receiver refuses, on a developer's machine set to UTC they are right, and the error only says "No matching signature found".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'standardwebhooks==1.1.0'
"$dir/venv/bin/python" - <<'PY'
import base64
import datetime
from importlib.metadata import version

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook("whsec_" + base64.b64encode(b"a made-up secret of 24 b").decode())
moment = datetime.datetime.now(datetime.timezone.utc)
body = '{"action": "create"}'
print("standardwebhooks", version("standardwebhooks"))
got = {}
for name, hours in (("UTC", 0), ("UTC+1", 1), ("UTC-5", -5)):
    time = moment.astimezone(datetime.timezone(datetime.timedelta(hours=hours)))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.timestamp())), "webhook-signature": webhook.sign("msg_1", time, body)}
    try:
        got[name] = f"verified: {webhook.verify(body, headers)}"
    except WebhookVerificationError as error:
        got[name] = f"WebhookVerificationError: {error}"
    print(f"{name:6} same moment {time == moment}  {headers['webhook-signature'][:14]}…  {got[name]}")
assert got["UTC"].startswith("verified"), "changed: not even UTC is right"
assert all(got[name].startswith("Webhook") for name in ("UTC+1", "UTC-5")), "changed: the moment is signed"
PY
