#!/usr/bin/env bash
# Expected: pg-mem, the in-memory PostgreSQL for tests of Node services, refuses what it has no means for (it does so often and well) and else answers
# as PostgreSQL does.
# Happens: INSERT … ON CONFLICT DO UPDATE … WHERE … RETURNING gives back the row of the other owner where the WHERE was false and nothing was changed;
# NOT IN of a list with NULL finds rows; numeric(10,2) keeps 19.999, and 123456789.00 where only 99.99 fits; a month after January 31 is in March; an
# integer grows past its range. No error in any of them. Its README calls it experimental and speaks of what is missing, not of other answers.
# Means: "take the lease unless somebody has it" by one statement is the usual claim of a queue, and code that looks whether a row came back is green
# in tests that give each worker everybody's lease. Run such tests on PostgreSQL; PGlite is one in a package.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'pg-mem@3.0.14' '@electric-sql/pglite@0.5.17' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import fs from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { newDb } from 'pg-mem'

const made = `CREATE TABLE lease (name text PRIMARY KEY, owner text, free_at int);
  INSERT INTO lease VALUES ('provision', 'worker-a', 100);
  CREATE TABLE bill (id int PRIMARY KEY, price numeric(10, 2), rate numeric(4, 2));`
const cases = {
  "INSERT INTO lease VALUES ('provision', 'worker-b', 150) ON CONFLICT (name) DO UPDATE SET owner = excluded.owner WHERE lease.free_at < 50 RETURNING owner":
    ['[]', '[{"owner":"worker-a"}]'],
  "SELECT name FROM lease WHERE owner NOT IN ('worker-c', NULL)": ['[]', '[{"name":"provision"}]'],
  'INSERT INTO bill VALUES (1, 19.999, 0) RETURNING price::text': ['[{"price":"20.00"}]', '[{"price":"19.999"}]'],
  'INSERT INTO bill VALUES (2, 0, 123456789) RETURNING rate::text': ['numeric field overflow', '[{"rate":"123456789"}]'],
  "SELECT extract(month FROM timestamp '2026-01-31' + interval '1 month')::int AS month": ['[{"month":2}]', '[{"month":3}]'],
  'SELECT 2147483647 + free_at AS sum FROM lease': ['integer out of range', '[{"sum":2147483747}]']
}
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
const [real, double] = [new PGlite(), newDb()]
await real.exec(made)
double.public.none(made)
const asked = async (ask) => { try { return JSON.stringify(await ask()) } catch (error) { return error.message.split('\n')[0] } }
const server = (await real.query('SHOW server_version')).rows[0].server_version
console.log('pg-mem', version('pg-mem'), 'pglite', version('@electric-sql/pglite'), 'with PostgreSQL', server, 'node', process.version)
for (const [sql, [right, wrong]] of Object.entries(cases)) {
  const [answer, other] = [await asked(async () => (await real.query(sql)).rows), await asked(() => double.public.many(sql))]
  console.log(`${sql}\n   PostgreSQL: ${answer}   pg-mem: ${other}`)
  if (answer !== right || other !== wrong) { console.log('changed'); process.exitCode = 1 }
}
JS
cd "$dir" && node run.mjs
