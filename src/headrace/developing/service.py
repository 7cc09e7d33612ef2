"""The add-on's process beside a Heroku: on a socket that stays when it is started again, so that no call is lost."""

import asyncio
import socket
import subprocess
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter

from headrace.process.parent import READY, build_command

# Its workflows go on at the next start, so that nothing is lost by a process that does not end in time.
STOPS_WITHIN_SECONDS = 5.0


@dataclass
class ServiceProcess:
    """The process that serves the add-on of MODULE:NAME, on a leash: it stops when this process does, too.

    `on_ready` is called with the seconds that a start took, `on_end` when it ends by itself, with its status.
    """

    target: str
    bound: socket.socket
    environment: Mapping[str, str]
    on_ready: Callable[[float], None]
    on_end: Callable[[int], None]
    _process: Process | None = None
    _leash: socket.socket | None = None
    _following: "asyncio.Task[None] | None" = field(default=None, repr=False)

    async def start(self) -> None:
        started = perf_counter()
        ours, its = socket.socketpair()
        with its:
            descriptors = (self.bound.fileno(), its.fileno())
            options = ("--one-process", "--socket", str(descriptors[0]), "--leash", str(descriptors[1]))
            # In a session of its own: Ctrl-C is for this process, which stops both in order.
            self._process = await asyncio.create_subprocess_exec(
                *build_command("serve", self.target, *options),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,
            )
        ours.setblocking(False)
        self._leash = ours
        self._following = asyncio.create_task(self._follow(self._process, ours, started))

    async def stop(self) -> None:
        """Stop it, if it runs: in order, or after some seconds at once."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._leash is not None:
            self._leash.shutdown(socket.SHUT_RDWR)
        try:
            async with asyncio.timeout(STOPS_WITHIN_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._following is not None:
            await self._following

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _follow(self, process: Process, leash: socket.socket, started: float) -> None:
        """Hear that it is ready, and that it has ended although nobody stopped it."""
        with leash, suppress(ConnectionError):
            while word := await asyncio.get_running_loop().sock_recv(leash, 1):
                if word == READY:
                    self.on_ready(perf_counter() - started)
        status = await process.wait()
        if self._process is process:
            self._process = None
            self.on_end(status)
