"""Running: a web server, a worker, or both in one event loop."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Timer
from threading import enumerate as enumerate_threads
from time import monotonic
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from headrace.hooks.threads import HOOK_THREAD, PANEL_THREAD
from headrace.logs import LogName
from headrace.process.collector import spare_collector
from headrace.process.dyno import read_proxies
from headrace.process.guest import GuestServer
from headrace.process.parent import Leash, list_stop_signals
from headrace.process.ports import bind
from headrace.running import Readiness
from headrace.service import AddonService, find_assembly
from headrace.web.ground.connections import Limits, bound_connections
from headrace.web.programs.metrics import metrics_route

log = logging.getLogger(__name__)

# Longer than Heroku waits for an answer, shorter than it waits for a dyno to stop.
STOP_WITHIN_SECONDS = 15
# For hooks that are about to be done; Heroku ends a dyno 30 seconds after it has asked it to stop.
HOOK_GRACE_SECONDS = 3.0
# All of a stop, whatever does not answer: a database that is cut off without a word keeps its threads for ever.
LEFT_AFTER_SECONDS = STOP_WITHIN_SECONDS + 5.0
# Whoever waits for an answer of a web process on the same machine comes before a worker's own process.
WORKER_NICENESS = 10
# asyncio accepts as many connections at once before any of them can be counted; uvloop accepts one at a time.
ACCEPTED_AT_ONCE = 64


def run_server(
    app: ASGIApp, *, host: str, port: int, bound: socket.socket | None = None, leash: Leash | None = None
) -> None:
    """Serve until a signal or the end of a leash asks to stop: on a socket that is bound already, if one is given."""
    server = _Server(build_config(app, host=host, port=port), leash)
    with _stopping_in_order(server):
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


def _leave_in_time() -> None:
    """End the process after a while, however far its stop has come; what it was doing goes on at the next start."""

    def leave() -> None:
        log.warning(LogName.STOP_CUT_SHORT)
        logging.shutdown()
        os._exit(0)

    timer = Timer(LEFT_AFTER_SECONDS, leave)
    timer.daemon = True
    timer.start()


def build_config(app: ASGIApp, *, host: str, port: int, limits: Limits | None = None) -> uvicorn.Config:
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
        from headrace.web.ground.app import build_app

        app = build_app(
            [metrics_route(parts.metrics, token=parts.settings.metrics_token, is_local=parts.settings.is_local)],
            service_name=service.settings.manifest.name,
            find_readiness=Readiness(parts).find,
            outages=parts.database.outages,
            lifespan=lambda _app: assembly.running(parts, has_worker=True),
            secrets=service.settings.secrets,
        )
        server = _Server(build_config(app, host="0.0.0.0", port=port), leash)
        with _stopping_in_order(server), bind("0.0.0.0", port) as bound:
            await server.serve([bound])
        return
    stop = asyncio.Event()
    _listen(asyncio.get_running_loop(), stop.set, leash)
    async with assembly.running(parts, has_worker=True):
        if leash is not None:
            leash.tell_ready()
        spare_collector()
        await stop.wait()
        _leave_in_time()


def _listen(loop: asyncio.AbstractEventLoop, stop: Callable[[], object], leash: Leash | None) -> None:
    """Stop at a signal; on a leash, at its end: the parent is asked, and knows who has to stop first."""
    for number in list_stop_signals():
        loop.add_signal_handler(number, stop if leash is None else leash.ask_to_stop)
    if leash is not None:
        loop.add_reader(leash, stop)


@contextmanager
def _stopping_in_order(server: "_Server") -> Iterator[None]:
    """Stop at a hang-up as at SIGTERM; let that be no failure: uvicorn sends it to itself once more at the end."""
    handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
        number: server.hang_up if number is signal.SIGHUP else lambda _number, _frame: None
        for number in list_stop_signals()
        if number is not signal.SIGINT
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def serving(app: ASGIApp, bound: socket.socket, *, limits: Limits | None = None) -> AsyncIterator[None]:
    """Serve on a bound socket in the running event loop, until the block ends."""
    server = _GuestServer(build_config(app, host="127.0.0.1", port=0, limits=limits))
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


class _BoundedServer(uvicorn.Server):
    """A server that does not accept more connections at once than it can count."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
            self.config.backlog = ACCEPTED_AT_ONCE
        await super().startup(sockets)


class _Server(_BoundedServer):
    """A server whose process is the service's alone; on a leash it stops at its end, as `_listen` does."""

    def __init__(self, config: uvicorn.Config, leash: Leash | None) -> None:
        super().__init__(config)
        self._leash = leash

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leash is not None:
            asyncio.get_running_loop().add_reader(self._leash, self._end)
        await super().startup(sockets)
        if self._leash is not None:
            self._leash.tell_ready()
        spare_collector()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._leash is not None and not self.should_exit:
            self._leash.ask_to_stop()
            return
        if not self.should_exit:
            _leave_in_time()
        super().handle_exit(sig, frame)

    def hang_up(self, _number: int, frame: FrameType | None) -> None:
        self.handle_exit(signal.SIGTERM, frame)

    def _end(self) -> None:
        assert self._leash is not None
        _leave_in_time()
        self.should_exit = True
        asyncio.get_running_loop().remove_reader(self._leash)


class _GuestServer(GuestServer, _BoundedServer):
    """A bounded server in the event loop of the program it runs in."""
