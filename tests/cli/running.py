"""Running a command, in this process or in one of its own."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from headrace.cli.main import main
from headrace.settings import SETTINGS
from lab.kit.forked import fork_headrace

# The least that can be served.
WHOLE_ACME = """
from headrace import AddonService, NoConfig

service = AddonService.from_env()

@service.on_provision
def create(provision): return NoConfig()

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""
HEADRACE = Path(sys.executable).with_name("headrace")
# A start takes a second, or very many on a machine that is busy with other tests.
LONGEST_SECONDS = 240
# Settings of whoever runs the tests must not reach the commands.
UNSET = {setting.name: None for setting in SETTINGS} | dict.fromkeys(("PORT", "DYNO", "WEB_CONCURRENCY"))


def invoke(*arguments: str, **environment: str | None) -> Result:
    """Run a command in this process."""
    return CliRunner(env={**UNSET, **environment}).invoke(main, arguments)


@dataclass
class Done:
    """What a process left behind."""

    status: int
    out: str
    err: str


async def run(*arguments: str, environment: Mapping[str, str | None], cwd: Path) -> Done:
    """Run a command in a process of its own."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = {"stdout": out.fileno(), "stderr": err.fileno()}
        process = fork_headrace(arguments, environment=build_environment(environment), cwd=cwd, **streams)
        status = await asyncio.to_thread(process.wait, LONGEST_SECONDS)
        out.seek(0)
        err.seek(0)
        return Done(status, out.read().decode(), err.read().decode())


async def run_script(script: str, *arguments: str, environment: Mapping[str, str], cwd: Path) -> Done:
    """Run a script in a process of its own, with arguments."""
    return await _run(sys.executable, "-c", script, *arguments, environment=environment, cwd=cwd)


async def run_module(*arguments: str, environment: Mapping[str, str | None], cwd: Path) -> Done:
    """Run a module with this Python, in a process of its own."""
    return await _run(sys.executable, "-m", *arguments, environment=build_environment(environment), cwd=cwd)


async def _run(*command: str | Path, environment: Mapping[str, str], cwd: Path) -> Done:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
    return Done(process.returncode or 0, out.decode(), err.decode())


async def run_python(script: str, *, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a script in a process of its own; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, env=environment, cwd=cwd
    )
    out, _ = await process.communicate()
    return out.decode()


def build_environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment of a process, without our settings but for these."""
    merged: dict[str, str | None] = {**os.environ, **UNSET, **changes}
    return {name: value for name, value in merged.items() if value is not None}
