"""Web servers that accept no more than they can count: one whose process is the service's, and one that is a guest."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn

from headrace.process.collector import spare_collector
from headrace.process.ending import leave_in_time
from headrace.process.guest import GuestServer
from headrace.process.parent import Leash, list_stop_signals

# asyncio accepts as many connections at once before any of them can be counted; uvloop accepts one at a time.
ACCEPTED_AT_ONCE = 64


class BoundedServer(uvicorn.Server):
    """A server that does not accept more connections at once than it can count."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
            self.config.backlog = ACCEPTED_AT_ONCE
        await super().startup(sockets)


class OwnServer(BoundedServer):
    """A server whose process is the service's alone.

    On a leash it stops at its end: the parent is asked, and knows who has to stop first.
    """

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
            leave_in_time()
        super().handle_exit(sig, frame)

    def _hang_up(self, _number: int, frame: FrameType | None) -> None:
        self.handle_exit(signal.SIGTERM, frame)

    def _end(self) -> None:
        assert self._leash is not None
        leave_in_time()
        self.should_exit = True
        asyncio.get_running_loop().remove_reader(self._leash)

    @contextmanager
    def stopping_in_order(self) -> Iterator[None]:
        """Stop at a hang-up as at SIGTERM; let that be no failure: uvicorn sends it to itself once more at the end."""
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
            number: self._hang_up if number is signal.SIGHUP else lambda _number, _frame: None
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


class BoundedGuest(GuestServer, BoundedServer):
    """A bounded server in the event loop of the program it runs in."""
