#!/usr/bin/env bash
# Expected: hit(limit, key, cost=6) of limits takes six or, when fewer are left, none; its docs have "hit: consume a request".
# Happens: the fixed window adds the cost before it looks (its docs: "all requests in that window increment the counter"): the six that were refused
# are gone, and the four that were left with them; get_window_stats says 0 left after six of ten. The moving window and the sliding window counter of
# the same library, and the token bucket of throttled-py, keep them; throttled-py's fixed window does as this one.
# Means: one request for a page of 60 near the end of the window stops all small ones until the next, and a caller who tries the large one again each second
# keeps nothing for others, though nothing was sent. Ask test() first, or take another strategy where costs differ.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check limits==5.8.0 throttled-py==3.5.0
cat >"$dir/run.py" <<'PY'
from importlib.metadata import version

from limits import RateLimitItemPerYear, storage, strategies
from throttled import Throttled, rate_limiter, store

COSTS = [6, 6, 1, 1]  # of ten
item = RateLimitItemPerYear(10)
found = {}
for name in ("FixedWindow", "MovingWindow", "SlidingWindowCounter"):
    limiter = getattr(strategies, f"{name}RateLimiter")(storage.MemoryStorage())
    found[name] = [limiter.hit(item, "key", cost=cost) for cost in COSTS], limiter.get_window_stats(item, "key").remaining
for name in ("fixed_window", "token_bucket"):
    limiter = Throttled(key="key", using=name, quota=rate_limiter.per_week(10, burst=10), store=store.MemoryStore())
    found[name] = [not limiter.limit(cost=cost).limited for cost in COSTS], limiter.peek("key").remaining
print(f"limits {version('limits')}, throttled-py {version('throttled-py')}; ten a window, costs {COSTS}: taken?, left")
for name, answer in found.items():
    print(f"    {name:22}{answer}")
spent, kept = ([True, False, False, False], 0), ([True, False, True, True], 2)
assert found == {"FixedWindow": spent, "MovingWindow": kept, "SlidingWindowCounter": kept, "fixed_window": spent, "token_bucket": kept}, "changed"
PY
"$dir/venv/bin/python" "$dir/run.py"
