#!/usr/bin/env bash
# Expected: Vega's loader with parse "auto" and csv-parse with cast_date make dates of what is a date, and leave the name of an app alone, as d3's
# autoType and Papa Parse with dynamicTyping do.
# Happens: both ask Date.parse, which in Node and Chrome takes words and a number for a month or a year: storefront-pr-7 is 1 July 2001,
# glacial-plains-61234, as Heroku names apps, the year 61234, and the dyno web.1 a day in January. Vega turns the column when all its names are such;
# csv-parse turns each name for itself, so storefront-pr-13 stays text.
# Means: a chart of usage by review app has a time axis and no names, and a join by name finds some of the apps. Name the types of the columns: format
# {"parse": {"app": "string"}} in Vega, a function for cast in csv-parse.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'vega-loader@5.1.3' 'csv-parse@7.0.3' 'd3-dsv@3.0.2' 'papaparse@5.7.1' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import fs from 'node:fs'
import { parse } from 'csv-parse/sync'
import { autoType, csvParse } from 'd3-dsv'
import papa from 'papaparse'
import { read } from 'vega-loader'

const name = (value) => (value instanceof Date ? value.toISOString() : String(value))
const table = (names) => 'app,requests\n' + names.map((app) => `${app},5\n`).join('')
const readers = {
  'vega-loader': (csv) => read(csv, { type: 'csv', parse: 'auto' }).map((row) => (typeof row.app === 'number' ? new Date(row.app) : row.app)),
  'csv-parse': (csv) => parse(csv, { columns: true, cast: true, cast_date: true }).map((row) => row.app),
  'd3-dsv': (csv) => csvParse(csv, autoType).map((row) => row.app),
  papaparse: (csv) => papa.parse(csv, { header: true, dynamicTyping: true, skipEmptyLines: true }).data.map((row) => row.app)
}
const tables = { two: ['storefront-pr-7', 'glacial-plains-61234'], mixed: ['storefront-pr-7', 'storefront-pr-13'], dynos: ['web.1', 'web.2'] }
process.env.TZ = 'UTC' // what is made of a name is midnight where the reader is
const dates = {
  two: ['2001-07-01T00:00:00.000Z', '+061234-01-01T00:00:00.000Z'],
  mixed: ['2001-07-01T00:00:00.000Z', 'storefront-pr-13'],
  dynos: ['2001-01-01T00:00:00.000Z', '2001-02-01T00:00:00.000Z']
}
const wanted = { 'vega-loader': { ...dates, mixed: tables.mixed }, 'csv-parse': dates, 'd3-dsv': tables, papaparse: tables }
console.log('node', process.version)
for (const [reader, app] of Object.entries(readers)) {
  const { version } = JSON.parse(fs.readFileSync(`node_modules/${reader}/package.json`))
  for (const [kind, names] of Object.entries(tables)) {
    const seen = app(table(names)).map(name)
    console.log(reader, version, names.join(' '), '->', seen.join(' '))
    if (seen.join() !== wanted[reader][kind].join()) { console.log('changed'); process.exitCode = 1 }
  }
}
JS
cd "$dir" && node run.mjs
