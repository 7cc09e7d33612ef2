#!/usr/bin/env bash
# Expected: honcho export systemd writes units in which the processes of a Procfile have the variables of .env as honcho start gives them to them; for
# supervisord, where "%" means something as well, export doubles it.
# Happens: for systemd it does not. A value with "%2F" or "%40", a percent-encoded password in a URL, is refused by systemd, which starts the process
# without that variable; "%n", "%h" or "%s" in a value is replaced by the unit's name, a folder or a shell.
# Means: the same app that worked under honcho start has no DATABASE_URL as a service, with one warning in the journal. Write the variables to an
# EnvironmentFile, where "%" means nothing, or hand out passwords that need no encoding.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'honcho[export]==2.0.0'
cat >"$dir/Procfile" <<'TEXT'
web: env
TEXT
cat >"$dir/.env" <<'TEXT'
DATABASE_URL=postgres://ada:k2%2FxQ%40@base.example/acme
TOKEN=made%nup
TEXT
cd "$dir"
"$dir/venv/bin/honcho" version
"$dir/venv/bin/honcho" start >start.txt 2>&1
"$dir/venv/bin/honcho" export --app acme --user nobody systemd units >export.txt 2>&1 || { cat export.txt; exit 1; }
"$dir/venv/bin/honcho" export --app acme --user nobody supervisord conf >export.txt 2>&1 || { cat export.txt; exit 1; }
echo 'honcho start:' && grep -oE '(DATABASE_URL|TOKEN)=.*' start.txt
echo 'for systemd:' && grep -E 'DATABASE_URL|TOKEN' units/acme-web-1.service
echo 'for supervisord:' && grep -oE '(DATABASE_URL|TOKEN)=[^,]*' conf/acme.conf
if command -v systemd-analyze >/dev/null; then
    echo 'what systemd says of it:'
    systemd-analyze verify "$dir/units/acme-web-1.service" 2>&1 | grep -oE 'Failed to resolve specifiers in DATABASE_URL.*' || true
fi
grep -qxF 'Environment=DATABASE_URL=postgres://ada:k2%2FxQ%40@base.example/acme' units/acme-web-1.service || { echo 'changed: systemd'; exit 1; }
grep -qxF 'Environment=TOKEN=made%nup' units/acme-web-1.service || { echo 'changed: systemd'; exit 1; }
grep -qF 'k2%%2FxQ%%40' conf/acme.conf || { echo 'changed: supervisord'; exit 1; }
grep -qF 'DATABASE_URL=postgres://ada:k2%2FxQ%40@base.example/acme' start.txt || { echo 'changed: start'; exit 1; }
