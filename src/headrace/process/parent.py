"""Two processes from one command: a small parent that starts a web process and a worker, and sees to both.

It imports nothing of the service. Each child holds the end of a leash: it says there when it is ready, or that somebody
has asked it to stop; that the leash has ended, because the parent has let go or is dead, is a child's word to stop.
"""

import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from headrace.logs import LogName

log = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Heroku ends a dyno 30 seconds after it has asked it to stop.
WORKER_STOPS_AFTER_SECONDS = 16.0
KILLED_AFTER_SECONDS = 25.0
LONGEST_PAUSE_SECONDS = 30.0
SHORTEST_WAIT_SECONDS = 0.01
# Who was ready for this long does not crash at its start.
STEADY_AFTER_SECONDS = 60.0
# The command has said why: it failed, is configured wrongly, or could not start what it serves.
SAID_WHY = (1, 2, 3)
# Otherwise glibc keeps a heap for each of up to eight threads a core; one thread at a time runs Python.
SPARING = {"MALLOC_ARENA_MAX": "2"}
READY, ASKED_TO_STOP = b"r", b"s"


class Leash:
    """A child's end: what it tells its parent, and what a loop watches to learn that it has to stop."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)

    def fileno(self) -> int:
        return self._socket.fileno()

    def tell_ready(self) -> None:
        self._tell(READY)

    def ask_to_stop(self) -> None:
        self._tell(ASKED_TO_STOP)

    def _tell(self, word: bytes) -> None:
        # A parent that is dead has ended the leash, and nothing more is to be told.
        with suppress(OSError):
            self._socket.send(word)


def list_stop_signals() -> list[signal.Signals]:
    """Return the signals that ask this process to stop: under nohup a terminal that is closed does not."""
    return [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]


@dataclass
class Child:
    """One of the two: the command that runs it, which is given `--leash` besides, and how it has been so far."""

    name: str
    command: Sequence[str]
    # What only its first start is told.
    at_first: Sequence[str] = ()
    pid: int | None = None
    leash: socket.socket | None = None
    ready_at: float | None = None
    failed_starts: int = 0
    pause: float = 1.0
    starts_at: float | None = None

    def start(self) -> None:
        ours, its = socket.socketpair()
        with its:
            its.set_inheritable(True)
            at_first = self.at_first if self.starts_at is None else ()
            command = [*self.command, *at_first, "--leash", str(its.fileno())]
            self.pid = os.posix_spawn(command[0], command, {**SPARING, **os.environ})
        self.leash, self.starts_at, self.ready_at = ours, None, None

    def let_go(self) -> None:
        if self.leash is not None:
            self.leash.close()
            self.leash = None

    def kill(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def note_end(self, now: float) -> None:
        self.let_go()
        self.pid = None
        if self.ready_at is None:
            self.failed_starts += 1
        elif now - self.ready_at >= STEADY_AFTER_SECONDS:
            self.pause = 1.0

    def start_later(self, now: float) -> float:
        """Return the pause before the next start: each is twice as long as the one before."""
        pause = self.pause
        self.starts_at, self.pause = now + pause, min(pause * 2, LONGEST_PAUSE_SECONDS)
        return pause


def is_over(child: Child, status: int) -> bool:
    """Whether both end because this one did: it was asked to, or it cannot start."""
    if status == 0 or -status in STOPPING:
        return True
    return child.ready_at is None and (status in SAID_WHY or child.failed_starts > 1)


@dataclass
class Parent:
    """Starts the worker once the web process is ready; what crashes is started again after a pause."""

    web: Child
    worker: Child
    worker_stops_after: float = WORKER_STOPS_AFTER_SECONDS
    killed_after: float = KILLED_AFTER_SECONDS
    status: int = 0
    stopped_at: float | None = None
    signals: socket.socket = field(init=False)

    def run(self) -> int:
        """Run both until one stops or a signal asks to; return the exit status."""
        with _listening_for_signals() as self.signals:
            self.web.start()
            while self.stopped_at is None or self._running:
                self._wait()
                self._reap()
                self._start_due()
                self._stop_due()
        return self.status

    @property
    def _running(self) -> list[Child]:
        return [child for child in (self.web, self.worker) if child.pid is not None]

    def _wait(self) -> None:
        """Wait for a signal, a word of a child, or a moment at which something is due."""
        leashes = {child.leash: child for child in self._running if child.leash is not None}
        heard, _, _ = select.select([self.signals, *leashes], [], [], self._find_pause())
        for each in heard:
            if each is self.signals:
                self._hear_signals()
            else:
                self._hear(leashes[each])

    def _find_pause(self) -> float | None:
        due = [child.starts_at for child in (self.web, self.worker) if child.starts_at is not None]
        if self.stopped_at is not None:
            due += [self.stopped_at + self.killed_after]
            due += [self.stopped_at + self.worker_stops_after] if self.worker.leash is not None else []
        return max(min(due) - monotonic(), SHORTEST_WAIT_SECONDS) if due else None

    def _hear_signals(self) -> None:
        if set(self.signals.recv(4096)) & set(STOPPING):
            self._stop(0)

    def _hear(self, child: Child) -> None:
        # Who was let go of in this very round has nothing to say any more: a platform signals all processes at once.
        if child.leash is None:
            return
        words = _receive(child.leash)
        if not words:
            child.let_go()
        if READY in words:
            child.ready_at, child.failed_starts = monotonic(), 0
            if self.worker.pid is None and self.worker.starts_at is None and self.stopped_at is None:
                self.worker.start()
        if ASKED_TO_STOP in words:
            self._stop(0)

    def _reap(self) -> None:
        """Note who has ended. As a container's first process it is also the parent of whoever has lost its own."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for child in self._running:
                    if child.pid == ended[0]:
                        self._note_end(child, os.waitstatus_to_exitcode(ended[1]))

    def _note_end(self, child: Child, status: int) -> None:
        child.note_end(monotonic())
        if self.stopped_at is not None:
            return
        if is_over(child, status):
            asked = status == 0 or -status in STOPPING
            self._stop(0 if asked else status if status > 0 else 128 - status)
        else:
            pause = child.start_later(monotonic())
            log.error(LogName.PROCESS_CRASHED, extra={"which": child.name, "status": status, "pause": pause})

    def _start_due(self) -> None:
        for child in (self.web, self.worker):
            if child.starts_at is not None and monotonic() >= child.starts_at:
                child.start()

    def _stop(self, status: int) -> None:
        if self.stopped_at is None:
            self.stopped_at, self.status = monotonic(), status
            self.web.starts_at = self.worker.starts_at = None
            self.web.let_go()

    def _stop_due(self) -> None:
        """Web first: who has asked it for something may wait for the worker."""
        if self.stopped_at is None:
            return
        since = monotonic() - self.stopped_at
        if self.web.pid is None or since >= self.worker_stops_after:
            self.worker.let_go()
        if since >= self.killed_after:
            for child in self._running:
                child.kill()


def run_both(*, web: Sequence[str], worker: Sequence[str]) -> int:
    """Run two commands of headrace's until one stops or a signal asks to; return the exit status."""
    web_child = Child("web", build_command(*web), at_first=["--before-worker"])
    return Parent(web_child, Child("worker", build_command(*worker))).run()


def build_command(*arguments: str) -> list[str]:
    """Return the command line of a headrace of this Python, in which the folder it runs in shadows no module."""
    return [sys.executable, "-P", "-m", "headrace", *arguments]


def _receive(leash: socket.socket) -> bytes:
    try:
        return leash.recv(4096)
    except ConnectionError:
        return b""


@contextmanager
def _listening_for_signals() -> Iterator[socket.socket]:
    """Make signals readable, so that waiting for them has no gaps: also that a child has ended."""
    ours, its = socket.socketpair()
    its.setblocking(False)
    with ours, its:
        before = {number: signal.signal(number, _do_nothing) for number in (*list_stop_signals(), signal.SIGCHLD)}
        waker = signal.set_wakeup_fd(its.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(waker)
            for number, handler in before.items():
                signal.signal(number, handler)


def _do_nothing(_number: int, _frame: object) -> None:
    """What reads the socket does it."""
