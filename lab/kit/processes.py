"""Processes of their own: what is measured, killed or tested, and what asks it."""

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# A machine may have a hundred other things to do.
PATIENCE_SECONDS = 180.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Below those of which a system takes one for whoever wants any.
PORTS = range(20_000, 32_000)


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours."""
    return [sys.executable, "-m", name, *arguments]


def find_command(name: str) -> Path:
    """Return a command that is installed beside this Python."""
    return Path(sys.executable).with_name(name)


@contextmanager
def start(command: Sequence[str]) -> Iterator[str]:
    """Run a server while the block lasts, and yield the first line that it prints."""
    with running(command) as process:
        assert process.stdout is not None
        yield process.stdout.readline()


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a process, whose output and input are pipes, while the block lasts."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def serving(command: Sequence[str], *, asked: str = "/ready") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a server that prints its port, and yield it with the port once it answers at the path that is asked."""
    with running(command) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        wait_until_answered(f"http://127.0.0.1:{port}{asked}")
        yield server, port


def wait_until_answered(url: str, *, within: float = PATIENCE_SECONDS) -> None:
    """Raise the last error when there is no answer for so many seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def read_mebibytes(pid: int) -> float:
    """Return how much memory a process has in use; nothing when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * PAGE_BYTES / 2**20


def list_family(pid: int) -> list[int]:
    """Return a process and all that it has begun, and these."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(each for child in children for each in list_family(int(child)))]


def find_cache() -> Path:
    """Return the folder where what is installed once is kept, by whichever test, bench or trial asks first."""
    folder = Path(os.environ.get("HEADRACE_CACHE") or Path.home() / ".cache" / "headrace")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_free_port() -> int:
    """Return a port that nobody listens on, and that whoever asks next, in any process, is not given too."""
    # One that the system chooses is free when it is found; until it is used, the system may give it to another.
    with (Path(tempfile.gettempdir()) / f"headrace-ports-{os.getuid()}").open("a+", encoding="ascii") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        port = next(each for each in _follow(int(counter.read() or 0)) if _is_free(each))
        counter.truncate(0)
        counter.write(str(port))
        return port


def _follow(port: int) -> Iterator[int]:
    """Yield all ports after this one, and then from the first."""
    first = max(port + 1 - PORTS.start, 0)
    return (PORTS[(first + step) % len(PORTS)] for step in range(len(PORTS)))


def _is_free(port: int) -> bool:
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
