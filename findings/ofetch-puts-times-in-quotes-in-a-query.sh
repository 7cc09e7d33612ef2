#!/usr/bin/env bash
# Expected: ofetch (the $fetch of Nuxt and Nitro) puts { since: new Date(…) } into a query as axios and superagent do: since=2026-12-01T10:00:00.000Z.
# Happens: it writes the time as JSON: since="2026-12-01T10:00:00.000Z", with the quotes. Its README puts a new Date() into a query and shows a third thing, a
# number of milliseconds; ufo, which writes the query, has no rule for times.
# Means: to a server that reads times strictly each such request is an error 400, and one that passes over what it cannot read answers with everything since
# the beginning. Give .toISOString().
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'ofetch@1.5.1' 'axios@1.21.1' 'superagent@10.4.2' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.mjs" <<'JS'
import fs from 'node:fs'
import http from 'node:http'
import axios from 'axios'
import { ofetch } from 'ofetch'
import superagent from 'superagent'

const server = http.createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ since: new URL(request.url, 'http://localhost').searchParams.get('since') }))
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const url = `http://127.0.0.1:${server.address().port}/releases`
const query = { since: new Date('2026-12-01T10:00:00Z') }
const seen = {
  ofetch: (await ofetch(url, { query })).since,
  axios: (await axios.get(url, { params: query })).data.since,
  superagent: (await superagent.get(url).query(query)).body.since
}
for (const [name, since] of Object.entries(seen)) {
  console.log(name, JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version, 'since:', since)
}
server.close()
const time = '2026-12-01T10:00:00.000Z'
if (seen.ofetch !== `"${time}"` || seen.axios !== time || seen.superagent !== time) { console.log('changed'); process.exitCode = 1 }
JS
cd "$dir" && node run.mjs
