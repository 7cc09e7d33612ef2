#!/usr/bin/env bash
# Expected: fast-json-stringify, which writes the answers of Fastify, writes the value that it is given; where the schema names a constant, another value is
# written as it is, as with `enum`, or refused, as a missing member of `required` is. (Its README says that it checks nothing and that null becomes "" or 0.)
# Happens: the constant of the schema is written, whatever the value is: 'failed' goes out as 'provisioned', 2 as 1, null too, in lists and patterns as well.
# Only the branches of anyOf and oneOf are chosen by it. The README does not say so; a schema made from types (z.literal, Type.Literal) has `const`.
# Means: an answer says that all is well because its schema does, the client believes it and a test against the same schema passes. Write enum with one
# member, and look at the body in tests.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'fast-json-stringify@7.3.10' 'fastify@5.10.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import build from 'fast-json-stringify'
import Fastify from 'fastify'
import fs from 'node:fs'

const state = (schema) => ({ type: 'object', properties: { state: schema } })
const cases = [
  [{ const: 'provisioned' }, 'failed', '"provisioned"'], [{ const: 'provisioned' }, null, '"provisioned"'], [{ const: 1 }, 2, '1'],
  [{ type: 'array', items: { const: 'web' } }, ['web', 'worker'], '["web","web"]'],
  [{ enum: ['provisioned'] }, 'failed', '"failed"'],
  [{ anyOf: [state({ const: 'a' }), state({ const: 'b' })] }, { state: 'b' }, '{"state":"b"}']
]
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log('fast-json-stringify', version('fast-json-stringify'), 'fastify', version('fastify'), 'node', process.version)
for (const [schema, value, wanted] of cases) {
  const written = build(state(schema))({ state: value })
  console.log(JSON.stringify(value).padEnd(16), 'by', JSON.stringify(schema).slice(0, 60).padEnd(61), written)
  if (written !== `{"state":${wanted}}`) { console.log('changed'); process.exitCode = 1 }
}
const app = Fastify()
app.get('/resource', { schema: { response: { 200: state({ type: 'string', const: 'provisioned' }) } } }, async () => ({ state: 'failed' }))
const answer = await app.inject('/resource')
console.log('fastify sends', answer.statusCode, answer.body, "for { state: 'failed' }")
if (answer.body !== '{"state":"provisioned"}') { console.log('changed'); process.exitCode = 1 }
JS
cd "$dir" && node run.mjs 2>/dev/null
