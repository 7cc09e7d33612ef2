#!/usr/bin/env bash
# Expected: serializeItem(20.00001) of structured-headers (RFC 8941 and 9651) is "20.0", as http-sf for Python writes it: a decimal is rounded to three
# places, and at least one digit stands behind its point.
# Happens: it is "20."; so is each number that the rounding makes a whole one, 0.1 + 0.2 - 0.3 ("0.") among them. Its own parser refuses what it wrote, and by
# the RFC a reader has to ignore the whole field then, with all other members. The README speaks of another rounding of the last place only.
# Means: a computed cost or share in a response header works for years until one sum ends just beside a whole number; that answer has no such header
# at all for whoever reads it. Round to three places yourself: Math.round(x * 1000) / 1000 makes a whole number of it, which is written rightly.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check http-sf==1.5.0
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'structured-headers@2.1.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { parseDictionary, parseItem, serializeDictionary, serializeItem } from 'structured-headers'

const version = JSON.parse(fs.readFileSync('node_modules/structured-headers/package.json')).version
const refusal = (read) => { try { read(); return null } catch (error) { return error.message } }
const numbers = [19.99, 20, 20.00001, 29.9996, 0.1 + 0.2 - 0.3, -0.0004]
const python = execFileSync('venv/bin/python', ['-c', `
import importlib.metadata, http_sf
print(importlib.metadata.version("http-sf"), *(http_sf.ser(number) for number in ${JSON.stringify(numbers)}))`], { encoding: 'utf8' }).trim().split(' ')
console.log('structured-headers', version, 'http-sf', python.shift(), 'node', process.version)
const wanted = ['19.99', '20', '20.', '30.', '0.', '-0.']
for (const [at, number] of numbers.entries()) {
  const text = serializeItem(number)
  const error = refusal(() => parseItem(text))
  console.log(String(number).padEnd(22), 'written', text.padEnd(6), 'http-sf', python[at].padEnd(6), error ? `read: ${error}` : '')
  if (text !== wanted[at] || (error === null) !== (at < 2)) { console.log('changed'); process.exitCode = 1 }
  if (at >= 2 && !/\.0$/.test(python[at])) { console.log('changed: http-sf'); process.exitCode = 1 }
}
const field = serializeDictionary({ plan: 'standard', cents: 1.15 * 100 })
const error = refusal(() => parseDictionary(field))
console.log(`{ plan: 'standard', cents: 1.15 * 100 } is ${field}; read: ${error}`)
if (error === null) { console.log('changed'); process.exitCode = 1 }
JS
cd "$dir" && node run.mjs
