#!/usr/bin/env bash
# Expected: INSERT, UPDATE or DELETE … RETURNING through Turso's Python package, "compatible with SQLite", is carried out by execute(), as in sqlite3 and as SQLite
# promises: all changes are made before the first row is given out; commit() keeps them.
# Happens: execute() only gets ready. Where nothing is fetched, or the cursor is closed or forgotten, the statement has done nothing: commit() is silent and the
# rows are not there, also under `with connection:` and without transactions. Turso has an open issue on rows that are given out before all is written
# (4388); that nothing at all is written without reading stands nowhere.
# Means: an update whose result nobody looks at, or a DELETE of which only the rowcount (-1) is asked, is lost without a trace. Call fetchall() after each RETURNING.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyturso==0.8.3
cat >"$dir/run.py" <<'PY'
import sqlite3
import sys
from importlib.metadata import version

import turso

CHANGES = {
    "INSERT": ("INSERT INTO addon VALUES ('three', 'new') RETURNING name", 3),
    "UPDATE": ("UPDATE addon SET state = 'gone' RETURNING name", 2),
    "DELETE": ("DELETE FROM addon RETURNING name", 2),
}


def change(module, path, statement, rows, way, **options):
    """How many of the rows the statement has changed once all is committed."""
    connection = module.connect(path, **options)
    connection.execute("DROP TABLE IF EXISTS addon")
    connection.execute("CREATE TABLE addon (name TEXT PRIMARY KEY, state TEXT)")
    connection.execute("INSERT INTO addon VALUES ('one', 'new'), ('two', 'new')")
    connection.commit()
    if way == "with":
        with connection:
            connection.execute(statement)
    else:
        cursor = connection.cursor()
        cursor.execute(statement)
        if way == "fetchall":
            assert len(cursor.fetchall()) == (1 if rows == 3 else 2), "changed: what is returned"
        cursor.close()
        connection.commit()
    connection.close()
    with_new_eyes = module.connect(path)
    left = with_new_eyes.execute("SELECT name, state FROM addon").fetchall()
    with_new_eyes.close()
    return left != [("one", "new"), ("two", "new")]


print(f"is it done? turso {version('pyturso')} (SQLite {turso.sqlite_version}), sqlite3 of Python {sys.version.split()[0]} (SQLite {sqlite3.sqlite_version})")
for name, (statement, rows) in CHANGES.items():
    for way, options in (("fetchall", {}), ("closed", {}), ("with", {}), ("closed", {"isolation_level": None})):
        found = {module.__name__: change(module, f"{sys.argv[1]}/{module.__name__}.db", statement, rows, way, **options) for module in (sqlite3, turso)}
        print(f"{name} {way:9}{str(options or ''):28}{found}")
        assert found == {"sqlite3": True, "turso": way == "fetchall"}, "changed"
PY
timeout --signal=KILL 100 "$dir/venv/bin/python" "$dir/run.py" "$dir"
