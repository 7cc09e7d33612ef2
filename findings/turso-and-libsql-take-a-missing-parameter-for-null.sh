#!/usr/bin/env bash
# Expected: execute("UPDATE … SET state = ? WHERE name = ?", ["gone"]) raises, in Turso's and libSQL's Python packages as in sqlite3, which both take as their
# pattern: there are two marks and one value.
# Happens: both take NULL for what is missing, and raise nothing. In turso also for a name that the mapping does not have (a misspelt one is passed over) and for a
# mapping where the statement has question marks: the whole row is NULL then. libsql passes over values that are too many, too.
# Means: a condition that lost its value finds nothing, an update without values empties the column in all rows, an insert stores NULL, and what tells of a typo
# with sqlite3 tells nothing. Declare columns NOT NULL, and compare the numbers of marks and values before you move.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyturso==0.8.3 libsql==0.1.11
cat >"$dir/run.py" <<'PY'
import sqlite3
import sys
from importlib.metadata import version

import libsql
import turso

NULLED = [("one", None), ("two", None)]
SAME = [("one", "new"), ("two", "new")]
CASES = [  # statement, parameters, rows of turso, rows of libsql (None: it raises)
    ("UPDATE addon SET state = ? WHERE name = ?", ("gone",), SAME, SAME),
    ("UPDATE addon SET state = ?", (), NULLED, NULLED),
    ("INSERT INTO addon VALUES (?, ?)", ("three",), [*SAME, ("three", None)], [*SAME, ("three", None)]),
    ("INSERT INTO addon VALUES (:name, :state)", {"name": "three", "sate": "new"}, [*SAME, ("three", None)], None),
    ("INSERT INTO addon VALUES (?, ?)", {"name": "three", "state": "new"}, [*SAME, (None, None)], None),
    ("INSERT INTO addon VALUES (?, ?)", ("three", "new", "more"), None, [*SAME, ("three", "new")]),
]


def rows_after(module, statement, parameters):
    connection = module.connect(f"{sys.argv[1]}/{module.__name__}.db")
    connection.execute("DROP TABLE IF EXISTS addon")
    connection.execute("CREATE TABLE addon (name TEXT, state TEXT)")
    connection.execute("INSERT INTO addon VALUES ('one', 'new'), ('two', 'new')")
    try:
        connection.execute(statement, parameters)
    except Exception as error:  # each has an exception of its own
        print(f"    {module.__name__:8} {type(error).__name__}: {error}")
        return None
    else:
        rows = connection.execute("SELECT name, state FROM addon").fetchall()
        print(f"    {module.__name__:8} {rows}")
        return rows
    finally:
        connection.rollback()


print(f"turso {version('pyturso')}, libsql {version('libsql')}, sqlite3 of Python {sys.version.split()[0]}")
for statement, parameters, *wanted in CASES:
    print(statement, parameters)
    found = [rows_after(module, statement, parameters) for module in (sqlite3, turso, libsql)]
    assert found == [None, *wanted], "changed"
PY
timeout --signal=KILL 100 "$dir/venv/bin/python" "$dir/run.py" "$dir"
