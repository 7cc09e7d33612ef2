"""What procrastinate makes of the same provisions: run by the peers' Python, which knows nothing of headrace.

`python procrastinated.py DATABASE HEROKU WORKERS` queues a job for each uuid on its input, then runs so many workers,
each a process of its own, until all are done. A job makes the requests of a provision through bare aiohttp, and commits
a row after each of its steps. It prints the seconds that it took, and the processor seconds of the workers, as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from subprocess import PIPE, Popen
from typing import Any

import aiohttp
import procrastinate
import uvloop

# Of 16, 50 and 200, the quickest.
CONCURRENCY = 50
TASK = "provision"
TABLE = "CREATE TABLE step (uuid text, name text, at timestamptz DEFAULT now(), PRIMARY KEY (uuid, name))"
ROW = "INSERT INTO step (uuid, name) VALUES (%(uuid)s, %(name)s)"


def main(database: str, heroku: str, workers: int, uuids: list[str]) -> None:
    """Queue the jobs, and have them done by so many workers, which begin at the same moment."""
    uvloop.run(_queue(database, uuids))
    command = [sys.executable, __file__, database, heroku]
    started = [Popen(command, stdin=PIPE, stdout=PIPE, text=True) for _ in range(workers)]
    for worker in started:
        _hear(worker)
    began = time.perf_counter()
    for worker in started:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    cpu = sum([float(_hear(worker)) for worker in started])
    took = time.perf_counter() - began
    for worker in started:
        worker.communicate()
    rows = uvloop.run(_count(database))
    if rows != 5 * len(uuids):
        sys.exit(f"{rows} steps are done of {5 * len(uuids)}.")
    print(json.dumps({"seconds": took, "cpu": cpu}))


def _hear(worker: "Popen[str]") -> str:
    assert worker.stdout is not None
    return worker.stdout.readline()


async def _queue(database: str, uuids: list[str]) -> None:
    app, _ = _make_app(database)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await app.connector.execute_query_async(TABLE)
        defer = app.configure_task(TASK, queue="provisions").batch_defer_async
        await defer(*({"uuid": uuid} for uuid in uuids))


async def _count(database: str) -> int:
    app, _ = _make_app(database)
    async with app.open_async():
        found = await app.connector.execute_query_one_async("SELECT count(*) AS count FROM step")
    return int(found["count"])


async def work(database: str, heroku: str) -> None:
    """Say that everything is ready, and do what is queued once told to; print the processor seconds that it took."""
    app, connector = _make_app(database)
    async with app.open_async(), _asking(heroku) as ask:

        @app.task(name=TASK, queue="provisions", retry=5)  # type: ignore[untyped-decorator]
        async def provision(uuid: str) -> None:
            async def note(name: str) -> None:
                await connector.execute_query_async(ROW, uuid=uuid, name=name)

            await ask("POST", "/oauth/token", data={"grant_type": "authorization_code", "code": uuid})
            await note("exchange")
            addon = await ask("GET", f"/addons/{uuid}")
            couplings = await ask("GET", f"/apps/{addon['app']['id']}/pipeline-couplings")
            await ask("GET", f"/pipelines/{couplings[0]['pipeline']['id']}")
            await ask("GET", f"/apps/{addon['app']['id']}")
            await ask("GET", f"/apps/{addon['app']['id']}/collaborators")
            await note("inspect")
            config = [{"name": "ACME_SEARCH_URL", "value": f"https://search.acme.example/{uuid}"}]
            await note("hook")
            await ask("PATCH", f"/addons/{uuid}/config", json={"config": config})
            await note("config")
            await ask("POST", f"/addons/{uuid}/actions/provision")
            await note("mark")

        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        spent = time.process_time()
        await app.run_worker_async(concurrency=CONCURRENCY, wait=False, install_signal_handlers=False)
        print(time.process_time() - spent, flush=True)


def _make_app(database: str) -> tuple[procrastinate.App, procrastinate.PsycopgConnector]:
    connector = procrastinate.PsycopgConnector(conninfo=database, max_size=20)
    return procrastinate.App(connector=connector), connector


@asynccontextmanager
async def _asking(heroku: str) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    headers = {"Authorization": "Bearer token", "Accept": "application/vnd.heroku+json; version=3"}
    async with aiohttp.ClientSession(heroku, headers=headers) as session:

        async def ask(method: str, path: str, **body: Any) -> Any:
            async with session.request(method, path, **body) as answer:
                answer.raise_for_status()
                return json.loads(await answer.read())

        yield ask


if __name__ == "__main__":
    match sys.argv[1:]:
        case [database, heroku, workers]:
            main(database, heroku, int(workers), sys.stdin.read().split())
        case [database, heroku]:
            uvloop.run(work(database, heroku))
