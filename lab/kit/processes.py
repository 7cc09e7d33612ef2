"""Processes of their own: what is measured, killed or tested, and what asks it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# A machine may have a hundred other things to do.
PATIENCE_SECONDS = 180.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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


def find_cache() -> Path:
    """Return the folder where what is installed once is kept, by whichever test, bench or trial asks first."""
    folder = Path(os.environ.get("HEADRACE_CACHE") or Path.home() / ".cache" / "headrace")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
