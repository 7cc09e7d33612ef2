#!/usr/bin/env bash
# Expected: tableFromJSON of apache-arrow for JavaScript makes null of what a row does not have, as pyarrow (Table.from_pylist), Polars and DuckDB do.
# Happens: the name that a row leaves out is "" in a text column, NaN in a number column and false in a boolean one; only what is null is null. The type
# comes from the first value of each column: a text in a column of numbers is NaN, and in objects only the members of the first one are kept. The
# documentation says "creates a new Table from an array of objects" and no more.
# Means: rows of an API that leaves out what it does not know (an app without pipeline, a plan without price) are read in Python as an app in the
# pipeline "" and a service that is not billed; one NaN makes every sum NaN. Fill rows with null before, or give vectorFromArray a type.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'apache-arrow@21.2.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >"$dir/run.mjs" <<'JS'
import { tableFromJSON, tableToIPC } from 'apache-arrow'
import fs from 'node:fs'

const rows = [
  { app: 'storefront', pipeline: 'shop', price: 5, billed: true, plan: { name: 'basic' } },
  { app: 'billing', plan: { name: 'large', price: 50 } },
  { app: 'search', pipeline: null, price: null, billed: null, plan: null },
  { app: 'mail', pipeline: 'shop', price: 'free', billed: true, plan: { name: 'free' } }
]
fs.writeFileSync('rows.json', JSON.stringify(rows.slice(0, 3)))
fs.writeFileSync('rows.arrow', tableToIPC(tableFromJSON(rows), 'file'))
console.log('apache-arrow', JSON.parse(fs.readFileSync('node_modules/apache-arrow/package.json')).version, 'node', process.version)
JS
cat >"$dir/read.py" <<'PY'
import json
from importlib.metadata import version

import pyarrow

node = pyarrow.ipc.open_file("rows.arrow").read_all().to_pylist()
own = pyarrow.Table.from_pylist(json.load(open("rows.json")), schema=pyarrow.schema({"app": "string", "pipeline": "string", "price": "float64", "billed": "bool"})).to_pylist()
print("pyarrow", version("pyarrow"))
print("from Node:", *node, "by pyarrow itself:", own[1], sep="\n    ")
assert own[1] == {"app": "billing", "pipeline": None, "price": None, "billed": None}
assert node[1]["pipeline"] == "" and node[1]["price"] != node[1]["price"] and node[1]["billed"] is False, "changed: what is missing"
assert node[2] == {"app": "search", "pipeline": None, "price": None, "billed": None, "plan": None}, "changed: what is null"
assert node[1]["plan"] == {"name": "large"} and node[3]["price"] != node[3]["price"], "changed: what does not fit the first row"
PY
cd "$dir" && node run.mjs && venv/bin/python read.py
