"""Running: a web server, a worker, or both in one event loop."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from headrace.service import AddonService
from headrace.web.app import build_app
from headrace.web.heads import BoundedHttp

# Longer than Heroku waits for an answer, shorter than it waits for a dyno to stop.
STOP_WITHIN_SECONDS = 25
# Heroku's router reaches a dyno from a private address, which nobody on the Internet has. Of X-Forwarded-For the last
# address that is not a router's is believed: what a client wrote there itself stands before it.
ROUTERS = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


def run_server(app: ASGIApp, *, host: str, port: int) -> None:
    """Serve until a signal asks to stop."""
    # uvicorn sends itself the signal again once it has stopped; Ctrl-C is no failure.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(build_config(app, host=host, port=port)).run()


def build_config(app: ASGIApp, *, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        lifespan="on",
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", ROUTERS),
        http=BoundedHttp,
        ws="none",
        timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
    )


async def run_worker(service: AddonService, *, port: int | None) -> None:
    """Work until a signal asks to stop, answering health checks on a port if one is given."""
    parts = service.assemble()

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        async with parts.running(has_worker=True):
            yield

    if port is not None:
        name = service.settings.manifest.name
        app = build_app([parts.metrics_route()], service_name=name, is_ready=parts.is_ready, lifespan=lifespan)
        with suppress(KeyboardInterrupt):
            await uvicorn.Server(build_config(app, host="0.0.0.0", port=port)).serve()
        return
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with parts.running(has_worker=True):
        await stop.wait()


@asynccontextmanager
async def serving(app: ASGIApp, bound: socket.socket) -> AsyncIterator[None]:
    """Serve on a bound socket in the running event loop, until the block ends."""
    server = _QuietServer(build_config(app, host="127.0.0.1", port=0))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise OSError("The service could not start; the log says why.")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
