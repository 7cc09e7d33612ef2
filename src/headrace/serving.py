"""Running: a web server, a worker, or both in one event loop.

What a web server is made of is imported where there is one: a worker has none, unless it has a port.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import enumerate as enumerate_threads
from time import monotonic
from typing import TYPE_CHECKING

from headrace.hooks.threads import HOOK_THREAD, PANEL_THREAD
from headrace.logs import LogName
from headrace.process.collector import spare_collector
from headrace.process.dyno import read_proxies
from headrace.process.ending import STOP_WITHIN_SECONDS, leave_in_time
from headrace.process.parent import Leash, list_stop_signals
from headrace.process.ports import bind
from headrace.running import Readiness
from headrace.service import AddonService, find_assembly

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from headrace.web.ground.connections import Limits

log = logging.getLogger(__name__)

# For hooks that are about to be done; Heroku ends a dyno 30 seconds after it has asked it to stop.
HOOK_GRACE_SECONDS = 3.0
# Whoever waits for an answer of a web process on the same machine comes before a worker's own process.
WORKER_NICENESS = 10


def run_server(
    app: "ASGIApp", *, host: str, port: int, bound: socket.socket | None = None, leash: Leash | None = None
) -> None:
    """Serve until a signal or the end of a leash asks to stop: on a socket that is bound already, if one is given."""
    from headrace.process.servers import OwnServer

    server = OwnServer(build_config(app, host=host, port=port), leash)
    with server.stopping_in_order():
        server.run(None if bound is None else [bound])


def leave_hooks_behind(service: AddonService) -> None:
    """End the process although a hook of a service that has ended is still running; without one, return.

    A plain function on a thread cannot be stopped, and Python waits for its threads. Its workflow goes on at the next
    start, with the step that is not done.
    """
    find_assembly(service).hooks.end_threads()
    deadline = monotonic() + HOOK_GRACE_SECONDS
    threads = [thread for thread in enumerate_threads() if thread.name.startswith((HOOK_THREAD, PANEL_THREAD))]
    for thread in threads:
        thread.join(max(deadline - monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        log.warning(LogName.HOOKS_LEFT_BEHIND)
        logging.shutdown()
        os._exit(0)


def build_config(app: "ASGIApp", *, host: str, port: int, limits: "Limits | None" = None) -> "uvicorn.Config":
    import uvicorn

    from headrace.web.ground.connections import Limits, bound_connections

    limits = limits or Limits()
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        # Our own line of a request says more.
        access_log=False,
        lifespan="on",
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=read_proxies(),
        http=bound_connections(limits),
        ws="none",
        timeout_keep_alive=limits.kept,
        timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
        # Otherwise a request may begin with what the one before it on its connection had set.
        reset_contextvars=True,
    )


async def run_worker(service: AddonService, *, port: int | None, leash: Leash | None = None) -> None:
    """Work until a signal or the end of a leash asks to stop, answering health checks on a port if one is given."""
    assembly = find_assembly(service)
    parts = assembly.assemble()
    if port is not None:
        from headrace.process.servers import OwnServer
        from headrace.web.ground.app import build_app
        from headrace.web.programs.scraping import metrics_route

        app = build_app(
            [metrics_route(parts.metrics, token=parts.settings.metrics_token, is_local=parts.settings.is_local)],
            service_name=service.settings.manifest.name,
            find_readiness=Readiness(parts).find,
            outages=parts.database.outages,
            lifespan=lambda _app: assembly.running(parts, has_worker=True),
            secrets=service.settings.secrets,
        )
        server = OwnServer(build_config(app, host="0.0.0.0", port=port), leash)
        with server.stopping_in_order(), bind("0.0.0.0", port) as bound:
            await server.serve([bound])
        return
    stop = asyncio.Event()
    _listen(asyncio.get_running_loop(), stop.set, leash)
    async with assembly.running(parts, has_worker=True):
        if leash is not None:
            leash.tell_ready()
        spare_collector()
        await stop.wait()
        leave_in_time()


def _listen(loop: asyncio.AbstractEventLoop, stop: Callable[[], object], leash: Leash | None) -> None:
    """Stop at a signal; on a leash, at its end: the parent is asked, and knows who has to stop first."""
    for number in list_stop_signals():
        loop.add_signal_handler(number, stop if leash is None else leash.ask_to_stop)
    if leash is not None:
        loop.add_reader(leash, stop)


@asynccontextmanager
async def serving(app: "ASGIApp", bound: socket.socket, *, limits: "Limits | None" = None) -> AsyncIterator[None]:
    """Serve on a bound socket in the running event loop, until the block ends."""
    from headrace.process.servers import BoundedGuest

    server = BoundedGuest(build_config(app, host="127.0.0.1", port=0, limits=limits))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise OSError("The service could not start; the log says why.")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.end()
        await task
