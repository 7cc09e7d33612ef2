"""Saving, loading, recording and replaying as commands, in processes of their own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from click.testing import CliRunner

from emulator.partner import RawPartner, answer
from emulator.wire import Wire
from headrace.cli.main import main
from headrace.emulator import BUILT_IN_WORLD
from headrace.testing import eventually

HEADRACE = Path(sys.executable).with_name("headrace")


@asynccontextmanager
async def emulate(*arguments: str | Path) -> AsyncIterator[dict[str, Any]]:
    """Run `headrace emulate` until the block ends, and yield what it prints."""
    process = await asyncio.create_subprocess_exec(
        HEADRACE, "emulate", "--port", "0", "--json", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    yield msgspec.json.decode(await process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert 0 == await process.wait()


async def replay(*arguments: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        HEADRACE, "replay", *arguments, "--port", "0", "--wait", "0.1", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def add_acme(emulator: dict[str, Any]) -> tuple[str, str]:
    """Add the add-on to an app as the first customer; return its uuid and state."""
    async with aiohttp.ClientSession() as session:
        reply = await Wire(emulator["url"], session).send(
            "POST",
            "/apps/storefront/addons",
            token=emulator["users"][0]["token"],
            json={"plan": "acme-search:basic"},
        )
        return reply.body["id"], reply.body["state"]


async def test_a_scenario_is_saved_and_loaded_by_the_command(acme: RawPartner, tmp_path: Path) -> None:
    """Tokens, services and add-ons are those of the run before; --json tells them."""
    world, saved = tmp_path / "world.toml", tmp_path / "saved.json"
    world.write_text(BUILT_IN_WORLD.replace("http://127.0.0.1:5050", acme.url))
    async with emulate("--world", world, "--save", saved) as first:
        added = await add_acme(first)
    async with emulate("--load", saved) as second, aiohttp.ClientSession() as session:
        found = await Wire(second["url"], session).get(f"/addons/{added[0]}", token=second["users"][0]["token"])

    assert added == (found.body["id"], found.body["state"])
    assert [f"{acme.url}/heroku/resources"] == [service["base_url"] for service in second["addon_services"]]


async def test_a_run_is_recorded_and_replayed_by_the_commands(acme: RawPartner, tmp_path: Path) -> None:
    """Exit 0 when the provider answers as recorded, 1 with the difference when not."""
    world, run = tmp_path / "world.toml", tmp_path / "run.jsonl"
    world.write_text(BUILT_IN_WORLD.replace("http://127.0.0.1:5050", acme.url))
    async with emulate("--world", world, "--record", run) as described:
        await add_acme(described)
    good = await replay(run, "--world", world)
    elsewhere = await replay(run, "--base-url", f"{acme.url}/other")
    acme.reactions["POST"] = answer(422, {"message": "No"})
    bad = await replay(run, "--world", world)

    assert (0, "POST   /heroku/resources  200  as recorded\n1 calls, 1 answered as recorded.\n") == good
    assert 0 == elsewhere[0]
    assert "/other/heroku/resources" == acme.received[2].path
    assert (1, "  status: 422; recorded 200") == (bad[0], bad[1].splitlines()[1])


def test_a_saved_scenario_and_a_world_exclude_each_other(tmp_path: Path) -> None:
    """What was saved has a world already."""
    file = tmp_path / "any"
    file.write_text("")
    results = [
        CliRunner().invoke(main, [*command, "--world", str(file), "--load", str(file)])
        for command in (["emulate"], ["replay", str(file)])
    ]

    assert [2, 2] == [result.exit_code for result in results]
    assert "what was saved has a world already" in results[0].output


async def test_a_week_begins_when_the_service_listens(acme: RawPartner, tmp_path: Path) -> None:
    """What it refuses ends the week before it has begun, and the emulator goes on."""
    acme.reactions["POST"] = answer(422, {"message": "We are full."})
    world = tmp_path / "world.toml"
    world.write_text(BUILT_IN_WORLD.replace("http://127.0.0.1:5050", acme.url))
    async with emulate("--world", world, "--scenario", "a-week-of-pull-requests", "--pull-requests", "1"):
        await eventually(lambda: acme.received)

    assert ["POST"] == [received.method for received in acme.received]
