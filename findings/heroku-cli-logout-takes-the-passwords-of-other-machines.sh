#!/usr/bin/env bash
# Expected: heroku logout takes the CLI's own two machines out of ~/.netrc and leaves what is there for others, as curl and git go on reading it.
# Happens: a machine is taken out together with the lines above it that the CLI could not place: the password of the machine before, where that
# is on a line of its own behind "machine NAME login NAME". Of two logins at one host the second is dropped, at every writing, at login too.
# Means: a partner's or customer's credentials for a package index or a second account are gone, without a word; the next build asks for a password.
# Keep other credentials out of the .netrc that the CLI writes, or give HEROKU_API_KEY and never log in: so do scripts and CI.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error --ignore-scripts '@heroku-cli/command@13.2.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/netrc" <<'TEXT'
machine gitlab.example login ada password made-up-1
machine gitlab.example login bob password made-up-2
machine index.example login ada
  password made-up-3
machine api.heroku.com
  login ada@example.com
  password made-up-4
machine git.heroku.com
  login ada@example.com
  password made-up-4
machine other.example login ada password made-up-5
TEXT
cp "$dir/netrc" "$dir/before"
# What the command logout of heroku 11.10.0 calls, with a file of ours.
cat >"$dir/run.mjs" <<'JS'
import { NetrcHandler } from '@heroku-cli/command/lib/credential-manager-core/index.js'
await new NetrcHandler(process.argv[2]).removeAuthForHosts(['api.heroku.com', 'git.heroku.com'])
JS
read_all() {
    python3 - "$1" <<'PY'
import netrc, sys
for host, (login, _, password) in sorted(netrc.netrc(sys.argv[1]).hosts.items()):
    print(f"  {host} {login} {password or 'no password'}")
PY
}
node -p "'@heroku-cli/command ' + require('$dir/node_modules/@heroku-cli/command/package.json').version + ', node ' + process.version"
echo 'read by Python before:' && read_all "$dir/before"
(cd "$dir" && node run.mjs "$dir/netrc")
echo 'read by Python after:' && read_all "$dir/netrc" | tee "$dir/after"
echo 'gone from the file:' && grep -vxFf "$dir/netrc" "$dir/before"
grep -q 'made-up-3' "$dir/netrc" && { echo 'changed: the password of the machine before is kept'; exit 1; }
grep -q 'made-up-2' "$dir/netrc" && { echo 'changed: the second login is kept'; exit 1; }
grep -q 'index.example ada no password' "$dir/after" && grep -q 'made-up-1' "$dir/netrc" && grep -q 'made-up-5' "$dir/netrc" || { echo 'changed'; exit 1; }
