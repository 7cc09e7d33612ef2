import asyncio
import io
import os
import signal

import aiohttp
import msgspec
import pytest

from headrace.emulator import BUILT_IN_WORLD, load_world, run, serve

from .acme import ADA, Wire


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_serving_prints_one_line_for_programs_and_ends_on_a_signal(number: signal.Signals) -> None:
    out, log = io.StringIO(), io.StringIO()
    served = asyncio.Event()
    world = load_world(BUILT_IN_WORLD)
    task = asyncio.create_task(
        serve(world, host="127.0.0.1", port=0, as_json=True, out=out, log=log, ready=lambda _: served.set())
    )
    await served.wait()
    info = msgspec.json.decode(out.getvalue() or (await _next_line(out)))
    async with aiohttp.ClientSession() as session:
        reply = await Wire(info["url"], session).get("/account?secret=1", token=ADA)
    os.kill(os.getpid(), number)
    await task

    assert 200 == reply.status
    assert f"{info['url']}/__emulator__" == info["console_url"]
    assert 1 == out.getvalue().count("\n")
    assert "to Heroku   GET    /account  200" in log.getvalue()
    assert "secret" not in log.getvalue()


async def _next_line(out: io.StringIO) -> str:
    while not out.getvalue():
        await asyncio.sleep(0)
    return out.getvalue()


async def test_two_emulators_run_side_by_side() -> None:
    world = load_world(BUILT_IN_WORLD)
    async with run(world) as one, run(world) as other:
        one.create_app("fresh-app", owner="lumen")

        assert one.url != other.url
        assert "fresh-app" not in other.state.apps
