"""The official Heroku CLI, unmodified, pointed at the emulator."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acceptance.processes import build_environment

COMMAND_SECONDS = 240.0
STAY = Path(__file__).with_name("stay_heroku.mjs")

Answer = subprocess.CompletedProcess[str]
# What runs a program with these arguments, in this environment and folder.
Run = Callable[[Path, Sequence[str], Mapping[str, str], Path], Answer]


def start_program(program: Path, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Answer:
    """Run a command in a process of its own, as its users do."""
    return subprocess.run(
        [program, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=COMMAND_SECONDS,
        check=False,
    )


class Residents:
    """Runs commands in processes that stay, of which there are as many as there were commands at once.

    The CLI takes two processor seconds to load its modules, and a tenth of that for what a command asks of Heroku.
    """

    def __init__(self) -> None:
        self._idle: list[subprocess.Popen[str]] = []
        self._all: list[subprocess.Popen[str]] = []

    def __call__(self, program: Path, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Answer:
        process = self._idle.pop() if self._idle else self._start(program)
        late = threading.Timer(COMMAND_SECONDS, process.kill)
        late.start()
        assert process.stdin is not None
        assert process.stdout is not None
        command = {"args": list(arguments), "env": dict(environment), "cwd": str(folder)}
        print(json.dumps(command), file=process.stdin, flush=True)
        line = process.stdout.readline()
        late.cancel()
        assert line, f"no end of heroku {' '.join(arguments)} within {COMMAND_SECONDS:.0f} s"
        self._idle.append(process)
        ended = json.loads(line)
        return subprocess.CompletedProcess(list(arguments), ended["status"], ended["stdout"], ended["stderr"])

    def stop(self) -> None:
        for process in self._all:
            process.kill()
            process.communicate()

    def _start(self, program: Path) -> "subprocess.Popen[str]":
        """Start what stays until it is killed: it keeps nothing."""
        line: list[str | Path] = ["node", "--no-deprecation", STAY, program]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._all.append(process)
        return process


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where one user of one Heroku types commands of the CLI."""

    program: Path
    home: Path
    heroku_url: str
    token: str = field(repr=False)
    run_program: Run = start_program

    def run(self, *arguments: str) -> str:
        """Return what a command printed; it has to succeed."""
        answer = self.complete(*arguments)
        return answer.stdout + answer.stderr

    def complete(self, *arguments: str) -> Answer:
        """Run a command that has to succeed."""
        answer = self.try_run(*arguments)
        assert answer.returncode == 0, f"heroku {' '.join(arguments)}\n{answer.stdout}{answer.stderr}"
        return answer

    def try_run(self, *arguments: str) -> Answer:
        """Run a command and return how it ended."""
        self.home.mkdir(exist_ok=True)
        environment = build_cli_environment(self.home, heroku_url=self.heroku_url, token=self.token)
        return self.run_program(self.program, arguments, environment, self.home)

    async def enter(self, *arguments: str) -> str:
        """Run a command that succeeds while the emulator serves in this process; return its words, one space apart."""
        return join_words(await asyncio.to_thread(self.run, *arguments))

    async def read(self, *arguments: str) -> Any:
        """Run a command that prints JSON, likewise, and return it."""
        return json.loads((await asyncio.to_thread(self.complete, *arguments)).stdout)

    async def enter_in_vain(self, *arguments: str) -> str:
        """Run a command that fails, likewise."""
        answer = await asyncio.to_thread(self.try_run, *arguments)
        assert answer.returncode != 0, f"heroku {' '.join(arguments)}\n{answer.stdout}{answer.stderr}"
        return join_words(answer.stdout + answer.stderr)


@dataclass(frozen=True, slots=True, kw_only=True)
class HerokuCli:
    """The CLI as it is installed. It writes into a home and a git configuration of the test's own."""

    program: Path
    home: Path
    run_program: Run = start_program

    def log_in(self, heroku_url: str, token: str) -> Terminal:
        return Terminal(
            program=self.program, home=self.home, heroku_url=heroku_url, token=token, run_program=self.run_program
        )


def build_cli_environment(home: Path, *, heroku_url: str, token: str) -> dict[str, str]:
    """Return the environment of a command that stays at home and speaks to no Heroku but this one."""
    return build_environment(
        HOME=str(home),
        XDG_CACHE_HOME=str(home / "cache"),
        XDG_CONFIG_HOME=str(home / "config"),
        XDG_DATA_HOME=str(home / "data"),
        GIT_CONFIG_GLOBAL=str(home / "gitconfig"),
        HEROKU_HOST=heroku_url,
        HEROKU_PARTICLEBOARD_URL=heroku_url,
        HEROKU_API_KEY=token,
        DISABLE_TELEMETRY="true",
        HEROKU_SKIP_NEW_VERSION_CHECK="true",
        HEROKU_DISABLE_AUTOUPDATE="1",
        NO_COLOR="1",
        COLUMNS="200",
    )


def join_words(text: str) -> str:
    """Undo what the CLI does for the eye: columns, line breaks, and the mark before each line of an error."""
    return " ".join(text.replace("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", " ").split())
