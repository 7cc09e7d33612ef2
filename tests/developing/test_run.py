"""`headrace dev` at work: in this process, with the add-on in one of its own."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from cli.running import build_environment
from headrace.developing import Wanted, run_dev
from headrace.emulator import load_world
from headrace.errors import ConfigurationError
from headrace.process.ports import bind
from headrace.scaffold.files import build_files
from headrace.scaffold.names import Names
from headrace.scaffold.wheels import Wheel
from headrace.scaffold.writing import write_files
from headrace.testing import eventually

PATIENCE = timedelta(seconds=200)
BROKEN = "def create(:\n"


@dataclass
class Said:
    """What has been printed, line by line."""

    lines: list[str] = field(default_factory=list)

    async def wait_for(self, pattern: str, *, times: int = 1) -> "re.Match[str]":
        await eventually(lambda: len(re.findall(pattern, self.text, re.MULTILINE)) >= times, within=PATIENCE)
        found = re.search(pattern, self.text, re.MULTILINE)
        assert found is not None
        return found

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path, build_files(Names("acme-search"), Wheel("none.whl", b"")))
    return tmp_path


def want(folder: Path, *, port: int = 0, heroku_port: int = 0) -> Wanted:
    world_path = folder / "world.toml"
    return Wanted(
        folder=folder,
        target="addon:service",
        world=load_world(world_path.read_text(encoding="utf-8"), directory=folder),
        world_path=world_path,
        port=port,
        heroku_port=heroku_port,
        environment=build_environment({}),
        has_first=True,
    )


@asynccontextmanager
async def developing(folder: Path) -> AsyncIterator[Said]:
    said = Said()
    with contextlib.chdir(folder):
        running = asyncio.create_task(run_dev(want(folder), say=said.lines.append))
        try:
            yield said
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def test_what_is_saved_is_what_runs(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A first resource has its board at once; a mistake is said in a line; who calls while a start lasts waits."""
    code = (folder / "addon.py").read_text(encoding="utf-8")
    async with developing(folder) as said, aiohttp.ClientSession() as session:
        board = await said.wait_for(r"Its board: (http://127\.0\.0\.1:\d+/sso/apps/[-\w]+/addons/[-\w]+)$")
        (folder / "addon.py").write_text(code + BROKEN, encoding="utf-8")
        await said.wait_for(r"The add-on's process has ended with status 2\. Save a file")
        (folder / "addon.py").write_text(code, encoding="utf-8")
        await said.wait_for(r"^addon\.py changed, starting again", times=2)
        async with session.get((await said.wait_for(r"^  operators +(\S+)"))[1]) as waited:
            page = await waited.text()
        await said.wait_for(r"^Ready in ", times=2)
        (folder / "addon-manifest.json").write_text("{", encoding="utf-8")
        await said.wait_for(r"^addon-manifest\.json cannot be read: ")
        (folder / "world.toml").write_text("", encoding="utf-8")
        await said.wait_for(r"^world\.toml has changed\. Stop and start")

    told = capfd.readouterr().err
    assert board[1]
    assert (200, True) == (waited.status, "Operators" in page)
    assert f"addon.py, line {len(code.splitlines()) + 1}: invalid syntax: def create(:" in told
    assert "Traceback" not in told
    assert 2 == len(re.findall(r"^addon\.py changed, starting again", said.text, re.MULTILINE))


@pytest.mark.parametrize("option", ["--port", "--heroku-port"])
async def test_a_used_port_says_what_to_do(folder: Path, option: str) -> None:
    """Before anything is started."""
    said = Said()
    with bind("127.0.0.1", 0) as used:
        used.listen()
        port = used.getsockname()[1]
        wanted = want(folder, **{"port" if option == "--port" else "heroku_port": port})
        with pytest.raises(ConfigurationError, match=rf"Port {port} .*`headrace dev {option} 0` takes any free one"):
            await run_dev(wanted, say=said.lines.append)

    assert [] == said.lines
