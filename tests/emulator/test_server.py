import asyncio
import io
import os
import signal

import aiohttp
import msgspec
import pytest

from emulator.wire import ADA, Wire, name_tokens
from headrace.emulator import (
    BUILT_IN_WORLD,
    Emulator,
    describe,
    load_world,
    render_json,
    render_text,
    run,
    serve,
)
from headrace.protocol.manifest import parse_manifest

URL = "http://127.0.0.1:5000"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_serving_prints_one_line_for_programs_and_ends_on_a_signal(number: signal.Signals) -> None:
    out, log = io.StringIO(), io.StringIO()
    served = asyncio.Event()
    world = load_world(name_tokens(BUILT_IN_WORLD))
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
    world = load_world(name_tokens(BUILT_IN_WORLD))
    async with run(world) as one, run(world) as other:
        one.create_app("fresh-app", owner="lumen")

        assert one.url != other.url
        assert "fresh-app" not in other.state.apps


def test_the_ready_info_holds_what_a_service_needs_to_run() -> None:
    world = load_world(name_tokens(BUILT_IN_WORLD))
    line = render_json(describe(Emulator(world, url=URL)))
    info = msgspec.json.decode(line)
    [service] = info["addon_services"]
    settings = service["settings"]

    assert "\n" not in line
    assert (URL, URL, "acme-client-secret") == (
        settings["HEROKU_API_URL"],
        settings["HEROKU_ID_URL"],
        settings["HEADRACE_CLIENT_SECRET"],
    )
    assert world.addon_services[0].manifest == parse_manifest(settings["HEADRACE_MANIFEST"])
    assert {"email": "ada@lumen.example", "token": "ada-token"} == info["users"][0]
    assert ["free", "basic", "standard", "premium"] == service["plans"]


def test_people_are_told_first_that_nothing_reaches_heroku() -> None:
    text = render_text(describe(Emulator(load_world(name_tokens(BUILT_IN_WORLD)), url=URL)))

    assert text.startswith(f"This is an emulator of Heroku, at {URL}. Nothing here reaches Heroku.")
    for expected in (
        f"HEROKU_HOST={URL}",
        f"HEROKU_PARTICLEBOARD_URL={URL}",
        "HEROKU_API_KEY=ada-token",
        f"HEROKU_ANALYTICS_URL={URL}",
        "DISABLE_TELEMETRY=true",
        f"HEROKU_ADDONS_URL={URL}",
    ):
        assert expected in text
