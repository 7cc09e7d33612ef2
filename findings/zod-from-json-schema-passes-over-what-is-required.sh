#!/usr/bin/env bash
# Expected: z.fromJSONSchema of zod 4 makes a check that refuses what the schema refuses; what it has no means for (not, if, dependentRequired) it says at once.
# Happens: `required` holds only for names that are in `properties` of the same part; in every other place it is passed over in silence, as are `pattern`,
# `minLength`, `minimum`, `properties` and `items` in a part without `type`, what stands beside `$ref`, and so each branch of "one of these is required".
# The documentation calls it experimental; it names no keyword that is dropped.
# Means: a manifest without any of its needed members is valid in Node and refused by ajv and by jsonschema in Python. Parts without `type` are what allOf and
# anyOf are made of, also in Heroku's schema of its Platform API. Check with ajv, and use this for types only.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'zod@4.6.7' 'ajv@8.20.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import Ajv from 'ajv/dist/2020.js'
import fs from 'node:fs'
import * as z from 'zod'

const text = { type: 'string' }
const cases = [
  [{ type: 'object', properties: { id: text }, required: ['id', 'plan'] }, { id: 'a' }],
  [{ type: 'object', properties: { url: text }, anyOf: [{ required: ['url'] }, { required: ['path'] }] }, {}],
  [{ allOf: [{ type: 'object', properties: { id: text }, required: ['id'] }, { required: ['plan'] }] }, { id: 'a' }],
  [{ type: 'object', additionalProperties: text, required: ['DATABASE_URL'] }, {}],
  [{ type: 'string', anyOf: [{ pattern: '^https' }, { minLength: 9 }] }, 'ftp'],
  [{ $defs: { name: text }, $ref: '#/$defs/name', minLength: 3 }, 'a'],
  [{ properties: { id: text } }, { id: 1 }],
  [{ items: text }, [1]]
]
const ajv = new Ajv({ strict: false })
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('zod', version('zod'), 'ajv', version('ajv'), 'node', process.version)
for (const [schema, value] of cases) {
  const [mine, other] = [z.fromJSONSchema(schema).safeParse(value).success, ajv.validate(schema, value)]
  console.log(JSON.stringify(value).padEnd(10), `zod ${mine}, ajv ${other}:`, JSON.stringify(schema))
  if (!mine || other) { console.log('changed'); process.exitCode = 1 }
}
try { z.fromJSONSchema({ dependentRequired: { a: ['b'] } }); process.exitCode = 1 } catch (error) { console.log('dependentRequired:', error.message) }
JS
cd "$dir" && node run.mjs
