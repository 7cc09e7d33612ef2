#!/usr/bin/env bash
# Expected: name.startswith("web_") of ibis is the same on each of its backends, and a test of text, as in Python; patterns have like().
# Happens: on SQLite it is written as LIKE with the prefix as it is: "_" is any letter, "%" any text: "web-2" begins with
# "web_", and endswith() is alike (upper and lower case it does tell apart). DuckDB and polars take it as text, and contains() is right on
# SQLite too. On polars others differ: replace() changes the first place only, nunique() counts the missing value, and % has the sign of the divisor. No warning.
# Means: the tests on DuckDB are green, and a report on SQLite counts foreign apps, dynos or keys with a prefix ("sk_", "web_", "50%"). Compare a
# part: name.left(4) == "web_".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'ibis-framework[sqlite,duckdb,polars]==12.0.0' 'sqlglot==30.30.0' 'duckdb==1.5.6' 'polars==2.1.0'
cat >"$dir/run.py" <<'PY'
import sqlite3
import sys
from importlib.metadata import version

import ibis
import polars
import pyarrow

NAMES = ["web_1", "web-2", "WEBX", "a.b.c", None]
table = pyarrow.table({"name": NAMES, "number": list(range(-2, 3))})
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("CREATE TABLE app (name text, number bigint)")
    connection.executemany("INSERT INTO app VALUES (?, ?)", zip(*table.to_pydict().values()))
duckdb = ibis.duckdb.connect()
duckdb.con.register("app", table)
backends = {
    "sqlite": ibis.sqlite.connect(sys.argv[1]),
    "duckdb": duckdb,
    "polars": ibis.polars.connect({"app": polars.from_arrow(table)}),
}


def ask(app):
    found = {
        "startswith": app.filter(app.name.startswith("web_")).name,
        "endswith": app.filter(app.name.endswith("_1")).name,
        "contains": app.filter(app.name.contains("b_")).name,
        "replace": app.filter(app.name == "a.b.c").select(it=app.name.replace(".", "-")).it,
        "nunique": app.aggregate(it=app.name.nunique()).it,
        "-2 % 5": app.filter(app.number == -2).select(it=app.number % 5).it,
    }
    return {name: expression.to_pyarrow().to_pylist() for name, expression in found.items()}


print(f"ibis {version('ibis-framework')}; names {NAMES}; startswith web_, endswith _1, contains b_")
found = {name: ask(backend.table("app")) for name, backend in backends.items()}
for name, answers in found.items():
    print(f"    {name}: {answers}")
text = {"startswith": ["web_1"], "endswith": ["web_1"], "contains": ["web_1"], "replace": ["a-b-c"], "nunique": [4], "-2 % 5": [-2]}
assert found["duckdb"] == text, "changed: DuckDB"
assert found["sqlite"] == {**text, "startswith": ["web_1", "web-2"]}, "changed: SQLite"
assert found["polars"] == {**text, "replace": ["a-b.c"], "nunique": [5], "-2 % 5": [3]}, "changed: polars"
PY
"$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/apps.db"
