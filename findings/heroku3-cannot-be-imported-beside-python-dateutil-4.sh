#!/usr/bin/env bash
# Expected: `pip install heroku3` in a fresh environment gives a package that can be imported.
# Happens: heroku3 uses six and does not ask for it; it came along with python-dateutil, which it asks for without an upper bound. Since
# python-dateutil 4 nothing brings six, and `import heroku3` raises ModuleNotFoundError. With python-dateutil 3 it imports.
# Means: a job that reads apps or add-ons with the best known Python client stops at the first rebuild of its environment. Install six beside it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/run.py" <<'PY'
import sys
from importlib.metadata import requires, version

try:
    import heroku3
    outcome = "is imported"
except ModuleNotFoundError as error:
    outcome = f"is not imported: {error}"
print(f"heroku3 {version('heroku3')} (asks for {requires('heroku3')}) beside python-dateutil {version('python-dateutil')} {outcome}")
assert outcome == ("is imported" if sys.argv[1] == "imported" else "is not imported: No module named 'six'"), "changed"
PY
for beside in python-dateutil==4.0.0:missing python-dateutil==3.0.0:imported; do
    number=${beside#*==}
    environment="$dir/${number%:*}"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check heroku3==5.2.1 requests==2.34.2 "${beside%:*}"
    "$environment/bin/python" "$dir/run.py" "${beside#*:}"
done
