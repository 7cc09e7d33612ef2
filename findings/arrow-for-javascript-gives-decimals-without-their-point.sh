#!/usr/bin/env bash
# Expected: a decimal that pyarrow, Polars or DuckDB wrote is that number in apache-arrow for JavaScript: 19.99, as number, as text or with its scale.
# Happens: it is a number without its point: String(value), `${value}` and Number(value) all give 1999 for 19.99, and 110 for 1.10. The scale stands only
# in the type of the column; nothing warns. hyparquet gives 19.99 for the same column in Parquet. (Open since 2021, arrow-js issues 77, 81 and 100; the
# documentation of Decimal is silent.)
# Means: prices read through Arrow are a hundred times too large, in another column with four places ten thousand times. Divide by 10 ** type.scale, or
# cast to float or text where it is written.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'apache-arrow@21.2.0' 'hyparquet@1.33.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >"$dir/write.py" <<'PY'
from decimal import Decimal
from importlib.metadata import version

import pyarrow
import pyarrow.parquet

prices = [Decimal("19.99"), Decimal("-0.29"), Decimal("1.10")]
table = pyarrow.table({"cents": pyarrow.array(prices, pyarrow.decimal128(10, 2)), "fine": pyarrow.array(prices, pyarrow.decimal128(10, 4))})
with pyarrow.OSFile("prices.arrow", "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
    writer.write(table)
pyarrow.parquet.write_table(table, "prices.parquet")
print("pyarrow", version("pyarrow"), *prices)
PY
cat >"$dir/read.mjs" <<'JS'
import { tableFromIPC } from 'apache-arrow'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import fs from 'node:fs'

const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('apache-arrow', version('apache-arrow'), 'hyparquet', version('hyparquet'), 'node', process.version)
const table = tableFromIPC(fs.readFileSync('prices.arrow'))
const other = await parquetReadObjects({ file: await asyncBufferFromFile('prices.parquet') })
for (const [column, wanted] of Object.entries({ cents: '1999 -29 110', fine: '199900 -2900 11000' })) {
  const values = [...table.getChild(column)]
  const shown = [String, Number].map((read) => values.map(read).join(' '))
  console.log(String(table.schema.fields.find((field) => field.name === column).type), 'as text and number:', shown, 'hyparquet:', other.map((row) => row[column]).join(' '))
  if (shown.some((seen) => seen !== wanted) || other[0][column] !== 19.99) { console.log('changed'); process.exitCode = 1 }
}
JS
cd "$dir" && venv/bin/python write.py && node read.mjs
