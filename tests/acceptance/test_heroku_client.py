"""npm's heroku-client, as a Node program uses it, against the emulator."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from acceptance.installs import HEROKU_CLIENT, install_from_npm
from acceptance.processes import build_environment
from emulator.wire import ADA
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

PROGRAM = Path(__file__).with_name("ask_heroku.js")
ASK_SECONDS = 120.0
# More than the largest page.
MANY = 1100

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    return install_from_npm(*HEROKU_CLIENT)


@pytest.fixture
def ask(heroku: Emulator, node_modules: Path) -> Ask:
    """Send a request through heroku-client: its method, a path, and a body if it has one."""
    environment = build_environment(NODE_PATH=str(node_modules))

    def run(*arguments: str) -> Any:
        command: list[str | Path] = ["node", PROGRAM, heroku.url, *arguments]
        answer = subprocess.run(command, env=environment, capture_output=True, timeout=ASK_SECONDS, check=True)
        return json.loads(answer.stdout)

    async def ask(method: str, path: str, body: object = None, *, token: str = ADA) -> Any:
        return await asyncio.to_thread(run, token, method, path, *([] if body is None else [json.dumps(body)]))

    return ask


async def test_it_reads_and_writes_whatever_path_it_is_given(ask: Ask, heroku: Emulator) -> None:
    """It sends a range with every request, which counts for lists only."""
    account = await ask("get", "/account")
    made = await ask("post", "/apps", {"name": "kiosk"})
    renamed = await ask("patch", "/apps/kiosk", {"name": "kiosk-two"})
    config = await ask("patch", "/apps/kiosk-two/config-vars", {"GREETING": "hello"})
    releases = await ask("get", "/apps/kiosk-two/releases")
    deleted = await ask("delete", "/apps/kiosk-two")

    assert "ada@lumen.example" == account["answer"]["email"]
    assert made["answer"]["id"] == renamed["answer"]["id"] == deleted["answer"]["id"]
    assert {"GREETING": "hello"} == config["answer"]
    assert {1, 2} == {release["version"] for release in releases["answer"]}
    assert "kiosk-two" not in heroku.state.apps


async def test_it_adds_an_addon_and_moves_its_app_through_a_pipeline(ask: Ask, heroku: Emulator) -> None:
    """Plans, apps and pipelines are named as their documentation shows."""
    pipeline = (await ask("post", "/pipelines", {"name": "notes-line"}))["answer"]
    body = {"app": "ada-notes", "pipeline": pipeline["id"], "stage": "staging"}
    coupling = (await ask("post", "/pipeline-couplings", body))["answer"]
    moved = await ask("patch", f"/pipeline-couplings/{coupling['id']}", {"stage": "production"})
    addon = (await ask("post", "/apps/ada-notes/addons", {"plan": "acme-search:basic"}))["answer"]
    gone = await ask("delete", f"/apps/ada-notes/addons/{addon['id']}")

    assert "production" == moved["answer"]["stage"]
    assert ("provisioned", "deprovisioned") == (addon["state"], gone["answer"]["state"])
    assert moved["answer"] == (await ask("get", "/apps/ada-notes/pipeline-couplings"))["answer"]


async def test_it_follows_lists_to_their_last_page(ask: Ask, heroku: Emulator) -> None:
    """A page ends at 1000; `Next-Range` leads on."""
    for number in range(MANY):
        heroku.create_app(f"many-{number}", owner="ada@lumen.example")
    apps = (await ask("get", "/users/~/apps"))["answer"]

    seen = [app["name"] for app in apps if app["name"].startswith("many-")]
    assert MANY == len(seen) == len(set(seen))


async def test_what_heroku_refuses_is_an_error_with_its_status_and_body(ask: Ask) -> None:
    missing = await ask("get", "/apps/nowhere")
    taken = await ask("post", "/apps", {"name": "storefront"})
    stranger = await ask("get", "/account", token="nobodys-token")

    assert {
        "status": 404,
        "error": {"id": "not_found", "message": "Couldn't find that app.", "resource": "app"},
    } == missing
    assert {"status": 422, "error": {"id": "invalid_params", "message": "Name is already taken"}} == taken
    assert (401, "unauthorized") == (stranger["status"], stranger["error"]["id"])
