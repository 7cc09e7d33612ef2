#!/usr/bin/env bash
# Expected: parseRateLimit of ratelimit-header-parser (of the project of express-rate-limit) gives for "Retry-After: 120" beside a spent limit a `reset` two
# minutes from now, and for a field that it does not understand undefined, as its README has it.
# Happens: `reset` is 1970-01-01T00:02:00Z: the seconds are taken for a Unix time, whatever the option `reset` says. RateLimit: "name";r=0;t=60, the form of the
# later drafts, which express-rate-limit sends under 'draft-8', is answered by NaN, NaN, NaN and an invalid Date (the README promises draft 7 only).
# Means: a client that sleeps until `reset` does not sleep and knocks on the closed door at once, again and again; and NaN < 1 is false, so that a spent limit
# looks open. Read Retry-After yourself, and ask Number.isNaN first.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'ratelimit-header-parser@0.1.0' 'express-rate-limit@8.7.5' 'express@5.3.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import assert from 'node:assert'
import fs from 'node:fs'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { parseRateLimit } from 'ratelimit-header-parser'

const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log(...['ratelimit-header-parser', 'express-rate-limit', 'express'].map((name) => `${name} ${version(name)}`), 'node', process.version)

const spent = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0', 'retry-after': '120' }
const { reset } = parseRateLimit(spent)
const reminded = parseRateLimit(spent, { reset: 'seconds' }).reset
console.log(JSON.stringify(spent), 'reset', reset, "with reset: 'seconds'", reminded)
assert.equal(reset.getTime(), 120_000, 'changed')
assert(Number.isNaN(reminded.getTime()), 'changed: the option')
const named = parseRateLimit({ ...spent, 'x-ratelimit-reset': '120' }).reset
console.log('x-ratelimit-reset: 120 as well: reset in', Math.round((named - Date.now()) / 1000), 's')
assert(Math.abs(named - Date.now() - 120_000) < 30_000, 'changed: the other header')

for (const draft of ['draft-7', 'draft-8']) {
  const app = express().use(rateLimit({ limit: 1, windowMs: 60_000, standardHeaders: draft, legacyHeaders: false, identifier: 'calls' }))
  app.get('/', (request, response) => response.end())
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = `http://127.0.0.1:${server.address().port}/`
  await (await fetch(address)).text()
  const response = await fetch(address)
  await response.text()
  await new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
  const found = parseRateLimit(response)
  console.log(draft, response.status, 'RateLimit:', response.headers.get('ratelimit'), found)
  if (draft === 'draft-7') assert.equal(found.remaining, 0, 'changed: draft 7')
  else assert([found.limit, found.used, found.remaining, found.reset.getTime()].every(Number.isNaN), 'changed: draft 8')
}
JS
cd "$dir" && node run.mjs
