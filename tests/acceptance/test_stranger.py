"""Somebody who has the wheel, Python and an empty folder, and no clone: from `pip install` to a board and on."""

import re
import signal
import subprocess
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx2
import pytest

from acceptance.documented import enter, list_commands
from acceptance.heroku_cli import HerokuCli, build_cli_environment
from acceptance.processes import Processes, build_environment, is_ready, log_in, wait_until
from lab.kit.processes import find_free_port, module
from lab.kit.pythons import make_venv

pytestmark = [pytest.mark.acceptance, pytest.mark.long]

TESTED_SECONDS, CHECKED_SECONDS, READY_SECONDS = 240.0, 240.0, 180.0


@dataclass(frozen=True)
class Stranger:
    """What a virtual environment of the wheel and pytest has, and the folder that an add-on is made in."""

    bin: Path
    folder: Path

    def run(self, *command: str | Path) -> str:
        """Run a program of the environment, which has to succeed; return what it says."""
        program, *arguments = command
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=build_environment(PATH=f"{self.bin}:/usr/bin:/bin"),
            capture_output=True,
            text=True,
            check=False,
            timeout=TESTED_SECONDS,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def stranger(wheel: Path, tmp_path: Path) -> Stranger:
    folder = tmp_path / "empty"
    folder.mkdir()
    make_venv(tmp_path / "venv", wheel, f"pytest=={version('pytest')}")
    return Stranger(tmp_path / "venv" / "bin", folder)


def test_a_stranger_gets_from_the_wheel_to_a_board(
    stranger: Stranger, wheel: Path, processes: Processes, heroku_cli: HerokuCli
) -> None:
    """Three commands; then the official CLI, the test that was written, and the checker, all without a clone."""
    headrace = stranger.bin / "headrace"
    install, init, dev_line = list_commands("quickstart.md", "The first board")
    assert f"pip install {wheel.name}" == install
    addon = stranger.folder / "demo-addon"
    environment = build_environment(PATH=f"{stranger.bin}:/usr/bin:/bin")
    told = enter(init, folder=stranger.folder, environment=environment)
    dev = processes.headrace(
        *dev_line.split()[1:], "--port", "0", "--heroku-port", "0", cwd=addon, command=headrace, environment=environment
    )
    heroku, token = (dev.wait_for_line(rf"{name}=(\S+)")[1] for name in ("HEROKU_HOST", "HEROKU_API_KEY"))
    with httpx2.Client() as browser:
        board = log_in(dev.wait_for_line(r"Its board: (\S+)", within=READY_SECONDS)[1], browser)
    environment = build_cli_environment(heroku_cli.home, heroku_url=heroku, token=token)
    environment["PATH"] = f"{stranger.bin}:{heroku_cli.program.parent}:/usr/bin:/bin"
    heroku_cli.home.mkdir()
    said = [
        enter(line, folder=addon, environment=environment)
        for line in list_commands("quickstart.md", "What customers do")
    ]
    dev.send_signal(signal.SIGINT)

    assert "cd demo-addon\n  headrace dev" in told
    assert (200, True) == (board.status_code, "storefront-pr-1" in board.text)
    assert re.search(r"^DEMO_ADDON_URL: +https://demo-addon\.example/[-0-9a-f]{36}$", "".join(said), re.MULTILINE)
    assert 0 == dev.wait(), dev.render()
    assert "Stopping." in dev.out[-1]
    (packed,) = (addon / "wheels").iterdir()
    assert (wheel.name, read_wheel(wheel)) == (packed.name, read_wheel(packed))
    install_as_heroku_does(addon)
    assert "1 passed" in Stranger(stranger.bin, addon).run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert_passes_the_checker(addon, headrace, processes)


def read_wheel(path: Path) -> dict[str, list[bytes]]:
    """Return what is in a wheel; the list of it, RECORD, in no order."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    return {name: sorted(content.splitlines()) for name, content in contents.items()}


def install_as_heroku_does(addon: Path) -> None:
    """With a hash for everything: the wheel beside the file among it, from a path of the folder that is built."""
    install = module("uv", "pip", "install", "--quiet", "--system-certs", "--no-python-downloads", "--require-hashes")
    command = [*install, "--dry-run", "--target", "nowhere", "-r", "requirements.txt"]
    done = subprocess.run(command, cwd=addon, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr


def assert_passes_the_checker(addon: Path, headrace: Path, processes: Processes) -> None:
    """As docs/quickstart.md has it: the add-on is told where the checker's Heroku will be."""
    url, heroku = (f"http://127.0.0.1:{find_free_port()}" for _ in range(2))
    settings = {"HEROKU_API_URL": heroku, "HEROKU_ID_URL": heroku, "HEADRACE_CLIENT_SECRET": "checker-client-secret"}
    serve = ("serve", "--one-process", "--port", url.rpartition(":")[2], "--env-file", ".env", "addon:service")
    service = processes.headrace(*serve, cwd=addon, command=headrace, environment=settings)
    wait_until(lambda: is_ready(f"{url}/ready"), why=service.render)
    check = ("check", "--manifest", "addon-manifest.json", "--base-url", url, "--sso-url", f"{url}/sso/login")
    plans = ("--plan", "test", "--plan", "basic", "--port", heroku.rpartition(":")[2])
    checker = processes.headrace(*check, *plans, cwd=addon, command=headrace)

    assert 0 == checker.wait(within=CHECKED_SECONDS), checker.render()
