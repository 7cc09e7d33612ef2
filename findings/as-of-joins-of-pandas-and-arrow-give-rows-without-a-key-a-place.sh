#!/usr/bin/env bash
# Expected: an as-of join by a key gives a row whose key is missing nothing, as SQL, whose nulls are equal to nothing, has it.
# Happens: DuckDB's ASOF JOIN and polars' join_asof do so; pandas' merge_asof and pyarrow's join_asof take a missing key for a key like others: the row
# gets what the other table holds for the missing key at that time. Neither docstring mentions it, no warning.
# Means: usage whose resource could not be told is charged to the place of whatever else has no resource (a placement before its resource was known, an
# outer join before), and totals by stage differ between two engines on the same files. Drop rows without a key from the right table first.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1
cat >"$dir/run.py" <<'PY'
import datetime

import duckdb
import pandas
import polars
import pyarrow

DAY = datetime.timedelta(days=1)
MOMENT = datetime.datetime(2026, 11, 2)
usage = pandas.DataFrame({"resource": ["r1", None, "r2"], "moment": [MOMENT] * 3, "calls": [1, 2, 4]})
place = pandas.DataFrame({"resource": ["r1", None, "r2"], "moment": [MOMENT - DAY] * 3, "stage": ["review", "staging", "production"]})
keys = {"on": "moment", "by": "resource"}


def with_arrow():
    left, right = (pyarrow.Table.from_pandas(each, preserve_index=False) for each in (usage, place))
    joined = left.join_asof(right, tolerance=-7 * 86_400_000_000, **keys)
    return dict(zip(joined["calls"].to_pylist(), joined["stage"].to_pylist()))


def with_polars():
    left, right = (polars.from_pandas(each) for each in (usage, place))
    joined = left.join_asof(right, check_sortedness=False, **keys)
    return dict(zip(joined["calls"], joined["stage"]))


def with_pandas():
    joined = pandas.merge_asof(usage, place, **keys)
    return dict(zip(joined["calls"], joined["stage"]))


def with_duckdb():
    return dict(duckdb.sql("SELECT calls, stage FROM usage ASOF LEFT JOIN place USING (resource, moment)").fetchall())


all_placed = {1: "review", 2: "staging", 4: "production"}
one_without = all_placed | {2: None}
wanted = {pandas: (with_pandas, all_placed), pyarrow: (with_arrow, all_placed), polars: (with_polars, one_without), duckdb: (with_duckdb, one_without)}
print("stage by calls; the row with 2 calls has no resource")
for engine, (join, expected) in wanted.items():
    found = dict(sorted(join().items()))
    print(f"{engine.__name__} {engine.__version__}: {found}")
    assert found == expected, f"changed: {engine.__name__}"
PY
"$dir/venv/bin/python" "$dir/run.py"
