#!/usr/bin/env bash
# Expected: heroku config:edit opens all config vars in an editor and changes those that were edited.
# Happens: a value with an apostrophe and a "!" comes back with a backslash more, at each use; one with an apostrophe and a backslash-n (any JSON
# text with a line break in it) comes back with a real line break, which is no JSON any more. The quoting and its reading do not fit.
# Means: a customer who edits one variable in it breaks another: the credentials or rules an add-on put there. The add-on is told of
# nothing. Keep apostrophes, "!" and backslashes out of the config vars you hand out (URLs and base64 are safe).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error --omit=optional --ignore-scripts 'heroku@11.10.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/server.mjs" <<'JS'
import fs from 'node:fs'
import http from 'node:http'
const vars = { GREETING: "Don't panic!", PLAIN: 'one', RULES: JSON.stringify({ text: "it's\nfine" }), URL: 'https://u:p@acme.example/a?b=1&c=2' }
const before = { ...vars }
http.createServer((request, answer) => {
  let body = ''
  request.on('data', (part) => { body += part }).on('end', () => {
    if (request.method === 'PATCH') {
      Object.assign(vars, JSON.parse(body))
      const changed = Object.keys(vars).filter((name) => vars[name] !== before[name])
      for (const name of changed) console.log(`${name}: ${JSON.stringify(before[name])} -> ${JSON.stringify(vars[name])}`)
      try { JSON.parse(vars.RULES) } catch (error) { console.log('RULES is no JSON any more:', error.name) }
      console.log('changed:', changed.join(' '))
    }
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify(request.url.endsWith('/config-vars') ? vars : []))
  })
}).listen(0, '127.0.0.1', function () { fs.writeFileSync(process.argv[2], String(this.address().port)) })
JS
node "$dir/server.mjs" "$dir/port" >"$dir/seen.txt" & server=$!
while [ ! -s "$dir/port" ]; do sleep 0.1; done
printf '#!/bin/sh\nsed -i.old "s/^PLAIN=.*/PLAIN=two/" "$1"\n' >"$dir/editor"
chmod +x "$dir/editor"
mkdir "$dir/home"
export HOME="$dir/home" HEROKU_API_KEY=made-up HEROKU_HOST="http://127.0.0.1:$(cat "$dir/port")" EDITOR="$dir/editor"
export VISUAL="$EDITOR" DISABLE_TELEMETRY=true HEROKU_ANALYTICS_URL="$HEROKU_HOST" HEROKU_SKIP_NEW_VERSION_CHECK=1 HEROKU_DISABLE_AUTOUPDATE=1
cd "$dir"
echo "heroku $("$dir/node_modules/.bin/heroku" version 2>/dev/null | head -1); the editor changes PLAIN alone"
printf 'y\n' | "$dir/node_modules/.bin/heroku" config:edit --app storefront >"$dir/out.txt" 2>&1 || { cat "$dir/out.txt"; exit 1; }
cat "$dir/seen.txt"
grep -q '^changed: GREETING PLAIN RULES$' "$dir/seen.txt" || { echo 'the behaviour has changed'; exit 1; }
