"""What procrastinate makes of the same provisions: run by the peers' Python, which knows nothing of headrace.

`python procrastinated.py DATABASE HEROKU COUNT` queues a job for each, then runs one worker until all are done. A job
makes the requests of a provision through bare aiohttp, and commits a row after each of its steps. It prints the seconds
of the worker, and its processor seconds, as JSON.
"""

import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import procrastinate
import uvloop

# Of 16, 50 and 200, the quickest.
CONCURRENCY = 50
TABLE = "CREATE TABLE step (uuid text, name text, at timestamptz DEFAULT now(), PRIMARY KEY (uuid, name))"
ROW = "INSERT INTO step (uuid, name) VALUES (%(uuid)s, %(name)s)"


async def main(database: str, heroku: str, uuids: list[str]) -> None:
    connector = procrastinate.PsycopgConnector(conninfo=database, max_size=20)
    app = procrastinate.App(connector=connector)
    async with app.open_async(), _asking(heroku) as ask:
        await app.schema_manager.apply_schema_async()
        await connector.execute_query_async(TABLE)

        @app.task(queue="provisions", retry=5)  # type: ignore[untyped-decorator]
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

        await provision.batch_defer_async(*({"uuid": uuid} for uuid in uuids))
        began, spent = time.perf_counter(), time.process_time()
        await app.run_worker_async(concurrency=CONCURRENCY, wait=False, install_signal_handlers=False)
        took, cpu = time.perf_counter() - began, time.process_time() - spent
        rows = await connector.execute_query_one_async("SELECT count(*) AS count FROM step")
    if rows["count"] != 5 * len(uuids):
        sys.exit(f"{rows['count']} steps are done of {5 * len(uuids)}.")
    print(json.dumps({"seconds": took, "cpu": cpu}))


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
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.stdin.read().split()))
