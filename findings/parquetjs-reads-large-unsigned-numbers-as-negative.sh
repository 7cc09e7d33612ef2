#!/usr/bin/env bash
# Expected: @dsnp/parquetjs, the Parquet reader for Node that is kept up, gives for an unsigned column the numbers that Polars or DuckDB wrote, as
# hyparquet does; it knows the types UINT_32 and UINT_64 by name and has them in its schema.
# Happens: it takes their bits for signed ones: 3000000000 is -1294967296, 2 ** 63 + 1 is a negative BigInt. Small numbers are right, nothing raises.
# Means: bytes, counters and hashes (Polars' hash() is UInt64) turn negative from some size on: a sum of usage shrinks, a join by hash finds no row.
# Write Int64 or text for readers in Node, or read with hyparquet.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error '@dsnp/parquetjs@1.8.8' 'hyparquet@1.33.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0
cat >"$dir/write.py" <<'PY'
from importlib.metadata import version

import duckdb
import polars

print(f"polars {version('polars')}, duckdb {version('duckdb')}")
columns = {"bytes": polars.UInt32, "digest": polars.UInt64}
polars.DataFrame({"bytes": [7, 3_000_000_000], "digest": [7, 2**63 + 1]}, schema=columns).write_parquet("polars.parquet", compression="snappy")
rows = "VALUES (7::UINTEGER, 7::UBIGINT), (3000000000::UINTEGER, 9223372036854775809::UBIGINT)"
duckdb.sql(f"COPY (SELECT * FROM ({rows}) t(bytes, digest)) TO 'duckdb.parquet'")
PY
cat >"$dir/read.mjs" <<'JS'
import fs from 'node:fs'
import { ParquetReader } from '@dsnp/parquetjs'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'

const right = '7 7 | 3000000000 9223372036854775809'
const line = (rows) => rows.map((row) => `${row.bytes} ${row.digest}`).join(' | ')
for (const file of ['polars.parquet', 'duckdb.parquet']) {
  const reader = await ParquetReader.openFile(file)
  const type = reader.schema.fields.bytes.originalType
  const cursor = reader.getCursor()
  const seen = { parquetjs: line([await cursor.next(), await cursor.next()]), hyparquet: line(await parquetReadObjects({ file: await asyncBufferFromFile(file) })) }
  await reader.close()
  console.log(file, type, seen)
  if (seen.hyparquet !== right || seen.parquetjs !== '7 7 | -1294967296 -9223372036854775807') { console.log('changed'); process.exitCode = 1 }
}
console.log('parquetjs', JSON.parse(fs.readFileSync('node_modules/@dsnp/parquetjs/package.json')).version, 'node', process.version)
JS
cd "$dir" && "$dir/venv/bin/python" write.py && node read.mjs
