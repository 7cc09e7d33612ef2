"""docs/emulator.md and docs/testing.md: what they show of the emulator, typed and run as it stands there."""

import ast
import asyncio
import os
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from acceptance.documented import enter, list_blocks, list_commands
from emulator.partner import RawPartner
from headrace.emulator import Emulator, Fault
from headrace.testing import HerokuServer, Provider

pytestmark = pytest.mark.acceptance

WORLD = "BUILT_IN_WORLD)"
THERE = "http://127.0.0.1:5050"


@pytest.fixture
def provider_under_test() -> Any:
    """A provider of one line."""
    return lambda _settings: Starlette(routes=[Route("/heroku/resources", _provision, methods=["POST"])])


async def _provision(request: Request) -> JSONResponse:
    return JSONResponse({"id": (await request.json())["uuid"]})


async def test_the_control_api_is_worked_with_curl(heroku: Emulator, tmp_path: Path) -> None:
    """Each line is answered, and does what it says."""
    place, *lines = list_commands("emulator.md", "The control API")
    environment = {**os.environ, "E": place.removeprefix("E=").replace("http://127.0.0.1:PORT", heroku.url)}
    for line in lines:
        addons = list(heroku.state.addons)
        command = line.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
        command = command.replace("ADDON", addons[-1].name if addons else "ADDON")
        await asyncio.to_thread(enter, command, folder=tmp_path, environment=environment)

    (addon,) = heroku.state.addons
    app = heroku.find_app("storefront-staging")
    assert ({"region": "north"}, "acme-search:basic") == (addon.options, f"acme-search:{addon.plan.name}")
    assert (app, "production") == (addon.app, app.coupling.stage if app.coupling else None)
    assert [Fault(kind="status", status=429, path="/apps/*", count=2)] == [each.fault for each in heroku.faults]


async def test_what_was_recorded_is_replayed(heroku: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = await run(find_block("read_recording"), heroku=heroku)

    assert names["report"].is_good
    assert (tmp_path / "run.jsonl").stat().st_size > 0


async def test_a_heroku_of_one_s_own_is_a_few_lines(acme: RawPartner) -> None:
    block = find_block(WORLD).replace(WORLD, f"{WORLD[:-1]}.replace({THERE!r}, {acme.url!r}))")
    names = await run(block)

    assert "deprovisioned" == names["addon"].state
    assert ["POST", "DELETE"] == [received.method for received in acme.received]


def test_on_a_thread_of_its_own_it_is_told_what_to_do(heroku_server: HerokuServer, provider_server: Provider) -> None:
    addon = heroku_server.create_addon("storefront-staging", "acme-search:basic")
    (block,) = [text for kind, text in list_blocks("testing.md") if kind == "python" and "sso_form" in text]
    names: dict[str, Any] = {"heroku_server": heroku_server, "addon": addon, "Fault": Fault}
    exec(block, names)

    assert addon.id == names["form"]["resource_id"]
    assert ["latency"] == heroku_server.run(lambda heroku: [each.fault.kind for each in heroku.faults])


def find_block(word: str) -> str:
    """Return the one block of the page that has a word."""
    (block,) = [text for kind, text in list_blocks("emulator.md") if kind == "python" and word in text]
    return block


async def run(block: str, **names: Any) -> dict[str, Any]:
    """Run a block that awaits, and return what it leaves."""
    made = eval(compile(block, "docs/emulator.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if isawaitable(made):
        await made
    return names
