#!/usr/bin/env bash
# Expected: sqlglot translates PostgreSQL's difference of two dates, a number of days, into something that is that number of days on SQLite, or says
# that it cannot.
# Happens: DATE(a) - DATE(b): SQLite subtracts the numbers that the two texts begin with, which are the years. 28 days are 0, and New Year's Eve is a
# year before New Year. No warning, also with unsupported_level=RAISE. DuckDB's date_diff('day', …) is translated to whole days of 24 hours in place
# of midnights passed.
# Means: "add-ons that lived longer than a week", tried on SQLite and run on PostgreSQL, finds none, and nothing says why. On SQLite write
# CAST(julianday(date(a)) - julianday(date(b)) AS INTEGER).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 sqlglot==30.30.0
cat >"$dir/run.py" <<'PY'
import sqlite3
from importlib.metadata import version

import duckdb
import sqlglot

print(f"sqlglot {version('sqlglot')}, DuckDB {duckdb.__version__}, SQLite {sqlite3.sqlite_version}")


def translate(query, source, target):
    return sqlglot.transpile(query, read=source, write=target, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]


def by_both(query, source):
    on_sqlite = translate(query, source, "sqlite")
    lite = sqlite3.connect(":memory:").execute(on_sqlite).fetchone()
    duck = duckdb.execute(translate(query, source, "duckdb")).fetchone()
    print(f"{on_sqlite}\n  SQLite {lite}, DuckDB {duck}")
    return lite, duck


days = by_both("SELECT '2026-03-29'::date - '2026-03-01'::date, '2027-01-01'::date - '2026-12-31'::date", "postgres")
midnights = by_both("SELECT date_diff('day', TIMESTAMP '2026-03-01 23:00:00', TIMESTAMP '2026-03-02 01:00:00')", "duckdb")
assert days == ((0, 1), (28, 1)), "changed: the difference of dates"
assert midnights == ((0,), (1,)), "changed: date_diff"
PY
"$dir/venv/bin/python" "$dir/run.py"
