#!/usr/bin/env bash
# Expected: honcho start, which runs "Procfile-based applications", treats a Heroku Procfile's release line as Heroku does (once, before the others)
# or leaves it out, as heroku local does.
# Happens: release is one more process, started together with web while its migration still runs; when it ends, well, honcho takes that for the
# end of the whole, stops web and worker, and exits 0.
# Means: locally the web comes up, perhaps on the schema of before, and is gone seconds later with nothing that looks like an error; a container
# whose command is honcho start restarts for ever. Name the processes: honcho start web worker.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check honcho==2.0.0
cat >"$dir/Procfile" <<'TEXT'
release: echo migrated
web: exec sleep 600
TEXT
cd "$dir"
"$dir/venv/bin/honcho" version
status=0
# Two minutes are only for a release that leaves web alone.
timeout --signal=TERM 120 "$dir/venv/bin/honcho" start >"$dir/log" 2>&1 || status=$?
sed -E 's/^[0-9:.]+ //; s/pid[= ][0-9]+/pid N/' "$dir/log"
echo "exit $status"
grep -q 'release.1 stopped (rc=0)' "$dir/log" || { echo "changed: release is not run"; exit 1; }
grep -q 'sending SIGTERM to web.1' "$dir/log" || { echo "changed: web is left alone"; exit 1; }
[ "$status" = 0 ] || { echo "changed: exit"; exit 1; }
