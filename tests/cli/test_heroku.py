"""The commands that play Heroku, as processes; tests/emulator has what is recorded, saved and replayed."""

import asyncio
import json
import socket
from pathlib import Path

import aiohttp

from cli.running import HEADRACE, build_environment, run


async def test_emulate_prints_one_line_of_json_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    """A program can start it, read where it is, use it and stop it: exit 0. The settings are their owner's alone."""
    process = await asyncio.create_subprocess_exec(
        HEADRACE,
        *("emulate", "--json", "--port", "0", "--env-file", "heroku.env"),
        cwd=tmp_path,
        env=build_environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    info = json.loads(await asyncio.wait_for(process.stdout.readline(), 240))
    headers = {"Authorization": f"Bearer {info['users'][0]['token']}"}
    async with aiohttp.ClientSession() as http, http.get(f"{info['url']}/apps", headers=headers) as answer:
        apps = await answer.json()
    process.terminate()
    out, err = await asyncio.wait_for(process.communicate(), 120)

    assert (0, b"", b"") == (process.returncode, out, err)
    assert 200 == answer.status
    assert len(apps) > 0
    assert f"HEROKU_API_URL='{info['url']}'" in (tmp_path / "heroku.env").read_text()
    assert 0o600 == (tmp_path / "heroku.env").stat().st_mode & 0o777


async def test_emulate_with_a_broken_world_lists_what_is_wrong(tmp_path: Path) -> None:
    """Exit 2: every problem of the file, and no traceback."""
    (tmp_path / "world.toml").write_text('apps = [{ name = "shop", owner = "nobody" }]\nfoo = 1\n', encoding="utf-8")
    done = await run("emulate", "--world", "world.toml", "--port", "0", environment={}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    assert "\n  - " in done.err
    assert "Traceback" not in done.err


async def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    """The emulator names the port and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = await run("emulate", "--port", str(port), environment={}, cwd=tmp_path)

    assert 2 == done.status
    assert f"Port {port} on 127.0.0.1 cannot be had" in done.err
    assert "Traceback" not in done.err
