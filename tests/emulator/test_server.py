import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


async def test_an_answer_comes_in_one_piece() -> None:
    """Its head and its body are one write, which whoever waits for it is woken up by once."""
    async with _connected() as (reader, writer):
        writer.write(f"GET /account HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ADA}\r\n\r\n".encode())
        head, _, body = (await reader.read(1_000_000)).partition(b"\r\n\r\n")

        assert f"content-length: {len(body)}".encode() in head
        assert "ada@lumen.example" == msgspec.json.decode(body)["email"]


async def test_who_waits_to_be_asked_for_a_body_is_asked() -> None:
    """What is written is sent although no answer follows it."""
    async with _connected() as (reader, writer):
        writer.write(
            b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"a=b")

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == asked
        assert b"HTTP/1.1 422 Unprocessable Entity\r\n" == await reader.readline()


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield the two ends of a connection to an emulator."""
    async with run(load_world(name_tokens(BUILT_IN_WORLD))) as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(emulator.url.rpartition(":")[2]))
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()
