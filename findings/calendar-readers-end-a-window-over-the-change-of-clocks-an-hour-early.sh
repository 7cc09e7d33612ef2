#!/usr/bin/env bash
# Expected: a maintenance window from 01:30 in Berlin on the night of the change, with DURATION:PT2H or with a DTEND of 02:30 UTC, lasts two hours, since
# hours are exact in RFC 5545 (only days and weeks follow the wall clock), and a DTEND says when it ends.
# Happens: icalendar's Event.end, recurring-ical-events and ical.js count the two hours on the wall clock and end it at 01:30 UTC, after one hour (in autumn
# after three). recurring-ical-events does so also where a DTEND in UTC stands in the file, ical.js's getOccurrenceDetails with every DTEND, and both for an
# event that never recurs; the same event's own end, asked of icalendar or of ical.js without the occurrence, is right then. None of the docs says so.
# Means: checks and alerts are on again in the middle of the window, one night in a year, and two calls of one library disagree. Turn the start into UTC
# before you add hours.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check icalendar==7.3.2 recurring-ical-events==3.8.2 tzdata==2026.6
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'ical.js@2.2.1' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.py" <<'PY'
import datetime
import json
import pathlib
import subprocess
from importlib.metadata import version

import icalendar
import recurring_ical_events

TEXT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//maintenance//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:window
DTSTAMP:20261201T000000Z
DTSTART;TZID=Europe/Berlin:{start}
{end}
END:VEVENT
END:VCALENDAR
"""
CASES = {  # the end that is right; those of icalendar's and ical.js's event, of recurring-ical-events and of ical.js's occurrence
    ("20270328T013000", "DURATION:PT2H"): ("02:30", "01:30", "01:30", "01:30"),
    ("20270328T013000", "DTEND:20270328T023000Z"): ("02:30", "02:30", "01:30", "01:30"),
    ("20270328T013000", "DTEND;TZID=Europe/Berlin:20270328T043000"): ("02:30", "02:30", "02:30", "01:30"),
    ("20271031T013000", "DURATION:PT2H"): ("01:30", "02:30", "02:30", "02:30"),
    ("20270404T013000", "DURATION:PT2H"): ("01:30", "01:30", "01:30", "01:30"),
}


def clock(moment):
    return moment.astimezone(datetime.timezone.utc).strftime("%H:%M")


print(*(f"{name} {version(name)}," for name in ("icalendar", "recurring-ical-events")), "ical.js 2.2.1; all in UTC")
for (start, end), (right, own, python, javascript) in CASES.items():
    text = TEXT.format(start=start, end=end).replace("\n", "\r\n")
    calendar = icalendar.Calendar.from_ical(text)
    [occurrence] = recurring_ical_events.of(calendar).between((2027, 1, 1), (2028, 1, 1))
    pathlib.Path("window.ics").write_text(text, newline="")
    node = json.loads(subprocess.check_output(["node", "run.mjs"]))
    found = clock(calendar.events[0].end), clock(occurrence.end), node["occurrence"]
    print(f"{start} {end:42} ends {right}; icalendar {found[0]}, recurring-ical-events {found[1]}, ical.js {node}")
    assert found == (own, python, javascript), "changed"
    assert node["event"] == own, "changed: the end of ical.js's event"
PY
cat >"$dir/run.mjs" <<'JS'
import fs from 'node:fs'
import ICAL from 'ical.js'

const calendar = new ICAL.Component(ICAL.parse(fs.readFileSync('window.ics', 'utf8')))
ICAL.TimezoneService.register(new ICAL.Timezone(calendar.getFirstSubcomponent('vtimezone')))
const event = new ICAL.Event(calendar.getFirstSubcomponent('vevent'))
const clock = (time) => time.toJSDate().toISOString().slice(11, 16)
console.log(JSON.stringify({ event: clock(event.endDate), occurrence: clock(event.getOccurrenceDetails(event.iterator().next()).endDate) }))
JS
cd "$dir" && venv/bin/python run.py
