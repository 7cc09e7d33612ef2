#!/usr/bin/env bash
# Expected: "0 9 */1 * 1" and "0 9 1-31 * 1" run on one set of days wherever they are read; */1 is * in other words.
# Happens: cron-parser (which bullmq and pg-boss use) and croner run both on every day, since any day that is not a bare * is a second condition to them,
# joined by "or"; cron and graphile-worker, which see that it is every day, run them on Mondays, and so does the classic cron with */1, which begins with *.
# cronstrue tells people "only on Monday". The READMEs say nothing of */1; for 1-31 somebody asked cron-parser for its reading (issue 284).
# Means: a weekly report goes out daily when a schedule made by a form (which writes */1) moves from one queue to the other, and its label still says Monday.
# Write * for every day.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'cron-parser@5.10.6' 'croner@11.0.1' 'cron@4.4.0' 'graphile-worker@0.17.3' 'cronstrue@3.39.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import { CronTime } from 'cron'
import { CronExpressionParser } from 'cron-parser'
import { Cron } from 'croner'
import cronstrue from 'cronstrue'
import { parseCronItems } from 'graphile-worker'
import fs from 'node:fs'

const start = new Date('2026-11-30T12:00:00Z') // a Monday
const readers = {
  'cron-parser': (text) => { const times = CronExpressionParser.parse(text, { currentDate: start, tz: 'UTC' }); return () => times.next().toDate() },
  croner: (text) => { const times = new Cron(text, { timezone: 'UTC', paused: true }).nextRuns(20, start); return () => times.shift() },
  cron: (text) => { const times = new CronTime(text, 'UTC'); let last = start; return () => (last = times.getNextDateFrom(last, 'UTC').toJSDate()) },
  'graphile-worker': (text) => {
    const [item] = parseCronItems([{ task: 'report', match: text }])
    let last = start
    const parts = (at) => ({ min: at.getUTCMinutes(), hour: at.getUTCHours(), date: at.getUTCDate(), month: at.getUTCMonth() + 1, dow: at.getUTCDay() })
    return () => { do { last = new Date(last.getTime() + 60_000) } while (!item.match(parts(last), last)); return last }
  }
}
const wanted = {
  '0 9 * * 1': { 'cron-parser': 1, croner: 1, cron: 1, 'graphile-worker': 1 },
  '0 9 */1 * 1': { 'cron-parser': 7, croner: 7, cron: 1, 'graphile-worker': 1 },
  '0 9 1-31 * 1': { 'cron-parser': 7, croner: 7, cron: 1, 'graphile-worker': 1 }
}
const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
console.log([...Object.keys(readers), 'cronstrue'].map((name) => `${name} ${version(name)}`).join(', '), 'node', process.version)
for (const [text, counts] of Object.entries(wanted)) {
  console.log(`${text.padEnd(13)} cronstrue: "${cronstrue.toString(text)}"`)
  for (const [name, read] of Object.entries(readers)) {
    const next = read(text)
    let runs = 0
    while (next() < new Date('2026-12-08T00:00:00Z')) runs++
    console.log(`    ${name.padEnd(16)} runs ${runs} times in the first week of December`)
    if (runs !== counts[name]) { console.log('changed'); process.exitCode = 1 }
  }
}
if (!cronstrue.toString('0 9 */1 * 1').endsWith('only on Monday')) { console.log('changed'); process.exitCode = 1 }
process.exit()
JS
cd "$dir" && node run.mjs
