"""A smoke: headrace as somebody installed it shows its demo, provisions, is killed while it does, and goes on."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace.emulator import BUILT_IN_WORLD
from lab.kit.processes import find_free_port, wait_until_answered
from lab.kit.pythons import Installed

OURS = ("HEADRACE_", "HEROKU_", "DATABASE_URL", "PORT", "DYNO", "PYTHON")
WORLD_URL = "http://127.0.0.1:5050"
DEMO_SECONDS, WAIT_SECONDS = 300.0, 120.0
# The hook begins, and waits until it may end: in between is the crash.
ADDON = """
import time
from pathlib import Path

from headrace import AddonService

service = AddonService.from_env()

@service.on_provision
def create(provision):
    with Path("begun").open("a") as file:
        file.write("x")
    while not Path("go").exists():
        time.sleep(0.05)
    return {"ACME_SEARCH_URL": f"https://acme.example/{provision.uuid}"}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""


class SmokeError(Exception):
    """Something did not go as it has to; the text has what was said."""


def smoke(installed: Installed) -> None:
    """Try it all, from the demo to a provision that a crash interrupts.

    Raises:
        SmokeError: it did not go as it has to.
    """
    show_demo(installed)
    port, log = find_free_port(), installed.folder / "log"
    url = f"http://127.0.0.1:{port}"
    (installed.folder / "smoke.py").write_text(ADDON, encoding="utf-8")
    (installed.folder / "world.toml").write_text(BUILT_IN_WORLD.replace(WORLD_URL, url), encoding="utf-8")
    emulate = installed.command("emulate", "--world", "world.toml", "--port", "0", "--json", "--env-file", "env")
    # One process, which a kill ends at once: the two of a plain `serve` would come to their end in order.
    serve = installed.command("serve", "smoke:service", "--one-process", "--port", str(port), "--env-file", "env")
    try:
        with running(emulate, log=log) as heroku:
            assert heroku.stdout is not None
            world = json.loads(heroku.stdout.readline())
            with running(serve, log=log) as service:
                wait_until_answered(f"{url}/ready")
                addon = ask_heroku(world, "POST", "/apps/storefront/addons", {"plan": "acme-search:basic"})
                wait_until((installed.folder / "begun").exists, "the hook has not begun")
                service.kill()
            (installed.folder / "go").touch()
            with running(serve, log=log):
                path = f"/addons/{addon['id']}"
                wait_until(lambda: ask_heroku(world, "GET", path)["state"] == "provisioned", "it is not provisioned")
    except (OSError, ValueError) as error:
        raise SmokeError(f"{error!r}\n{log.read_text(encoding='utf-8')[-3000:]}") from error
    if len((installed.folder / "begun").read_text()) != 2:
        raise SmokeError("the hook did not run again after the crash")


def show_demo(installed: Installed) -> None:
    demo = installed.command("demo", "--once")
    done = subprocess.run(
        demo, env=build_environment(), capture_output=True, text=True, check=False, timeout=DEMO_SECONDS
    )
    if done.returncode != 0 or "22 resources in 5 pipelines" not in done.stdout:
        # A log line is JSON, and its traceback one text in it.
        lines = done.stderr.replace("\\n", "\n").splitlines()
        raise SmokeError("\n".join(["the demo did not show its board", *lines[-20:]]))


@contextmanager
def running(command: Sequence[str | Path], *, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process while the block lasts, with what it says kept."""
    with (
        log.open("a", encoding="utf-8") as said,
        subprocess.Popen(command, env=build_environment(), stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def ask_heroku(world: Mapping[str, Any], method: str, path: str, body: object = None) -> Any:
    token = next(user["token"] for user in world["users"] if user["email"].startswith("ada"))
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.heroku+json; version=3"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        world["url"] + path, data=data, method=method, headers={**headers, "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_until(condition: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise OSError(problem)
        time.sleep(0.05)


def build_environment() -> dict[str, str]:
    """Return the environment without the settings of whoever runs this."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
