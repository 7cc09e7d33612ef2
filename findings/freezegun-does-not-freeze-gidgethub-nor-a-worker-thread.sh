#!/usr/bin/env bash
# Expected: under freeze_time("2020-06-01") all Python code that asks for the time gets 2020, but for the modules of a test runner that need the real one.
# Happens: "gi" (GTK), "queue" and "threading" are on the list of those left alone, and a module is on it when its name begins so: in gidgethub, gitlab,
# github, and your own gifts.py or queue_of_invoices.py time.time(), gmtime() and strftime() tell the real time, and datetime.now() 2020. What runs in a
# thread (asyncio.to_thread, an executor, a worker) has threading among its callers and gets the real time too. time-machine freezes all of it. The README
# lists the names as packages, not as beginnings; spulec/freezegun #484 and #307 are open since 2022 and 2019.
# Means: in one function created (datetime) and expires (time.time()) are years apart; a token
# is never seen to expire in a test, or always. Use time-machine, or freezegun.configure(default_ignore_list=[…]).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check freezegun==1.5.5 time-machine==3.6.0 gidgethub==6.0.0
cat >"$dir/run.py" <<'PY'
import asyncio
import datetime
import importlib
import pathlib
import time
from importlib.metadata import version

import freezegun
import gidgethub.apps
import time_machine

CLOCKS = "import datetime, time\ndef clocks():\n    return time.gmtime(time.time()).tm_year, datetime.datetime.now().year\n"
REAL = time.gmtime().tm_year
NAMES = ["invoices", "gifts", "queue_of_invoices"]
for name in NAMES:
    pathlib.Path(__file__).with_name(f"{name}.py").write_text(CLOCKS)
modules = {name: importlib.import_module(name) for name in NAMES}


def issued():
    """When gidgethub says that a token of a GitHub app was made."""
    seen = []
    real, gidgethub.apps.jwt.encode = gidgethub.apps.jwt.encode, lambda payload, *rest, **options: seen.append(payload)
    gidgethub.apps.get_jwt(app_id="1", private_key="")
    gidgethub.apps.jwt.encode = real
    return time.gmtime(seen[0]["iat"]).tm_year


def look():
    found = {name: module.clocks() for name, module in modules.items()}
    found["invoices in asyncio.to_thread"] = asyncio.run(in_thread())
    found["iat of gidgethub"] = issued()
    return found


async def in_thread():
    return await asyncio.to_thread(modules["invoices"].clocks)


with freezegun.freeze_time("2020-06-01"):
    frozen = look()
with time_machine.travel(datetime.datetime(2020, 6, 1, tzinfo=datetime.timezone.utc), tick=False):
    peer = look()
print(f"freezegun {version('freezegun')}, time-machine {version('time-machine')}: the year by time.time() and by datetime.now()")
for name in frozen:
    print(f"    {name:32}{frozen[name]!s:16}{peer[name]}")
assert frozen["invoices"] == (2020, 2020), "changed: the plain name"
assert [frozen[name] for name in frozen if name != "invoices"] == [(REAL, 2020)] * 3 + [REAL], "changed"
assert set(peer.values()) == {(2020, 2020), 2020}, "changed: time-machine"
PY
"$dir/venv/bin/python" "$dir/run.py"
