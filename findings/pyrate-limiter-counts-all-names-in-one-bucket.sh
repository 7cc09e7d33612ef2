#!/usr/bin/env bash
# Expected: Limiter(Rate(3, …)).try_acquire(name) of pyrate-limiter, whose list of features has limits "per key", lets each name have its three, as
# limits does with the key it is given.
# Happens: a Limiter made of rates has one bucket, and the name is only written on what goes into it: the fourth call is refused whichever name it
# has. No warning. Keys of their own need a BucketFactory that makes the buckets.
# Means: Heroku counts requests by token, and a partner has a token for each add-on: one busy add-on takes the quota of all the others, and what
# was meant to be 4,500 an hour each is 4,500 an hour together.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyrate-limiter==4.5.1 limits==5.8.0
cat >"$dir/run.py" <<'PY'
from importlib.metadata import version

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pyrate_limiter import Duration, Limiter, Rate

names = ["addon-1", "addon-2", "addon-3", "addon-4", "addon-5"]
limiter = Limiter(Rate(3, Duration.HOUR))
by_name = [limiter.try_acquire(name, blocking=False) for name in names]

peer = MovingWindowRateLimiter(MemoryStorage())
by_peer = [peer.hit(RateLimitItemPerHour(3), name) for name in names]
print(f"one request for each of five names, three an hour: pyrate-limiter {version('pyrate-limiter')}, limits {version('limits')}")
print(f"try_acquire {by_name}\nhit         {by_peer}")
assert by_name == [True, True, True, False, False], "changed: try_acquire"
assert by_peer == [True] * 5, "changed: limits"
PY
"$dir/venv/bin/python" "$dir/run.py"
