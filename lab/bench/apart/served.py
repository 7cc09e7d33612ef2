"""What is compared, `python -m lab.bench.apart.served KIND DATABASE_URL`: the floor, the web, the worker, or both.

Both are in one process, or, as `serve`, what `headrace serve` makes of them. A server prints its port.
"""

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace import AddonService, NoConfig, PlanChange, Provision, Resource
from headrace.models import Secret
from headrace.protocol.partner import parse_provision, verify_basic_auth
from headrace.serving import WORKER_NICENESS, run_server, run_worker
from headrace.settings import Settings, read_settings
from headrace.store.sql.database import Database
from lab.kit.processes import find_command, find_free_port

POSTGRES_WRITERS = 10
SLUG, PASSWORD = "acme-search", "manifest-pass"
OPERATOR_SECRET, API_TOKEN = "bench-operator-secret-of-36-letters-", "bench-api-token-of-36-letters-------"
MANIFEST = {
    "id": SLUG,
    "api": {
        "password": PASSWORD,
        "sso_salt": "salt",
        "regions": ["us"],
        "test": "http://127.0.0.1:5050",
    },
}


def build_floor(database_url: str) -> Starlette:
    """The least that a service can do: check, parse, commit one row, answer."""
    database = Database(database_url)
    # SQLite has one writer at a time; more threads would only wait for each other.
    threads = ThreadPoolExecutor(1 if database.is_sqlite else POSTGRES_WRITERS)
    table = sa.Table("acknowledged", sa.MetaData(), sa.Column("uuid", sa.String(36), primary_key=True))
    insert = sa.insert(table)

    def commit_row(uuid: str) -> None:
        with database.transaction() as connection:
            connection.execute(insert, {"uuid": uuid})

    async def provision(request: Request) -> Response:
        verify_basic_auth(request.headers.get("authorization"), user=SLUG, passwords=[Secret(PASSWORD)])
        uuid = parse_provision(await request.body()).uuid
        await asyncio.get_running_loop().run_in_executor(threads, commit_row, uuid)
        return JSONResponse({"id": uuid}, status_code=202)

    async def ready(_request: Request) -> Response:
        return Response()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await database.write(table.metadata.create_all)
        yield
        threads.shutdown()
        database.close()

    return Starlette(
        routes=[Route("/heroku/resources", provision, methods=["POST"]), Route("/ready", ready)], lifespan=lifespan
    )


def build_environment(database_url: str) -> dict[str, str]:
    return {
        "HEADRACE_MANIFEST": json.dumps(MANIFEST),
        "HEADRACE_CLIENT_SECRET": "secret",
        "HEADRACE_OPERATOR_SECRET": OPERATOR_SECRET,
        "HEADRACE_API_TOKEN": API_TOKEN,
        "HEADRACE_SMALL_PLANS": "free",
        "DATABASE_URL": database_url,
        # Nobody listens on port 9: each step fails at once and is tried again.
        "HEROKU_API_URL": "http://127.0.0.1:9",
        "HEROKU_ID_URL": "http://127.0.0.1:9",
    }


def build_settings(database_url: str) -> Settings:
    return read_settings(build_environment(database_url))


def build_service(database_url: str) -> AddonService:
    service = AddonService(build_settings(database_url))

    @service.on_provision
    async def create(_provision: Provision) -> dict[str, str]:
        return NoConfig()

    @service.on_plan_change
    async def resize(_change: PlanChange) -> None: ...

    @service.on_deprovision
    async def drop(_resource: Resource) -> None: ...

    return service


def run_command(database_url: str, port: int) -> None:
    """Become `headrace serve`, whose log nobody reads."""
    environment = os.environ | build_environment(database_url) | {"PORT": str(port)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.execve(find_command("headrace"), ["headrace", "serve", "lab.bench.apart.commanded:service"], environment)


def main() -> None:
    kind, database_url = sys.argv[1:]
    if kind == "serve":
        port = find_free_port()
        print(port, flush=True)
        run_command(database_url, port)
    logging.disable(logging.CRITICAL)
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        print(port, flush=True)
        if kind == "worker":
            bound.close()
            os.nice(WORKER_NICENESS)
            asyncio.run(run_worker(build_service(database_url), port=port))
            return
        floor = kind == "floor"
        app = build_floor(database_url) if floor else build_service(database_url).asgi(has_worker=kind == "both")
        run_server(app, host="127.0.0.1", port=0, bound=bound)


if __name__ == "__main__":
    main()
