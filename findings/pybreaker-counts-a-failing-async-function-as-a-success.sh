#!/usr/bin/env bash
# Expected: a function under @breaker of pybreaker counts as failed when it raises, async or not, as with aiobreaker and purgatory; or it is refused.
# Happens: for an "async def" the breaker sees the coroutine being made, which never fails, and counts a success before anything ran: it never opens, and
# each such call sets the count of failures of plain calls to 0, so that a breaker shared by both never opens for them either. The README has a way for
# Tornado (__pybreaker_call_async=True) and no word of asyncio; nothing warns, and type checkers take it.
# Means: an outage is hammered as if no breaker were there, and the metric that a listener writes says closed all the time. Take aiobreaker or purgatory
# for asyncio, and test that yours opens.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pybreaker==1.4.1 aiobreaker==1.2.0 purgatory==3.0.1
cat >"$dir/run.py" <<'PY'
import asyncio
from importlib.metadata import version

import aiobreaker
import purgatory
import pybreaker

CALLS = 6
ran = []


async def failing():
    ran.append(1)
    raise ConnectionError("down")


async def tries(call):
    ran.clear()
    for _ in range(CALLS):
        try:
            await call()
        except Exception:
            pass
    return len(ran)


def plain():
    raise ConnectionError("down")


async def healthy():
    return "fine"


async def shared():
    """Two failures of plain calls open this one; here a healthy async call comes between."""
    breaker = pybreaker.CircuitBreaker(fail_max=2)
    for _ in range(CALLS):
        try:
            breaker.call(plain)
        except ConnectionError:
            pass
        await breaker(healthy)()
    return breaker.current_state


async def main():
    breaker = pybreaker.CircuitBreaker(fail_max=2)
    ours = await tries(breaker(failing))
    peers = {
        "aiobreaker": await tries(aiobreaker.CircuitBreaker(fail_max=2)(failing)),
        "purgatory": await tries(purgatory.AsyncCircuitBreakerFactory(default_threshold=2)("api")(failing)),
    }
    state = await shared()
    print(f"{CALLS} calls of what always fails, two failures open the breaker; calls that were let through:")
    print(f"pybreaker {version('pybreaker')}: {ours}, then {breaker.current_state}, failures {breaker.fail_counter}; shared with plain calls: {state}")
    print({f"{name} {version(name)}": count for name, count in peers.items()})
    assert (ours, breaker.current_state, breaker.fail_counter) == (CALLS, "closed", 0), "changed: pybreaker"
    assert state == "closed", "changed: the shared one"
    assert peers == {"aiobreaker": 2, "purgatory": 2}, "changed: the others"


asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
