"""Servers that are measured, each in a process of its own, so that the client does not slow them."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 30.0
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


def wait_until_answered(url: str) -> None:
    """Raise the last error when there is no answer for half a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
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
    """Return the folder where what is installed once is kept, as the acceptance tests keep theirs."""
    folder = Path(os.environ.get("HEADRACE_CACHE") or Path.home() / ".cache" / "headrace")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
