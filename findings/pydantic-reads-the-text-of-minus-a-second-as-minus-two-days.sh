#!/usr/bin/env bash
# Expected: pydantic reads what str() writes of a timedelta, for it takes "[-][DD] [day[s], ]HH:MM:SS" and gets all positive ones right: "1 day, 2:00:00".
# Happens: str() of a negative one has the minus at the days only ("-1 day, 23:59:59" is a second below nothing), and pydantic takes it for the whole:
# two days less a second. Only whole days are right. Django reads all of them back. json.dumps(default=str), CSV and log lines hold this text.
# Means: a delay of -1 s becomes -47:59:59, silently and with the right type; sums and alarms of clock differences are off by days. Write isoformat with
# pydantic itself or total_seconds().
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'pydantic==2.14.4' django==5.2.19
cat >"$dir/run.py" <<'PY'
import datetime
from importlib.metadata import version

import pydantic
from django.utils.dateparse import parse_duration

read = pydantic.TypeAdapter(datetime.timedelta)
print(f"pydantic {version('pydantic')}, Django {version('django')}")
for seconds, found in ((95400, 95400), (-1, -172799), (-3600, -169200), (-86400, -86400), (-93600, -252000)):
    delta = datetime.timedelta(seconds=seconds)
    text = str(delta)
    ours, by_json = read.validate_python(text), read.validate_json(f'"{text}"')
    print(f"{text:20} is {seconds} s; pydantic {ours.total_seconds():.0f} s, Django {parse_duration(text).total_seconds():.0f} s")
    assert ours.total_seconds() == by_json.total_seconds() == found, f"changed: {text}"
    assert parse_duration(text) == delta, "changed: Django"
PY
"$dir/venv/bin/python" "$dir/run.py"
