#!/usr/bin/env bash
# Expected: import-linter reads every module that Python can import below the root package.
# Happens: a folder without __init__.py, and all below it, is left out without a word: Python imports and runs it, and the contract that it breaks
# is KEPT, exit 0. An empty __init__.py in the folder, and the same contract is BROKEN.
# Means: one forgotten file opens a hole in the architecture that the check was bought for; look at the number of files it says to have analysed,
# or hold folders with modules against folders with __init__.py in a test.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'import-linter==2.17' 'grimp==3.20'
mkdir -p "$dir/project/acme/store" "$dir/project/acme/web"
cd "$dir/project"
touch acme/__init__.py acme/store/__init__.py
echo 'ROWS = 3' >acme/store/rows.py
printf 'from acme.store.rows import ROWS\n\nprint("acme.web.pages runs and reads", ROWS, "rows")\n' >acme/web/pages.py
cat >.importlinter <<'INI'
[importlinter]
root_package = acme

[importlinter:contract:store]
name = nobody but the engine reads the store
type = protected
protected_modules = acme.store
allowed_importers = acme.engine
INI
mkdir acme/engine
touch acme/engine/__init__.py
"$dir/venv/bin/pip" list 2>/dev/null | grep -E '^(import-linter|grimp) '
"$dir/venv/bin/python" -c 'import acme.web.pages'
lint() { PYTHONPATH=. "$dir/venv/bin/lint-imports" --no-cache 2>&1 | grep -E '^(Analyzed|nobody|Contracts)'; }
echo '--- without acme/web/__init__.py' && lint | tee "$dir/without.txt"
touch acme/web/__init__.py
echo '--- with it' && { lint || true; } | tee "$dir/with.txt"
grep -q 'store KEPT' "$dir/without.txt" && grep -q 'store BROKEN' "$dir/with.txt" || { echo changed; exit 1; }
