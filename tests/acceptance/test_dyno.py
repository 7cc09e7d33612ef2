"""On a dyno as Heroku's build leaves it: what it sets is not believed, and a service stands there once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from acceptance.processes import Processes, Running, build_environment, is_ready, wait_until
from cli.running import WHOLE_ACME
from headrace.web.operators.frame.login import ATTEMPTS_OF_CLIENT
from lab.kit.processes import find_command, find_free_port
from settings.test_settings import GOOD

pytestmark = pytest.mark.acceptance

ADDON = f"""{WHOLE_ACME}
app = service.asgi()
"""
# With an emulator beside it, SQLite will do.
DYNO = {
    **GOOD,
    "DYNO": "web.1",
    "FORWARDED_ALLOW_IPS": "*",
    "HEADRACE_OPERATOR_SECRET": "s" * 32,
    "HEROKU_API_URL": "http://127.0.0.1:1",
    "HEROKU_ID_URL": "http://127.0.0.1:1",
}
SERVE, UVICORN = ("headrace", "serve", "addon:service"), ("uvicorn", "addon:app")


@pytest.fixture
def dyno(tmp_path: Path) -> Iterator["Dyno"]:
    (tmp_path / "addon.py").write_text(ADDON, encoding="utf-8")
    found = Dyno(tmp_path)
    yield found
    found.processes.stop()


class Dyno:
    """One machine, with a folder for its files and one for what is temporary."""

    def __init__(self, folder: Path) -> None:
        self.processes = Processes(folder)
        self._folder = folder

    def start(self, command: tuple[str, ...], **environment: str) -> tuple[Running, str]:
        """Start a server; return it and where it will answer."""
        port = str(find_free_port())
        found = {**DYNO, "DATABASE_URL": f"sqlite:///{self._folder}/x.db", "TMPDIR": str(self._folder), **environment}
        program: list[str | Path] = [find_command(command[0]), *command[1:], "--port", port]
        process = Running(program, env=build_environment(**found), cwd=self._folder)
        self.processes.running.append(process)
        return process, f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("command", [SERVE, UVICORN], ids=["serve", "uvicorn"])
def test_the_client_is_who_the_router_says(dyno: Dyno, command: tuple[str, ...]) -> None:
    """Whatever a client writes into the header itself: five wrong secrets hold it off, and nobody else."""
    process, url = dyno.start(command)
    wait_until(lambda: is_ready(f"{url}/ready"), why=process.render)
    wrong = [try_secret(url, f"198.51.100.{number}, 203.0.113.7") for number in range(ATTEMPTS_OF_CLIENT)]
    again, through_router, other = (
        try_secret(url, client)
        for client in ("198.51.100.9, 203.0.113.7", "203.0.113.7, 10.1.2.3", "203.0.113.7, 203.0.113.8")
    )

    assert [403] * ATTEMPTS_OF_CLIENT == wrong
    assert (429, 429, 403) == (again, through_router, other)


def test_as_many_services_as_the_build_asks_for_are_refused_in_a_line(dyno: Dyno, postgres_url: str) -> None:
    """Each would have connections of its own, and a Basic dyno's default is two."""
    process, _ = dyno.start(UVICORN, WEB_CONCURRENCY="2", DATABASE_URL=postgres_url)
    process.wait()

    told = process.render()
    assert "This dyno serves already. Heroku's build sets WEB_CONCURRENCY" in told
    assert "`uvicorn --workers 1`" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("command", [SERVE, (*UVICORN, "--workers", "1")], ids=["serve", "uvicorn"])
def test_one_service_starts_whatever_the_build_asks_for(dyno: Dyno, command: tuple[str, ...]) -> None:
    """And ends in order; another on the same dyno is another's business once it has."""
    for _ in range(2):
        process, url = dyno.start(command, WEB_CONCURRENCY="2")
        wait_until(lambda at=url: is_ready(f"{at}/ready"), why=process.render)  # type: ignore[misc]
        process.send_signal(signal.SIGTERM)
        assert process.wait() in (0, -signal.SIGTERM), process.render()


@pytest.mark.parametrize("command", [SERVE, UVICORN, ("headrace", "worker", "addon:service")], ids=" ".join)
def test_a_dyno_without_postgresql_is_refused_with_the_line_to_type(dyno: Dyno, command: tuple[str, ...]) -> None:
    """Its disk is emptied at every restart: every customer's token and config would be gone with it."""
    process, _ = dyno.start(command, HEROKU_API_URL="https://api.heroku.com", DATABASE_URL="")
    status = process.wait()

    assert status != 0
    assert "`heroku addons:create heroku-postgresql:essential-0`" in process.render()
    # What a module raises while it is imported, uvicorn shows with its traceback.
    assert command == UVICORN or "Traceback" not in process.render()


def try_secret(url: str, client: str) -> int:
    return httpx2.post(
        f"{url}/operators/login", data={"secret": "wrong"}, headers={"X-Forwarded-For": client}
    ).status_code
