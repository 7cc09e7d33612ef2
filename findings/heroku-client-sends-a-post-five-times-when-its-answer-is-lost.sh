#!/usr/bin/env bash
# Expected: a client of the Platform API does not repeat a POST by itself: POST /apps/{app}/addons makes another add-on each time.
# Happens: heroku-client takes a connection that closes before the answer for a reason to send the same POST again after 1, 2, 4 and 8 seconds.
# Means: a lost answer (a restart, a proxy's time limit) becomes up to five add-ons, each with its own uuid, so the provider's own guard against
# repeated uuids sees five different customers' wishes. A provider must expect such bursts, and a test of "lost answer" must count resources.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'heroku-client@3.1.4' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.js" <<'JS'
const http = require('http')
const Heroku = require('heroku-client')

const made = []
const begun = Date.now()
const server = http.createServer((request, answer) => {
  let body = ''
  request.on('data', (part) => { body += part }).on('end', () => {
    made.push(`${request.method} ${request.url} ${body}`)
    console.log(`${String(Math.round((Date.now() - begun) / 1000)).padStart(3)} s  ${made.at(-1)}`)
    request.socket.destroy() // the add-on is made; its answer is lost
  })
})
server.listen(0, '127.0.0.1', async () => {
  const heroku = new Heroku({ token: 'made-up', host: `http://127.0.0.1:${server.address().port}` })
  console.log('heroku-client', require('heroku-client/package.json').version, 'node', process.version)
  const outcome = await heroku.post('/apps/storefront/addons', { body: { plan: 'acme:basic' } }).catch((error) => error.code)
  console.log('the caller sees', outcome, 'and', made.length, 'add-ons were made')
  server.close()
  if (made.length !== 5) { console.log('changed'); process.exitCode = 1 }
})
JS
cd "$dir" && node run.js
