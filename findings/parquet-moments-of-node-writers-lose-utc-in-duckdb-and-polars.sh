#!/usr/bin/env bash
# Expected: a JavaScript Date, which is a moment, written to Parquet by hyparquet-writer or parquetjs is that moment to whoever reads the file. Both write
# the older mark TIMESTAMP_MILLIS, and the format's own rules say that it means UTC.
# Happens: pyarrow, and pandas through it, read a time in UTC; DuckDB, Polars and fastparquet read the same column as a wall clock without a zone.
# Means: compared with a moment, such a column is shifted in DuckDB by the zone of whoever asks: usage that a Node service exported is joined to the
# stage of five hours later, and 23:30 of one day falls on the next. Cast it in UTC (SET TimeZone = 'UTC', or col AT TIME ZONE 'UTC').
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'hyparquet-writer@0.17.0' '@dsnp/parquetjs@1.8.8' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0 fastparquet==2026.9.0 pandas==3.1.1
cat >"$dir/write.mjs" <<'JS'
import { ParquetSchema, ParquetWriter } from '@dsnp/parquetjs'
import { parquetWriteFile } from 'hyparquet-writer'
const moment = new Date('2026-11-30T23:30:00Z')
parquetWriteFile({ filename: 'hyparquet-writer.parquet', columnData: [{ name: 'moment', data: [moment] }] })
const writer = await ParquetWriter.openFile(new ParquetSchema({ moment: { type: 'TIMESTAMP_MILLIS' } }), 'parquetjs.parquet')
await writer.appendRow({ moment })
await writer.close()
JS
cat >"$dir/read.py" <<'PY'
from importlib.metadata import version

import duckdb
import fastparquet
import polars
import pyarrow.parquet

print(" ".join(f"{name} {version(name)}" for name in ("pyarrow", "duckdb", "polars", "fastparquet")))
duckdb.sql("SET TimeZone = 'America/New_York'")
for file in ("hyparquet-writer.parquet", "parquetjs.parquet"):
    arrow = pyarrow.parquet.read_schema(file).field("moment").type
    kind, utc = duckdb.sql(f"SELECT typeof(moment), (moment::TIMESTAMPTZ AT TIME ZONE 'UTC')::VARCHAR FROM '{file}'").fetchall()[0]
    frame = polars.read_parquet(file).schema["moment"]
    fast = fastparquet.ParquetFile(file).to_pandas().dtypes["moment"]
    print(f"{file}: pyarrow {arrow}; DuckDB {kind}, as a moment {utc} UTC; Polars zone {frame.time_zone}; fastparquet {fast}")
    assert arrow.tz == "UTC", "changed: pyarrow"
    assert (kind, utc) == ("TIMESTAMP", "2026-12-01 04:30:00"), "changed: DuckDB"
    assert frame.time_zone is None and "UTC" not in str(fast), "changed: Polars or fastparquet"
PY
cd "$dir" && node write.mjs && "$dir/venv/bin/python" read.py
