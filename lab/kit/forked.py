"""`headrace` as processes of their own that import nothing: each is forked out of one that has imported everything.

Imports are most of a start: a second of the processor's for `headrace serve`, which does the rest in a fifth of one.
What is judged by its start, or by how it is installed, is started by its command.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from headrace.cli.main import main
from lab.kit.processes import find_command

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["lab.kit.imported"])


class Forked:
    """A command that runs. Its methods are those of `subprocess.Popen`, and its exit status is said as there."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once there is one.

        Raises:
            subprocess.TimeoutExpired: there is none after so many seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork_headrace(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int,
    stderr: int,
) -> Forked:
    """Run the command `headrace`; its streams are descriptors, copies of which it is given."""
    with Path(os.devnull).open("rb") as nothing:
        streams = _Streams(nothing.fileno() if stdin == subprocess.DEVNULL else stdin, stdout, stderr)
        line = [str(argument) for argument in arguments]
        made = PROCESSES.Process(
            target=_be_headrace, args=(line, dict(environment), cwd or Path.cwd(), streams), daemon=True
        )
        return Forked(made)


class _Streams:
    """Descriptors that a process gives to one that is forked elsewhere, and that end there as 0, 1 and 2."""

    def __init__(self, *descriptors: int) -> None:
        self._descriptors = descriptors

    def __reduce__(self) -> tuple[Any, ...]:
        return _receive, tuple(DupFd(descriptor) for descriptor in self._descriptors)


def _receive(*copies: Any) -> list[int]:
    return [copy.detach() for copy in copies]


def _be_headrace(arguments: list[str], environment: dict[str, str], folder: Path, streams: list[int]) -> None:
    # Whoever ends all that it has started, ends its group.
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    sys.argv = [str(find_command("headrace")), *arguments]
    main(arguments)
