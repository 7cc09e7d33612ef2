"""The official Heroku CLI, unmodified, pointed at the emulator."""

import asyncio
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acceptance.processes import build_environment

COMMAND_SECONDS = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where one user of one Heroku types commands of the CLI."""

    program: Path
    home: Path
    heroku_url: str
    token: str = field(repr=False)

    def run(self, *arguments: str) -> str:
        """Return what a command printed; it has to succeed."""
        answer = self.complete(*arguments)
        return answer.stdout + answer.stderr

    def complete(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that has to succeed."""
        answer = self.try_run(*arguments)
        assert answer.returncode == 0, f"heroku {' '.join(arguments)}\n{answer.stdout}{answer.stderr}"
        return answer

    def try_run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command and return how it ended."""
        self.home.mkdir(exist_ok=True)
        return subprocess.run(
            [self.program, *arguments],
            env=build_cli_environment(self.home, heroku_url=self.heroku_url, token=self.token),
            cwd=self.home,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )

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

    def log_in(self, heroku_url: str, token: str) -> Terminal:
        return Terminal(program=self.program, home=self.home, heroku_url=heroku_url, token=token)


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
