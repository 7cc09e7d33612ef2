"""Real processes: `headrace emulate` and `headrace serve` as a partner runs them, each with its output kept."""

import json
import os
import re
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import IO, Any

import httpx2

from headrace.emulator import BUILT_IN_WORLD
from lab.kit.forked import Forked, fork_headrace
from lab.kit.processes import find_command, find_free_port

HEADRACE = find_command("headrace")
EXAMPLES = Path(__file__).parents[2] / "examples"
WORLD_URL = "http://127.0.0.1:5050"
READY_WITHIN_SECONDS = 240.0
STOP_WITHIN_SECONDS = 15.0
# httpx2 would read every authority of this machine for each request, which takes a hundred times as long as asking.
TRUSTED = ssl.create_default_context()
# Settings of whoever runs the tests must not reach the processes under test.
OURS = ("HEADRACE_", "HEROKU_", "DATABASE_URL", "PORT")


class Running:
    """A process under test. What it writes is read by threads, so that waiting for a line needs no sleep."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
        is_forked: bool = False,
    ) -> None:
        """`is_forked` says of `headrace` that its start is nothing to look at, so it may be had at less cost."""
        self.command = " ".join(str(part) for part in command)
        self.out: list[str] = []
        self.err: list[str] = []
        self._changed = threading.Condition()
        self._open_pipes = 2
        self._process: subprocess.Popen[bytes] | Forked
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        if is_forked:
            line = command[1:]
            self._process = fork_headrace(line, environment=env, cwd=cwd, stdin=stdin, stdout=to_out, stderr=to_err)
        else:
            self._process = subprocess.Popen(command, env=env, cwd=cwd, stdin=stdin, stdout=to_out, stderr=to_err)
        os.close(to_out)
        os.close(to_err)
        pipes = ((os.fdopen(out), self.out), (os.fdopen(err), self.err))
        self._readers = [threading.Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def wait_for_line(self, pattern: str, *, within: float = READY_WITHIN_SECONDS) -> re.Match[str]:
        """Return the first match in what was written to standard output, as soon as it is there."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(pattern) or not self._open_pipes, timeout=within)
        found = self._find(pattern)
        assert found is not None, f"no {pattern!r} from {self.command}\n{self.render()}"
        return found

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, *, within: float = READY_WITHIN_SECONDS) -> int:
        """Return the exit status; everything written is there by then."""
        status = self._process.wait(timeout=within)
        for reader in self._readers:
            reader.join(timeout=within)
        return status

    def stop(self) -> None:
        self._process.terminate()
        try:
            self.wait(within=STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()

    def render(self) -> str:
        """Return all that was written, for whoever has to find out why a test failed."""
        return "".join([f"$ {self.command}\n", *self.out, *self.err])

    def _read(self, pipe: IO[str], lines: list[str]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._open_pipes -= 1
            self._changed.notify_all()

    def _find(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, "".join(self.out), re.MULTILINE)


@dataclass
class Processes:
    """Starts processes for one test and ends them after it."""

    folder: Path
    running: list[Running] = field(default_factory=list)

    def headrace(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        command: Path = HEADRACE,
        stdin: int = subprocess.DEVNULL,
        is_forked: bool = False,
    ) -> Running:
        """Start a command of this headrace, or of another one; `stdin` is a descriptor."""
        settings = build_environment(**(environment or {}))
        process = Running([command, *arguments], env=settings, cwd=cwd, stdin=stdin, is_forked=is_forked)
        self.running.append(process)
        return process

    def stop(self) -> None:
        """End what was started last first; pytest shows the output only of a test that failed."""
        while self.running:
            process = self.running.pop()
            process.stop()
            print(process.render())  # noqa: T201

    def start_heroku_and_acme(self, *, more: str = "", is_forked: bool = True, **environment: str) -> "Town":
        """Start the emulator and the example add-on, with more code of its own, and wait until both are ready.

        Unless they are forked, they are what an operator types, and the add-on is a web and a worker.
        """
        code = (EXAMPLES / "acme.py").read_text(encoding="utf-8")
        (self.folder / "acme.py").write_text(code + more, encoding="utf-8")
        url = f"http://127.0.0.1:{find_free_port()}"
        world, env_file = self.folder / "world.toml", self.folder / "acme.env"
        world.write_text(BUILT_IN_WORLD.replace(WORLD_URL, url), encoding="utf-8")
        emulate: tuple[str | Path, ...] = ("emulate", "--world", world, "--port", "0", "--json", "--env-file", env_file)
        emulator = self.headrace(*emulate, is_forked=is_forked)
        described = json.loads(emulator.wait_for_line(r"^{.*}$")[0])
        environment = {"DATABASE_URL": f"sqlite:///{self.folder / 'acme.db'}", **environment}
        serve: list[str | Path] = ["serve", "acme:service", "--port", url.rpartition(":")[2], "--env-file", env_file]
        serve += ["--one-process"] * is_forked
        service = self.headrace(*serve, cwd=self.folder, environment=environment, is_forked=is_forked)
        wait_until(lambda: is_ready(f"{url}/ready"), why=service.render)
        return Town(
            processes=self,
            service=service,
            heroku_url=described["url"],
            acme_url=url,
            tokens={user["email"]: user["token"] for user in described["users"]},
            environment=environment,
            env_file=env_file,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A Heroku and the add-on that serves it, while both run."""

    processes: Processes
    service: Running
    heroku_url: str
    acme_url: str
    tokens: Mapping[str, str]
    environment: Mapping[str, str]
    env_file: Path

    def call(self, method: str, path: str, *, user: str, json: object = None) -> Any:
        """Call the Platform API as a user and return what it answers."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}", "Accept": "application/vnd.heroku+json; version=3"}
        answer = httpx2.request(method, self.heroku_url + path, headers=headers, json=json, verify=TRUSTED)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def add_acme(self, *apps: str, user: str, plan: str = "basic") -> dict[str, str]:
        """Add the add-on to apps, and return each one's uuid when all are provisioned."""
        added = {
            app: self.call("POST", f"/apps/{app}/addons", user=user, json={"plan": f"acme-search:{plan}"})
            for app in apps
        }
        uuids = {app: addon["id"] for app, addon in added.items()}
        wait_until(lambda: all(self.is_provisioned(uuid, user=user) for uuid in uuids.values()))
        return uuids

    def is_provisioned(self, uuid: str, *, user: str) -> bool:
        return bool(self.call("GET", f"/addons/{uuid}", user=user)["state"] == "provisioned")

    def build_login_url(self, app: str, uuid: str, *, user: str) -> str:
        """Return the page of the emulator that stands for a click on the add-on in Heroku's dashboard."""
        return f"{self.heroku_url}/sso/apps/{app}/addons/{uuid}?user={user}"

    def inspect(self, uuid: str) -> Any:
        """Return what `headrace inspect` prints as JSON."""
        return json.loads(self.run("inspect", uuid, "--json"))

    def run(self, *arguments: str) -> str:
        """Run a command with the service's settings, and return what it prints."""
        process = self.processes.headrace(
            *arguments, "--env-file", self.env_file, environment=self.environment, is_forked=True
        )
        assert process.wait() == 0, process.render()
        return "".join(process.out)


def log_in(launch_url: str, browser: httpx2.Client) -> httpx2.Response:
    """Do what a browser does on Heroku's launch page: send its form, keep the cookie, follow to the board."""
    page = browser.get(launch_url)
    assert page.status_code == 200, page.text
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action is not None, page.text
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    form = {unescape(name): unescape(value) for name, value in fields}
    return browser.post(unescape(action[1]), data=form, follow_redirects=True)


def build_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without settings of headrace or Heroku, and with more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def is_ready(url: str) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(url, verify=TRUSTED).status_code == 200
    return False


def wait_until(
    condition: Callable[[], bool], *, within: float = READY_WITHIN_SECONDS, why: Callable[[], str] = lambda: ""
) -> None:
    """Look at a condition in another process again and again until it holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"waited {within:.0f} s in vain\n{why()}"
        time.sleep(0.05)
