"""Running: a web server, a worker, or both in one event loop."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import enumerate as enumerate_threads
from time import monotonic

import uvicorn
from starlette.types import ASGIApp

from headrace.service import AddonService
from headrace.web.app import build_app
from headrace.web.heads import BoundedHttp
from headrace.workflows.hooks import HOOK_THREADS, PANEL_THREADS

log = logging.getLogger(__name__)

# Longer than Heroku waits for an answer, shorter than it waits for a dyno to stop.
STOP_WITHIN_SECONDS = 15
# For hooks that are about to be done; Heroku ends a dyno 30 seconds after it has asked it to stop.
HOOK_GRACE_SECONDS = 3.0
# Heroku's router reaches a dyno from a private address, which nobody on the Internet has. Of X-Forwarded-For the last
# address that is not a router's is believed: what a client wrote there itself stands before it.
ROUTERS = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
# Whoever waits for an answer of a web process on the same machine comes before a worker's own process.
WORKER_NICENESS = 10
# Python's own are 700, 10 and 10: new objects before a pass over the youngest, and passes before one over older ones.
COLLECTED_AFTER = (5_000, 10, 20)
HOOK_THREAD_NAMES = ("headrace-hook", "headrace-panel")


def run_server(app: ASGIApp, *, host: str, port: int, bound: socket.socket | None = None) -> None:
    """Serve until a signal asks to stop: on a socket that is bound already, if one is given."""
    with _stopping_in_order():
        _Server(build_config(app, host=host, port=port)).run(None if bound is None else [bound])


def leave_hooks_behind() -> None:
    """End the process although a hook is still running; without one, return.

    A plain function on a thread cannot be stopped, and Python waits for its threads. Its workflow goes on at the next
    start, with the step that is not done.
    """
    HOOK_THREADS.shutdown(wait=False, cancel_futures=True)
    PANEL_THREADS.shutdown(wait=False, cancel_futures=True)
    deadline = monotonic() + HOOK_GRACE_SECONDS
    threads = [thread for thread in enumerate_threads() if thread.name.startswith(HOOK_THREAD_NAMES)]
    for thread in threads:
        thread.join(max(deadline - monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        log.warning("hooks.left_behind")
        logging.shutdown()
        os._exit(0)


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
        routes = [parts.metrics_route()]
        app = build_app(routes, service_name=name, find_problems=parts.find_problems, lifespan=lifespan)
        with _stopping_in_order():
            await _Server(build_config(app, host="0.0.0.0", port=port)).serve()
        return
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with parts.running(has_worker=True):
        spare_collector()
        await stop.wait()


def spare_collector() -> None:
    """Make the passes of Python's garbage collector rarer and shorter: each of them holds up everything else.

    What is there once the service has started stays there, and a busy worker makes and drops objects by the million.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Let a signal to stop be no failure: uvicorn sends it to itself once more when it has stopped."""
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


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


class _Server(uvicorn.Server):
    """A server whose process is the service's alone."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        spare_collector()


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
