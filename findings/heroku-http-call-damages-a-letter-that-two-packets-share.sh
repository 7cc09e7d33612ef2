#!/usr/bin/env bash
# Expected: the HTTP layer of the official CLI (@heroku/http-call) and heroku-client decode a JSON answer as a whole, as fetch does.
# Happens: each piece is made text for itself, so a letter of two bytes whose bytes come in two pieces is read as two replacement characters. The
# JSON is valid, the status 200, no error: the same answer is right or wrong by where the network cuts it.
# Means: names of add-ons' plans, descriptions and config vars now and then come damaged, in long answers first, and what reads them and writes them
# back keeps the damage. An API for these clients is safe with JSON in ASCII (\u00fc); a test server should write its answers in pieces.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error '@heroku/http-call@5.6.1' 'heroku-client@3.1.4' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.js" <<'JS'
const http = require('http')
const { HTTP } = require('@heroku/http-call')
const Heroku = require('heroku-client')

const right = { GREETING: 'Grüße, Zoë' }
const ascii = JSON.stringify(right).replace(/[^ -~]/g, (letter) => '\\u' + letter.charCodeAt(0).toString(16).padStart(4, '0'))
const server = http.createServer((request, answer) => {
  const body = Buffer.from(request.url === '/ascii' ? ascii : JSON.stringify(right))
  const middle = request.url === '/pieces' ? body.indexOf('ü') + 1 : 14
  answer.setHeader('content-type', 'application/json')
  answer.setHeader('content-length', body.length)
  if (request.url === '/whole') return answer.end(body)
  answer.write(body.subarray(0, middle))
  setTimeout(() => answer.end(body.subarray(middle)), 200)
})
server.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`
  const readers = {
    fetch: async (path) => (await fetch(base + path)).json(),
    '@heroku/http-call': async (path) => (await HTTP.get(base + path)).body,
    'heroku-client': (path) => new Heroku({ token: 'made-up', host: base }).get(path)
  }
  console.log('@heroku/http-call', require('@heroku/http-call/package.json').version, 'heroku-client', require('heroku-client/package.json').version, 'node', process.version)
  for (const [name, read] of Object.entries(readers)) {
    for (const path of ['/whole', '/pieces', '/ascii']) {
      const { GREETING } = await read(path)
      console.log(name.padEnd(18), path.padEnd(8), GREETING)
      const wanted = path === '/pieces' && name !== 'fetch' ? 'Gr\ufffd\ufffdße, Zoë' : right.GREETING
      if (GREETING !== wanted) { console.log('changed'); process.exitCode = 1 }
    }
  }
  server.close()
  server.closeAllConnections()
})
JS
cd "$dir" && node run.js
