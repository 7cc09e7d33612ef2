"""What headrace gives the tests of add-on partners, as their own pytest runs it."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from headrace.emulator import BUILT_IN_WORLD, Clock, Declined, Emulator, load_world
from headrace.errors import ConfigurationError
from headrace.testing import Command, HerokuServer, Provider, eventually, run_provider, serve_heroku

EXAMPLES = Path(__file__).parents[1] / "examples"
LITTLE = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = json.dumps({"id": body["uuid"], "message": os.environ["GREETING"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


LIGHT = """
import sys

def test_nothing_is_imported_before_it_is_needed():
    assert [] == [name for name in sys.modules if name.startswith("headrace.") and name != "headrace.pytest_plugin"]

def test_the_provider_has_to_be_named(provider_server):
    pass
"""


def make_app(settings: Mapping[str, str]) -> Starlette:
    """A provider that says which Heroku it was told of."""

    async def provision(request: Request) -> JSONResponse:
        return JSONResponse({"id": (await request.json())["uuid"], "message": settings["HEROKU_API_URL"]})

    async def agree(_request: Request) -> JSONResponse:
        return JSONResponse({})

    return Starlette(
        routes=[
            Route("/heroku/resources", provision, methods=["POST"]),
            Route("/heroku/resources/{uuid}", agree, methods=["PUT", "DELETE"]),
        ]
    )


@pytest.fixture
def provider_under_test() -> Any:
    return make_app


async def test_an_asgi_app_runs_beside_heroku(heroku: Emulator, provider: Provider) -> None:
    """It is made with the settings, and Heroku calls it, for logins too."""
    addon = await heroku.create_addon("storefront", "acme-search")

    assert heroku.url == addon.message == provider.settings["HEROKU_API_URL"]
    assert f"{provider.url}/sso/login" == heroku.sso_form(addon)[0]


def test_both_run_for_a_test_that_is_not_asynchronous(heroku_server: HerokuServer, provider_server: Provider) -> None:
    """The emulator stands on a thread; any client reaches it, and its methods wait for what they do."""
    addon = heroku_server.create_addon("storefront", "acme-search:free", options={"size": "big"})
    message = addon.message
    heroku_server.change_plan(addon, "basic")
    with urlopen(f"{heroku_server.url}/sso/apps/storefront/addons/{addon.id}") as page:
        status = page.status
    heroku_server.deprovision(addon)

    assert (heroku_server.url, "basic", 200, "deprovisioned") == (message, addon.plan.name, status, addon.state)


def test_what_heroku_declines_is_raised_where_it_was_asked(heroku_server: HerokuServer) -> None:
    """Errors cross the thread, and so does everything else that the emulator offers."""
    with pytest.raises(Declined):
        heroku_server.create_addon("storefront", "acme-search:unknown")
    heroku_server.run(lambda heroku: heroku.clock.freeze())

    assert 0 == heroku_server.emulator.clock.speed


async def test_the_clock_of_a_test_stands_still(heroku: Emulator, heroku_clock: Clock) -> None:
    """Only the test moves it."""
    before = heroku_clock.now()
    heroku_clock.advance(timedelta(hours=8))

    assert before + timedelta(hours=8) == heroku.clock.now()


async def test_a_provider_may_be_any_program(heroku: Emulator, tmp_path: Path) -> None:
    """It finds settings and port in its environment, and is over at the end."""
    (tmp_path / "little.py").write_text(LITTLE)
    command = Command((sys.executable, "little.py"), cwd=tmp_path, environment={"GREETING": "Welcome"})
    async with run_provider(heroku, command, service="acme-search") as provider:
        addon = await heroku.create_addon("storefront", "acme-search")
    with pytest.raises(Declined):
        await heroku.create_addon("storefront-dev", "acme-search")

    assert ("Welcome", "provisioned") == (addon.message, addon.state)
    assert provider.url in heroku.sso_form(addon)[0]


async def test_a_program_that_ends_at_once_is_told(heroku: Emulator) -> None:
    """With its status, before the test runs."""
    command = Command((sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(ConfigurationError, match="ended with status 3 before it listened"):
        async with run_provider(heroku, command):
            pass


def test_what_never_comes_true_is_given_up() -> None:
    """Asynchronously and not, at the moment that is asked for, with the words what was waited for."""
    soon = timedelta(milliseconds=50)
    with pytest.raises(TimeoutError, match="This did not become true within 0:00:00"):
        asyncio.run(eventually(lambda: False, within=soon))
    with serve_heroku(load_world(BUILT_IN_WORLD)) as server, pytest.raises(TimeoutError, match="did not call Heroku"):
        server.eventually(lambda: False, within=soon)


async def test_what_was_waited_for_in_vain_tells_the_calls(heroku: Emulator, provider: Provider) -> None:
    """Those to the provider, and that it made none where it made none."""
    await heroku.create_addon("storefront", "acme-search")
    with pytest.raises(TimeoutError) as caught:
        await eventually(lambda: False, within=timedelta(milliseconds=50))

    told = str(caught.value)
    assert "to partner  POST   /heroku/resources  200" in told
    assert f"here {heroku.url}, in place of https://api.heroku.com" in told


async def test_a_time_limit_of_what_is_waited_for_is_its_own() -> None:
    """An error of the condition stays what it is."""

    async def look() -> bool:
        raise TimeoutError("of the condition")

    with pytest.raises(TimeoutError, match="of the condition"):
        await eventually(look)


SILENT = "import time; time.sleep(60)"
ELSEWHERE = """
import socket, sys, time
family, host = (socket.AF_INET6, "::1") if sys.argv[1] == "::1" else (socket.AF_INET, "127.0.0.1")
bound = socket.socket(family)
bound.bind((host, int(sys.argv[2])))
bound.listen()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-c", SILENT), "It has to listen on that port, which it is told as PORT"),
        (("-c", ELSEWHERE, "127.0.0.1", "0"), "by {port} in its arguments"),
        (("-c", ELSEWHERE, "::1", "{port}"), "let it listen on 127.0.0.1, for `localhost` is another address"),
    ],
    ids=["never", "on another port", "on another address"],
)
async def test_a_program_that_does_not_listen_is_told(heroku: Emulator, words: tuple[str, ...], told: str) -> None:
    """Its command, the address where Heroku calls it, and how it learns of that."""
    command = Command((sys.executable, *words))
    with pytest.raises(TimeoutError) as caught:
        async with run_provider(heroku, command, within=timedelta(seconds=2)):
            pass

    assert f"`{sys.executable} -c" in str(caught.value)
    assert "did not listen on 127.0.0.1:" in str(caught.value)
    assert told in str(caught.value)


