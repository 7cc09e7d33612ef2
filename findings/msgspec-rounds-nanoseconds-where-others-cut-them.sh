#!/usr/bin/env bash
# Expected: a time with more than six digits (Go and Java services write nine) loses the rest alike in all Python readers.
# Happens: msgspec rounds to the nearest microsecond, up into the next second, minute, year; datetime.fromisoformat and pydantic cut off.
# Means: one event read by two of them is two moments, one microsecond apart, and msgspec's can lie in the future, or on the next day. A unique
# key on (id, time), an "is it newer?" test or a cursor `since=` built in one place and compared in another then doubles or skips a row.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'msgspec==0.22.0' 'pydantic==2.14.4'
"$dir/venv/bin/python" - <<'PY'
import datetime
import sys
from importlib.metadata import version

import msgspec
import pydantic

if sys.version_info < (3, 11):
    raise SystemExit("needs Python 3.11, whose fromisoformat reads nine digits")
print("msgspec", version("msgspec"), "pydantic", version("pydantic"))
for text, rounded, cut in (
    ("2026-11-23T06:45:29.123456789Z", ".123457", ".123456"),
    ("2026-12-31T23:59:59.999999999Z", "2027-01-01 00:00:00", "2026-12-31 23:59:59.999999"),
):
    readers = {
        "msgspec": msgspec.json.decode(f'"{text}"', type=datetime.datetime),
        "msgspec.convert": msgspec.convert(text, datetime.datetime),
        "fromisoformat": datetime.datetime.fromisoformat(text),
        "pydantic": pydantic.TypeAdapter(datetime.datetime).validate_json(f'"{text}"'),
    }
    print(text)
    for name, time in readers.items():
        print(f"    {name:16}{time}")
        wanted = rounded if name.startswith("msgspec") else cut
        assert wanted in str(time), f"changed: {name} gave {time}"
PY
