#!/usr/bin/env bash
# Expected: heroku config -s ("output config vars in shell format") can be read by a shell: eval it, or `. ./file`, and each variable is as it was.
# Happens: a line break is written as backslash and n, which a shell keeps as these two characters: a PEM key is one long line. An apostrophe
# with a "!" gains a backslash, and a value that begins with ~/ is written bare, so that it becomes the reader's own home folder.
# Means: scripts that copy the config of an add-on by this command hand on keys that no library reads; heroku config -j is right for all of them.
# A provider whose config vars hold several lines, an apostrophe or a tilde will get the support cases: hand out base64 or URLs.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error --omit=optional --ignore-scripts 'heroku@11.10.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/server.mjs" <<'JS'
import fs from 'node:fs'
import http from 'node:http'
const vars = { GREETING: "Don't panic!", KEY: '-----BEGIN KEY-----\nMIIB\n-----END KEY-----', MONEY: '$5 `a` "b"', PATHS: '~/data', URL: 'https://u:p@acme.example/a?b=1&c=2' }
http.createServer((request, answer) => {
  answer.setHeader('content-type', 'application/json')
  answer.end(JSON.stringify(request.url.endsWith('/config-vars') ? vars : []))
}).listen(0, '127.0.0.1', function () { fs.writeFileSync(process.argv[2], String(this.address().port)) })
JS
node "$dir/server.mjs" "$dir/port" & server=$!
while [ ! -s "$dir/port" ]; do sleep 0.1; done
mkdir "$dir/home"
export HOME="$dir/home" HEROKU_API_KEY=made-up HEROKU_HOST="http://127.0.0.1:$(cat "$dir/port")"
export DISABLE_TELEMETRY=true HEROKU_ANALYTICS_URL="$HEROKU_HOST" HEROKU_SKIP_NEW_VERSION_CHECK=1 HEROKU_DISABLE_AUTOUPDATE=1
cd "$dir"
heroku="$dir/node_modules/.bin/heroku"
"$heroku" version 2>/dev/null | head -1
"$heroku" config --json --app storefront >"$dir/right.json" 2>/dev/null
"$heroku" config --shell --app storefront >"$dir/config.sh" 2>/dev/null
sed 's/^/    /' "$dir/config.sh"
HOME=/home/reader bash -c 'set -a; . "$1"; exec node -e "
  const right = JSON.parse(require(\"fs\").readFileSync(process.argv[1]))
  const wrong = Object.keys(right).filter((name) => process.env[name] !== right[name])
  for (const name of wrong) console.log(name + \": is\", JSON.stringify(right[name]), \"a shell reads\", JSON.stringify(process.env[name]))
  console.log(\"wrong:\", wrong.join(\" \"))
" "$2"' - "$dir/config.sh" "$dir/right.json" | tee "$dir/out.txt"
grep -q '^wrong: GREETING KEY PATHS$' "$dir/out.txt" || { echo 'the behaviour has changed'; exit 1; }
