"""Heroku's own MCP server, unmodified, as an assistant's program uses it, against the emulator.

It drives the official CLI, and would rather have npm fetch that anew than take the one that is there.
"""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acceptance.heroku_cli import build_cli_environment
from acceptance.installs import MCP_SERVER, install_from_npm
from emulator.partner import RawPartner
from emulator.wire import ADA
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

PROGRAM = Path(__file__).with_name("ask_mcp.mjs")
ASK_SECONDS = 300.0
TOOL_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an assistant reads of a tool."""

    is_error: bool
    text: str


Ask = Callable[..., Awaitable[list[Told]]]


@pytest.fixture(scope="session")
def modules() -> Path:
    return install_from_npm(*MCP_SERVER)


@pytest.fixture
def ask(heroku: Emulator, heroku_program: Path, modules: Path, tmp_path: Path) -> Ask:
    """Call tools one after the other, each given as its name and its arguments."""
    programs, home = tmp_path / "programs", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    node = shutil.which("node")
    assert node is not None
    (programs / "node").symlink_to(node)
    (programs / "heroku").symlink_to(heroku_program)
    environment = {
        **build_cli_environment(home, heroku_url=heroku.url, token=ADA),
        # It finds the CLI there, and no npx.
        "PATH": str(programs),
        "MCP_SERVER_REQUEST_TIMEOUT": f"{TOOL_SECONDS * 1000:.0f}",
    }

    def run(calls: tuple[tuple[str, dict[str, Any]], ...]) -> list[Told]:
        command = [node, str(PROGRAM), str(modules), json.dumps(calls)]
        ran = subprocess.run(
            command, env=environment, cwd=home, capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
        assert 0 == ran.returncode, ran.stderr
        answers = [json.loads(line) for line in ran.stdout.splitlines()]
        return [Told(is_error=answer["isError"], text=" ".join(answer["text"].split())) for answer in answers]

    async def ask(*calls: tuple[str, dict[str, Any]]) -> list[Told]:
        return await asyncio.to_thread(run, calls)

    return ask


async def test_an_assistant_gives_an_app_an_addon(ask: Ask, heroku: Emulator, acme: RawPartner) -> None:
    """It looks for plans, creates the add-on and reads it back; what Heroku refuses, it is told."""
    plans, created, shown, refused = await ask(
        ("list_addon_plans", {"service": "acme-search"}),
        ("create_addon", {"app": "ada-notes", "serviceAndPlan": "acme-search:basic", "name": "notes-search"}),
        ("get_addon_info", {"addon": "notes-search", "app": "ada-notes"}),
        ("create_addon", {"app": "ada-notes", "serviceAndPlan": "acme-search:nope"}),
    )

    assert "acme-search:basic" in plans.text
    assert "Created notes-search as ACME_SEARCH_URL" in created.text
    assert "Plan: acme-search:basic" in shown.text
    assert "find either the add-on service or the add-on plan" in refused.text
    assert refused.is_error
    assert ["notes-search"] == [addon.name for addon in heroku.state.apps["ada-notes"].addons.values()]
    assert 1 == len(acme.received)


async def test_an_assistant_looks_at_apps_and_moves_code(ask: Ask, heroku: Emulator) -> None:
    """Apps, pipelines and dynos; a promotion; maintenance."""
    pipeline, scaled, promoted, kept = await ask(
        ("pipelines_info", {"pipeline": "storefront"}),
        ("ps_scale", {"app": "storefront", "dyno": "web=3"}),
        ("pipelines_promote", {"app": "storefront-staging"}),
        ("maintenance_on", {"app": "storefront"}),
    )

    assert "storefront-staging staging" in pipeline.text
    assert "web at 3:Basic" in scaled.text
    assert "Promotion successful" in promoted.text
    assert "Enabling maintenance mode for storefront" in kept.text
    assert heroku.find_app("storefront").maintenance
    assert 3 == heroku.find_app("storefront").formation["web"].quantity
