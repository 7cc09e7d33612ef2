#!/usr/bin/env bash
# Expected: a whole number given to SQLite from Node is a whole number there, as it is from Python: the documentation of node:sqlite has numbers of JavaScript
# as INTEGER or REAL.
# Happens: node:sqlite and libsql bind every number as REAL, 5 too: a TEXT column, STRICT or not, keeps '5.0', a column without a type 5.0, ? || '' is '5.0',
# json_object has 5.0 and ? / 2 is 2.5 where it is 2 in Python. INTEGER columns turn it back, so it shows in the others alone; read in Node, 5.0 is 5 again.
# (better-sqlite3 does the same and its maintainer calls it expected, issues 524 and 897; nothing in Node's documentation warns.)
# Means: ids that are text for one program and numbers for another do not meet: WHERE id = '42' from Python finds nothing, a UNIQUE key takes 42 and 42.0.
# Give BigInt or String(id).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'node@26.10.0' 'libsql@0.5.29' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import fs from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import Database from 'libsql'

const wanted = { 'node:sqlite': ['5.0', 'real', '5.0', '{"n":5.0}', 2.5, 'integer'], libsql: ['5.0', 'real', '5.0', '{"n":5.0}', 2.5, 'integer'] }
for (const [name, open] of Object.entries({ 'node:sqlite': (file) => new DatabaseSync(file), libsql: (file) => new Database(file) })) {
  const database = open(`${name.replace(':', '-')}.db`)
  const one = (text, ...values) => database.prepare(text).get(...values).x
  database.exec('CREATE TABLE resource (id TEXT UNIQUE, size) ; CREATE TABLE strict (id TEXT) STRICT')
  database.prepare('INSERT INTO resource VALUES (?, ?)').run(5, 5)
  database.prepare('INSERT INTO strict VALUES (?)').run(5)
  const seen = [one('SELECT id AS x FROM resource'), one('SELECT typeof(size) AS x FROM resource'), one('SELECT id AS x FROM strict'),
    one("SELECT json_object('n', ?) AS x", 5), one('SELECT ? / 2 AS x', 5), one('SELECT typeof(?) AS x', 5n)]
  database.close()
  console.log(name, name === 'libsql' ? JSON.parse(fs.readFileSync('node_modules/libsql/package.json')).version : `of Node ${process.version}`, JSON.stringify(seen))
  if (JSON.stringify(seen) !== JSON.stringify(wanted[name])) { console.log('changed'); process.exitCode = 1 }
}
JS
cat >"$dir/read.py" <<'PY'
import sqlite3
import sys

own = sqlite3.connect(":memory:")
own.execute("CREATE TABLE resource (id TEXT, size)")
own.execute("INSERT INTO resource VALUES (?, ?)", (5, 5))
seen = [*own.execute("SELECT id, typeof(size), json_object('n', ?), ? / 2 FROM resource", (5, 5)).fetchone()]
print("Python", sys.version.split()[0], seen)
assert seen == ["5", "integer", '{"n":5}', 2]
for file in ("node-sqlite.db", "libsql.db"):
    found = sqlite3.connect(file).execute("SELECT count(*) FROM resource WHERE id = ?", ("5",)).fetchone()[0]
    print(file, "rows that Python finds by id '5':", found)
    assert found == 0, "changed"
PY
cd "$dir" && node_modules/.bin/node --no-warnings run.mjs && python3 read.py