def make_wsgi(_settings: Mapping[str, str]) -> Any:
    """An app of the other kind, as Flask's and Django's are."""

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    return app


async def make_late(_settings: Mapping[str, str]) -> Starlette:
    return Starlette()


@pytest.mark.parametrize(
    ("under_test", "told"),
    [
        (make_wsgi, "The function makes a WSGI app, which is no ASGI app"),
        (make_wsgi({}), "This is an app, and not a function that makes one"),
        (Starlette(), "This is an app, and not a function that makes one"),
        (make_late, "The function makes a coroutine, which is no ASGI app"),
        (lambda _settings: None, "The function makes a NoneType, which is no ASGI app"),
        (["python", "-m", "acme"], "This is a list"),
    ],
    ids=["WSGI", "a WSGI app", "an app", "a coroutine", "nothing", "a list"],
)
async def test_what_cannot_be_run_is_told(heroku: Emulator, under_test: Any, told: str) -> None:
    """Before Heroku calls it, with what to write in its place."""
    with pytest.raises(ConfigurationError) as caught:
        async with run_provider(heroku, under_test):
            pass

    assert told in str(caught.value)
    assert 'Command(("gunicorn", "--bind", "127.0.0.1:{port}", "shop:app"))' in str(caught.value)


def test_a_command_is_its_words() -> None:
    """One text is no command line."""
    with pytest.raises(TypeError, match=r"tuple of its words, such as \('flask', 'run'\)"):
        Command("flask run")  # type: ignore[arg-type]


async def test_a_service_that_the_world_does_not_have_is_told(heroku: Emulator) -> None:
    """With those that it has."""
    with pytest.raises(ConfigurationError, match="no add-on service nosuch; it has: acme-search"):
        async with run_provider(heroku, make_app, service="nosuch"):
            pass


ASYNCHRONOUS = """
import pytest
from starlette.applications import Starlette

@pytest.fixture
def provider_under_test():
    return lambda settings: Starlette()

def test_that_nothing_runs(heroku):
    pass

@pytest.mark.anyio
async def test_that_is_marked(heroku, provider):
    assert provider.url

@pytest.mark.anyio
async def test_that_fails(heroku, provider):
    await heroku.create_addon("storefront", "acme-search")

def test_on_a_thread_that_fails(heroku_server, provider_server):
    heroku_server.create_addon("storefront", "acme-search")
"""


def test_an_asynchronous_fixture_that_nothing_runs_says_so_and_harms_no_other_test(tmp_path: Path) -> None:
    """In a plain test, and under pytest-asyncio in its strict mode; below a failed test stand the calls."""
    (tmp_path / "test_asynchronous.py").write_text(ASYNCHRONOUS)
    done = run_pytest(tmp_path, "test_asynchronous.py")

    assert "2 failed, 1 passed, 1 error" in done.stdout
    assert "The fixture `heroku` is asynchronous, and nothing runs it for this test." in done.stdout
    assert "@pytest.mark.anyio" in done.stdout
    assert "asyncio_mode = auto" in done.stdout
    assert 2 == done.stdout.count("calls between Heroku and the provider -")
    assert "to partner  POST   /heroku/resources  404" in done.stdout


def test_the_plugin_costs_nothing_and_says_what_it_needs(tmp_path: Path) -> None:
    """It is there without being asked for, imports next to nothing, and warns of nothing."""
    (tmp_path / "test_light.py").write_text(LIGHT)
    done = run_pytest(tmp_path, "test_light.py")

    assert "1 passed, 1 error" in done.stdout
    assert "def provider_under_test() -> Command:" in done.stdout


@pytest.mark.long
@pytest.mark.acceptance
def test_the_example_of_a_partner_s_tests_passes(tmp_path: Path) -> None:
    """examples/test_acme.py, outside this repository's settings, against the example add-on as a process."""
    for name in ("acme.py", "test_acme.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    done = run_pytest(tmp_path, "test_acme.py")

    assert 0 == done.returncode, done.stdout
    assert "5 passed" in done.stdout


def run_pytest(folder: Path, file: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest as a partner does, with warnings as errors, and headrace on the path."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HEADRACE_", "HEROKU_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    return subprocess.run(
        command, cwd=folder, env={**kept, "PATH": path}, capture_output=True, text=True, check=False, timeout=400
    )
