#!/usr/bin/env bash
# Expected: parseJSON of date-fns, "parse a JSON date string", gives the moment of a time as other languages write it into JSON; its documentation lists
# offsets and fractions of up to seven digits.
# Happens: with eight or nine digits, as Go and Java write them, the offset behind them is dropped without a word and the time is taken for UTC; with ten
# or more, digits are taken for an offset of up to 99 hours. Z and up to seven digits are right, and so is parseISO with any of them.
# Means: the very events that carry nanoseconds and an offset are hours off, and since Go leaves out zeros at the end, a tenth of them is right. Use
# parseISO, or new Date.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'date-fns@4.4.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import { parseISO, parseJSON } from 'date-fns'
import fs from 'node:fs'

const texts = {
  '2026-11-30T23:30:00.1234567-05:00': '2026-12-01T04:30:00.123Z',
  '2026-11-30T23:30:00.12345678-05:00': '2026-11-30T23:30:00.123Z',
  '2026-11-30T23:30:00.123456789-05:00': '2026-11-30T23:30:00.123Z',
  '2026-11-30T23:30:00.123456789+05:30': '2026-11-30T23:30:00.123Z',
  '2026-11-30T23:30:00.123456789Z': '2026-11-30T23:30:00.123Z',
  '2026-11-30T23:30:00.1234567891Z': '2026-11-27T04:30:00.123Z'
}
console.log('date-fns', JSON.parse(fs.readFileSync('node_modules/date-fns/package.json')).version, 'node', process.version)
for (const [text, wanted] of Object.entries(texts)) {
  const [json, iso, date] = [parseJSON(text), parseISO(text), new Date(text)].map((moment) => moment.toISOString())
  console.log(text.padEnd(37), 'parseJSON', json, 'parseISO', iso, 'Date', date)
  if (json !== wanted || iso !== date) { console.log('changed'); process.exitCode = 1 }
}
JS
cd "$dir" && node run.mjs
