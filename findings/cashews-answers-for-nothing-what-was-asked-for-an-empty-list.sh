#!/usr/bin/env bash
# Expected: a function under @cache(ttl=…) of cashews is called once for each set of arguments that differ, as with functools.lru_cache, aiocache or async-lru.
# Happens: the key is text, and None, "", [], {} and [None] are all no text: what f(None) gave is given for f([]). True is "true", 1 is "1", a list is its
# members with ":" between them, so ["a", "b"] and ["a:b"] are one. With a key template and without. The docs show how a value is formatted by a spec
# of the template ({token:hash}); of what falls together they say nothing.
# Means: find(stage=None), all stages, fills the cache for find(stage=""); members(ids=None), everyone, answers members(ids=[]), nobody. Turn what can be
# missing into a word of your own (stage or "-any-") in the key.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check cashews==7.6.0 aiocache==0.12.3 async-lru==2.4.0
cat >"$dir/run.py" <<'PY'
import asyncio
from importlib.metadata import version

import aiocache
import async_lru
import cashews

PAIRS = [(None, []), (None, ""), ([], {}), ([], [None]), (True, "true"), (1, "1"), (["web", "api"], ["web:api"]), (1, 2)]


async def same(decorate, one, other):
    @decorate
    async def members(ids):
        return repr(ids)

    return await members(one) == await members(other)


async def main():
    cache = cashews.Cache()
    cache.setup("mem://")
    peers = {"aiocache": aiocache.cached(ttl=60), "async-lru": lambda function: async_lru.alru_cache(ttl=60)(function)}
    print(f"is the second answered with what the first gave? cashews {version('cashews')}")
    for one, other in PAIRS:
        found = []
        for options in ({}, {"key": "members:{ids}"}):
            await cache.clear()
            found.append(await same(cache(ttl="1h", **options), one, other))
        others = {}
        for name, decorate in peers.items():
            if name == "async-lru" and any(isinstance(value, list | dict) for value in (one, other)):
                continue  # it refuses what has no hash
            others[f"{name} {version(name)}"] = await same(decorate, one, other)
        print(f"{one!r:16}{other!r:14}{found} {others}")
        assert found == [(one, other) != (1, 2)] * 2, f"changed: {one!r} and {other!r}"
        assert not any(others.values()), "changed: the others"


asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
