#!/usr/bin/env bash
# Expected: with stamina.retry(timeout=1, wait_max=1) a function that is refused with "try again in 3 seconds" is given up within about a second,
# also where the hook hands that wait on, as stamina offers for Retry-After.
# Happens: the wait that a hook gives is bounded neither by wait_max nor by what is left of timeout: it sleeps the whole of it and then calls once
# more, after the timeout. Without a wait of the hook's the same arguments end in time.
# Means: a server that answers 429 with Retry-After: 3600 holds a worker for an hour whose author wrote 45 seconds. Cut the wait in the hook.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check stamina==26.1.0 tenacity==9.2.1
cat >"$dir/run.py" <<'PY'
import datetime
import time
from importlib.metadata import version

import stamina


class TooMany(Exception):
    retry_after = 3


def try_it(hook):
    calls = []

    @stamina.retry(on=hook, attempts=20, timeout=1, wait_initial=0.1, wait_max=1)
    def ask():
        calls.append(time.monotonic() - begun)
        raise TooMany

    begun = time.monotonic()
    try:
        ask()
    except TooMany:
        return time.monotonic() - begun, calls[-1]


for name, hook in {
    "without": TooMany,
    "with": lambda error: datetime.timedelta(seconds=error.retry_after),
}.items():
    took, last = try_it(hook)
    print(f"stamina {version('stamina')}, tenacity {version('tenacity')}, timeout 1 s, {name} a wait of the hook's: {took:.1f} s, last call at {last:.1f} s")
    assert (last > 2.9) == (name == "with"), "changed"
PY
"$dir/venv/bin/python" "$dir/run.py" 2>&1 | grep -v retry_scheduled
