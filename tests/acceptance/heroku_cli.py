"""The official Heroku CLI, unmodified, pointed at the emulator."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from acceptance.processes import Town, build_environment

COMMAND_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HerokuCli:
    """Runs commands of the CLI. It writes into a home and a git configuration of the test's own."""

    program: Path
    home: Path

    def run(self, town: Town, *arguments: str, user: str) -> str:
        """Return what a command printed; it has to succeed."""
        answer = self.try_run(town, *arguments, user=user)
        assert answer.returncode == 0, f"heroku {' '.join(arguments)}\n{answer.stdout}{answer.stderr}"
        return answer.stdout + answer.stderr

    def try_run(self, town: Town, *arguments: str, user: str) -> "subprocess.CompletedProcess[str]":
        """Run a command and return how it ended."""
        self.home.mkdir(exist_ok=True)
        environment = build_environment(
            HOME=str(self.home),
            XDG_CACHE_HOME=str(self.home / "cache"),
            XDG_CONFIG_HOME=str(self.home / "config"),
            XDG_DATA_HOME=str(self.home / "data"),
            GIT_CONFIG_GLOBAL=str(self.home / "gitconfig"),
            HEROKU_HOST=town.heroku_url,
            HEROKU_PARTICLEBOARD_URL=town.heroku_url,
            HEROKU_API_KEY=town.tokens[user],
            DISABLE_TELEMETRY="true",
            HEROKU_SKIP_NEW_VERSION_CHECK="true",
            HEROKU_DISABLE_AUTOUPDATE="1",
            NO_COLOR="1",
            COLUMNS="200",
        )
        return subprocess.run(
            [self.program, *arguments],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
