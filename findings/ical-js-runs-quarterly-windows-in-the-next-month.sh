#!/usr/bin/env bash
# Expected: ical.js reads FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=31 as March and December, as rrule-temporal, python-dateutil and RFC 5545 (a day that does not exist is
# left out and not counted), and BYWEEKNO=1,14,27,40;BYDAY=MO as four Mondays a year.
# Happens: the 31st of June and September are the 1st of July and October, February 29, 30 and 31 are March 1 to 3, each counted against COUNT; BYWEEKNO with BYDAY is
# every Monday of the year but that of its first week, BYWEEKNO alone is nothing at all. MONTHLY rules are right. A plain YEARLY from February 29 was reported in 2013
# (issue 91) and has an open patch (1004); the rest stands nowhere, and the README points to the RFC.
# Means: a quarterly maintenance window opens a day late in another month, and one for four Mondays a year on nearly each. Write FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-1,
# and no week numbers.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check python-dateutil==2.9.0.post0
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'ical.js@2.2.1' 'rrule-temporal@2.2.8' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import ICAL from 'ical.js'
import { RRuleTemporal } from 'rrule-temporal'

const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version
const stamp = (day) => `${day.replaceAll('-', '')}T090000Z`
const readers = {
  'ical.js': (rule, day) => {
    const times = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromString(`${day}T09:00:00Z`))
    const days = []
    for (let time = times.next(); time && days.length < 6; time = times.next()) days.push(time.toString().slice(0, 10))
    return days
  },
  'rrule-temporal': (rule, day) => new RRuleTemporal({ rruleString: `DTSTART:${stamp(day)}\nRRULE:${rule}` }).all((_, at) => at < 6).map((time) => time.toPlainDate().toString()),
  'python-dateutil': (rule, day) => JSON.parse(execFileSync('venv/bin/python', ['-c', `
import itertools, json, sys
from dateutil.rrule import rrulestr
print(json.dumps([str(moment.date()) for moment in itertools.islice(rrulestr(sys.argv[1]), 6)]))`, `DTSTART:${stamp(day)}\nRRULE:${rule}`], { encoding: 'utf8' }))
}
const cases = [ // rule, start, what ical.js gives, what the others give
  ['FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=31;COUNT=4', '2027-03-31', '2027-03-31 2027-07-01 2027-10-01 2027-12-31', '2027-03-31 2027-12-31 2028-03-31 2028-12-31'],
  ['FREQ=YEARLY;BYMONTH=2,5,8,11;COUNT=4', '2026-11-30', '2026-11-30 2027-03-02 2027-05-30 2027-08-30', '2026-11-30 2027-05-30 2027-08-30 2027-11-30'],
  ['FREQ=YEARLY;BYWEEKNO=1,14,27,40;BYDAY=MO;COUNT=4', '2027-01-04', '2027-01-11 2027-01-18 2027-01-25 2027-02-01', '2027-01-04 2027-04-05 2027-07-05 2027-10-04'],
  ['FREQ=YEARLY;BYWEEKNO=20;COUNT=3', '2027-05-17', '', null],
  ['FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-1;COUNT=4', '2027-03-31', '2027-03-31 2027-06-30 2027-09-30 2027-12-31', '2027-03-31 2027-06-30 2027-09-30 2027-12-31']
]
console.log('ical.js', version('ical.js'), 'rrule-temporal', version('rrule-temporal'), 'python-dateutil 2.9.0.post0 node', process.version)
for (const [rule, day, ours, others] of cases) {
  console.log(rule, 'from', day)
  for (const [name, read] of Object.entries(readers)) {
    const days = read(rule, day).join(' ')
    console.log(`    ${name.padEnd(16)} ${days || 'nothing'}`)
    const wanted = name === 'ical.js' ? ours : others
    if (wanted === null ? days === '' : days !== wanted) { console.log('changed'); process.exitCode = 1 }
  }
}
JS
cd "$dir" && node run.mjs
