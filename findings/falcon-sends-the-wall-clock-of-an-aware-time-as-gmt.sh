#!/usr/bin/env bash
# Expected: resp.last_modified and resp.expires take an aware datetime and send the same moment in GMT, as Werkzeug does, and as Falcon itself does for the
# expiry of a cookie.
# Happens: Falcon writes the wall clock of the time's own zone and puts GMT behind it: 10:00 in Berlin is sent as 10:00 GMT, an hour late, 10:00 in New York five
# hours early. The documentation says "assumed to be UTC" of what it takes; the zone that the time has is looked at by nothing. What req.if_modified_since
# gives is aware since 4.0.
# Means: a page in Berlin says that it was changed in the future, and what is changed within the hour after is "not modified" to every client that asks with
# the date it was given. A page in New York expires before it was made. Give .astimezone(timezone.utc).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check falcon==4.4.0 werkzeug==3.1.8 tzdata==2026.6
cat >"$dir/run.py" <<'PY'
import datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

import falcon
import falcon.testing
from werkzeug.http import http_date


class Status:
    def on_get(self, req, resp, city):
        changed = datetime.datetime(2026, 12, 1, 10, tzinfo=ZoneInfo(city.replace("-", "/")))
        resp.last_modified = resp.expires = changed
        resp.set_cookie("seen", "1", expires=changed)
        resp.text = http_date(changed)


app = falcon.App()
app.add_route("/{city}", Status())
client = falcon.testing.TestClient(app)
print("falcon", version("falcon"), "werkzeug", version("werkzeug"))
for city, moment in (("Etc-UTC", "10:00"), ("Europe-Berlin", "09:00"), ("America-New_York", "15:00")):
    answer = client.simulate_get(f"/{city}")
    sent = answer.headers["last-modified"]
    print(f"10:00 in {city}: last-modified {sent}, its cookie until {answer.cookies['seen'].expires:%H:%M}, werkzeug {answer.text}")
    assert sent == answer.headers["expires"] == "Tue, 01 Dec 2026 10:00:00 GMT", f"changed: {sent}"
    assert moment == f"{answer.cookies['seen'].expires:%H:%M}", "changed: the cookie"
    assert answer.text == f"Tue, 01 Dec 2026 {moment}:00 GMT", "changed: werkzeug"
PY
"$dir/venv/bin/python" "$dir/run.py"
