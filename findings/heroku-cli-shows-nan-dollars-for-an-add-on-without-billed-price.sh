#!/usr/bin/env bash
# Expected: billed_price of an add-on is "object or null" in the Platform API's schema; the official CLI shows a null as unknown, or the plan's price.
# Happens: heroku addons and addons:info print "~$NaN/hour" and "$0.00/month", though the plan in the same answer costs 9 dollars. Exit 0; and
# in --json the price of the plan has lost its cents and its contract.
# Means: whoever answers these calls (an emulator, a proxy, a recorded answer) must fill billed_price, and whoever reads `heroku addons --json`
# for prices must not take plan.price from it: the CLI writes billed_price over it.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error --omit=optional --ignore-scripts 'heroku@11.10.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/server.mjs" <<'JS'
import fs from 'node:fs'
import http from 'node:http'
const at = '2026-11-01T10:00:00Z'
const addon = {
  actions: [], addon_service: { id: '0a000000-0000-4000-8000-00000000000a', name: 'acme' }, app: { id: '0b000000-0000-4000-8000-00000000000b', name: 'storefront' },
  billed_price: null, config_vars: ['ACME_URL'], created_at: at, id: '0c000000-0000-4000-8000-00000000000c', name: 'acme-round-1',
  plan: { id: '0d000000-0000-4000-8000-00000000000d', name: 'acme:basic', price: { cents: 900, contract: false, unit: 'month' } },
  provider_id: '1', state: 'provisioned', updated_at: at, web_url: null
}
http.createServer((request, answer) => {
  answer.setHeader('content-type', 'application/json')
  answer.end(JSON.stringify(request.url.endsWith('/addons') || request.url.endsWith('/resolve') ? [addon] : []))
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
"$heroku" addons --app storefront >"$dir/list.txt" 2>/dev/null
"$heroku" addons:info acme-round-1 >"$dir/info.txt" 2>/dev/null
"$heroku" addons --app storefront --json >"$dir/list.json" 2>/dev/null
grep -h -E 'Price|NaN' "$dir/list.txt" "$dir/info.txt"
echo 'plan.price in --json:' "$(node -p 'JSON.stringify(JSON.parse(fs.readFileSync(process.argv[1]))[0].plan.price)' "$dir/list.json")"
grep -q 'NaN/hour' "$dir/list.txt" && grep -q 'NaN/hour' "$dir/info.txt" && ! grep -q cents "$dir/list.json" || { echo 'the behaviour has changed'; exit 1; }
