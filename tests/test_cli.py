"""The command line: exit 0 good, 1 a problem found, 2 misuse; one clear line instead of a traceback."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from headrace.cli import load_service, main
from headrace.emulator import describe
from headrace.errors import ConfigurationError, MisuseError
from headrace.settings import SETTINGS
from headrace.store.database import Database
from headrace.store.schema import METADATA
from headrace.store.seal import KeyRing, make_key
from headrace.store.secrets import SecretStore
from headrace.workflows.lease import WorkerLease
from pair import Acme, Pair, play_pair
from store.making import add_resource
from test_settings import GOOD

COMMANDS = (
    *("serve", "worker", "emulate", "check", "replay", "demo"),
    *("sync", "import", "history", "doctor"),
    *("inspect", "notices", "retry", "abandon", "migrate", "secrets"),
)
HEADRACE = Path(sys.executable).with_name("headrace")
UNKNOWN = "01234567-89ab-cdef-0123-456789abcdef"
# Settings of whoever runs the tests must not reach the commands.
UNSET = {setting.name: None for setting in SETTINGS} | {"PORT": None}
ACME = """
from headrace import AddonService

service = AddonService.from_env()
something_else = 1
"""
WHOLE_ACME = """
from headrace import AddonService

service = AddonService.from_env()

@service.on_provision
def create(provision): return {}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""


def invoke(*arguments: str, **environment: str) -> Result:
    """Run a command in this process."""
    return CliRunner(env={**UNSET, **environment}).invoke(main, arguments)


@dataclass
class Done:
    """What a process left behind."""

    status: int
    out: str
    err: str


async def run(*arguments: str, environment: Mapping[str, str | None], cwd: Path) -> Done:
    """Run a command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        HEADRACE,
        *arguments,
        cwd=cwd,
        env=_environment(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Done(process.returncode or 0, out.decode(), err.decode())


def test_help_names_every_command() -> None:
    """Each with a line that says what it does."""
    result = invoke("--help")

    assert 0 == result.exit_code
    for command in COMMANDS:
        assert f"\n  {command} " in result.output


def test_help_comes_without_the_heavy_imports() -> None:
    """`headrace --help` answers at once: neither the server, the database nor the workflow engine is loaded."""
    script = (
        "import sys, headrace.cli; print([m for m in ('dbos', 'aiohttp', 'uvicorn', 'alembic') if m in sys.modules])"
    )
    done = asyncio.run(_run_python(script))

    assert "[]\n" == done


async def test_a_web_process_runs_without_the_workflow_engine(tmp_path: Path) -> None:
    """Only a worker needs it, and it is a fifth of its memory; what creates tables is for the first start."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    script = """
import asyncio, sys
from acme import service
async def run():
    async with service.assemble().running(has_worker=False):
        print([m for m in ("dbos", "alembic") if m in sys.modules])
asyncio.run(run())
"""
    environment = _environment({**GOOD, "DATABASE_URL": f"sqlite:///{tmp_path}/acme.db"})

    found = [await _run_python(script, environment=environment, cwd=tmp_path) for _ in range(2)]

    assert ["['dbos', 'alembic']\n", "[]\n"] == found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """No command hides what it takes."""
    result = invoke(command, "--help")

    assert 0 == result.exit_code
    assert "Usage:" in result.output


def test_version_is_the_package_s() -> None:
    """The one that pip installed."""
    result = invoke("--version")

    assert (0, True) == (result.exit_code, version("headrace") in result.output)


async def test_serve_with_nothing_set_lists_everything_that_is_missing(tmp_path: Path) -> None:
    """Exit 2 and a line for each, before a module is even asked for."""
    done = await run("serve", environment={}, cwd=tmp_path)

    assert 2 == done.status
    assert "" == done.out
    for setting in SETTINGS:
        assert setting.is_required == (f"  - Missing {setting.name}: " in done.err)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("nowhere:service", "There is no module nowhere in "),
        ("acme_of_cli:nobody", "acme_of_cli has no nobody."),
        ("acme_of_cli:something_else", "acme_of_cli:something_else is a int, not an AddonService."),
        (None, "Say which service to run: headrace serve MODULE:NAME"),
    ],
)
def test_a_target_that_is_no_service_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str | None, text: str
) -> None:
    """Unknown module, unknown name, something else, or nothing said: each has its own line."""
    (tmp_path / "acme_of_cli.py").write_text(ACME, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=text):
        load_service(target, None)
    sys.modules.pop("acme_of_cli", None)


async def test_a_service_without_hooks_is_not_served(tmp_path: Path) -> None:
    """Exit 2 with the lines to paste; without a name the service is called `service`."""
    (tmp_path / "acme.py").write_text(ACME, encoding="utf-8")
    done = await run("serve", "acme", environment=GOOD, cwd=tmp_path)

    assert 2 == done.status
    assert "There is no @service.on_provision. Add one:" in done.err
    assert "Traceback" not in done.err


async def test_web_only_on_the_sqlite_file_of_a_dyno_is_refused(tmp_path: Path) -> None:
    """The worker would be another dyno, with another disk, and what is acknowledged would never be done."""
    (tmp_path / "acme.py").write_text(ACME, encoding="utf-8")
    done = await run("serve", "acme:service", "--web-only", environment={**GOOD, "DYNO": "web.1"}, cwd=tmp_path)

    assert 2 == done.status
    assert "--web-only: dynos share no SQLite file. Set DATABASE_URL to a PostgreSQL database." in done.err


async def test_a_second_service_on_the_same_sqlite_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """One worker a file: the second says so and goes, without a traceback."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    url = f"sqlite:///{tmp_path}/headrace.db"
    lease = WorkerLease(Database(url))
    lease.acquire()
    done = await run("serve", "acme:service", environment={**GOOD, "DATABASE_URL": url}, cwd=tmp_path)
    lease.release()

    assert 1 == done.status
    assert f"Another worker is running on {tmp_path}/headrace.db." in done.err
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


def test_settings_are_read_from_a_file_and_the_environment_wins(tmp_path: Path) -> None:
    """What is missing in both is reported, what is in one of them is not."""
    path = tmp_path / ".env"
    path.write_text("HEADRACE_CLIENT_SECRET=x\nHEADRACE_KEYS=bad\n", encoding="utf-8")
    result = invoke("migrate", "--env-file", str(path), HEADRACE_KEYS=make_key())

    assert 2 == result.exit_code
    assert ["HEADRACE_MANIFEST"] == [
        setting.name for setting in SETTINGS if f"- Missing {setting.name}" in result.output
    ]
    assert "HEADRACE_KEYS" not in result.output


def test_new_key_prints_one_fresh_key() -> None:
    """Nothing but the key, so that it can be piped; another one each time."""
    first, second = invoke("secrets", "new-key"), invoke("secrets", "new-key")

    assert (0, 0) == (first.exit_code, second.exit_code)
    assert "KeyRing(1 keys)" == repr(KeyRing.parse(first.output.strip()))
    assert first.output != second.output


def test_rotate_seals_everything_with_the_first_key(database_url: str) -> None:
    """Says how many; a second run finds none; the old key may go."""
    old, new = make_key(), make_key()
    database = Database(database_url)
    with database.transaction() as connection:
        uuid = add_resource(connection)
        SecretStore(KeyRing.parse(old)).save_config(connection, uuid, {"A": "b"})
    environment = {**GOOD, "DATABASE_URL": database_url, "HEADRACE_KEYS": f"{new},{old}"}
    first, second = invoke("secrets", "rotate", **environment), invoke("secrets", "rotate", **environment)

    assert (0, 0) == (first.exit_code, second.exit_code)
    assert "Sealed 1 secret(s) with the new key.\n" == first.output
    assert "Sealed 0 secret(s) with the new key.\n" == second.output
    with database.engine.connect() as connection:
        assert {"A": "b"} == SecretStore(KeyRing.parse(new)).find_config(connection, uuid)
    database.close()


def test_rotate_without_the_old_key_changes_nothing_and_says_why(sqlite_url: str) -> None:
    """Exit 1: put the old key back behind the new one."""
    database = Database(sqlite_url)
    with database.transaction() as connection:
        SecretStore(KeyRing.parse(make_key())).save_config(connection, add_resource(connection), {"A": "b"})
    database.close()
    result = invoke("secrets", "rotate", **GOOD, DATABASE_URL=sqlite_url)

    assert 1 == result.exit_code
    assert "sealed with a key that is not in HEADRACE_KEYS" in result.output


def test_migrate_makes_every_table(tmp_path: Path) -> None:
    """On a file that is not there yet; twice is as good as once."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    results = [invoke("migrate", **{**GOOD, "DATABASE_URL": url}) for _ in range(2)]

    assert [(0, "The database is up to date.\n")] * 2 == [(one.exit_code, one.stdout) for one in results]
    database = Database(url)
    assert set(METADATA.tables) <= set(sa.inspect(database.engine).get_table_names())
    database.close()


async def test_inspect_says_where_a_resource_is(sqlite_url: str) -> None:
    """For people line by line, for programs as JSON; what Heroku says now, not what was stored."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        pair.heroku.move("shop-staging", "production")
        as_json = await _inspect(pair, sqlite_url, addon.id, "--json")
        as_text = await _inspect(pair, sqlite_url, addon.id.upper())

    assert (0, 0) == (as_json.exit_code, as_text.exit_code)
    described = json.loads(as_json.stdout)
    assert {
        "uuid": addon.id,
        "app": "shop-staging",
        "outcome": "placed",
        "pipeline": "shop",
        "stage": "production",
    } == {name: described[name] for name in ("uuid", "app", "outcome", "pipeline", "stage")}
    assert "stage:          production\n" in as_text.stdout


async def test_inspect_of_an_app_in_no_pipeline_has_dashes(sqlite_url: str) -> None:
    """None for programs, a dash for people."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("ada-notes", "acme-search:basic")
        await pair.settle()
        as_json = await _inspect(pair, sqlite_url, addon.id, "--json")
        as_text = await _inspect(pair, sqlite_url, addon.id)

    described = json.loads(as_json.stdout)
    assert ("uncoupled", None, None) == (described["outcome"], described["pipeline"], described["stage"])
    assert "stage:          -\n" in as_text.stdout


@pytest.mark.parametrize(("uuid", "text"), [("not-a-uuid", "not a UUID"), (UNKNOWN, UNKNOWN)])
def test_inspect_of_what_is_not_there_is_one_clear_line(sqlite_url: str, uuid: str, text: str) -> None:
    """Exit 1, and no traceback."""
    result = invoke("inspect", uuid, **{**GOOD, "DATABASE_URL": sqlite_url})

    assert SystemExit is type(result.exception)
    assert (1, "") == (result.exit_code, result.stdout)
    assert text in result.stderr
    assert 1 == len(result.stderr.splitlines())


async def test_what_failed_is_listed_tried_again_and_given_up(sqlite_url: str) -> None:
    """An operator without a page: the notice says what and why, and each order says what it did."""
    acme = Acme(error=MisuseError("There is no such region."), failures_left=2)
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        run = partial(asyncio.to_thread, invoke, **_settings_of(pair, sqlite_url))
        listed, as_json = await run("notices"), await run("notices", "--json")
        retried = await run("retry", addon.id)
        unconfirmed = await run("abandon", addon.id)
        abandoned, again = await run("abandon", "--yes", addon.id), await run("abandon", "--yes", addon.id)
        left = await run("notices")

    told = f"provision.failed      {addon.id}  {addon.name}  step run_hook, reason MisuseError\n"
    described = json.loads(as_json.stdout)
    assert listed.stdout.endswith(told)
    assert (addon.id, "provision.failed") == (described["uuid"], described["kind"])
    assert (1, f"Heroku was told that {addon.name} failed and has removed it; abandon it.\n") == (
        retried.exit_code,
        retried.stderr,
    )
    assert (1, (0, "Given up.\n")) == (unconfirmed.exit_code, (abandoned.exit_code, abandoned.stdout))
    assert (1, f"{addon.name} is deprovisioned: only what has failed can be given up.\n") == (
        again.exit_code,
        again.stderr,
    )
    assert "Nothing waits for an operator.\n" == left.stdout


async def test_emulate_prints_one_line_of_json_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    """A program can start it, read where it is, use it and stop it: exit 0."""
    process = await asyncio.create_subprocess_exec(
        HEADRACE,
        *("emulate", "--json", "--port", "0", "--env-file", "heroku.env"),
        cwd=tmp_path,
        env=_environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    info = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    headers = {"Authorization": f"Bearer {info['users'][0]['token']}"}
    async with aiohttp.ClientSession() as http, http.get(f"{info['url']}/apps", headers=headers) as answer:
        apps = await answer.json()
    process.terminate()
    out, err = await asyncio.wait_for(process.communicate(), 30)

    assert (0, b"", b"") == (process.returncode, out, err)
    assert 200 == answer.status
    assert len(apps) > 0
    assert f"HEROKU_API_URL='{info['url']}'" in (tmp_path / "heroku.env").read_text()


async def test_emulate_with_a_broken_world_lists_what_is_wrong(tmp_path: Path) -> None:
    """Exit 2: every problem of the file, and no traceback."""
    (tmp_path / "world.toml").write_text('apps = [{ name = "shop", owner = "nobody" }]\nfoo = 1\n', encoding="utf-8")
    done = await run("emulate", "--world", "world.toml", "--port", "0", environment={}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    assert "\n  - " in done.err
    assert "Traceback" not in done.err


def test_demo_as_json_goes_with_once() -> None:
    """Exit 2, said before anything starts."""
    result = invoke("demo", "--json")

    assert (2, True) == (result.exit_code, "--json goes with --once" in result.output)


@pytest.mark.acceptance
async def test_demo_once_prints_the_board_as_json(tmp_path: Path) -> None:
    """One JSON document on standard output: pipelines with their stages, then what is in none."""
    done = await run("demo", "--once", "--json", environment={}, cwd=tmp_path)

    assert 0 == done.status, done.err
    board: dict[str, Any] = json.loads(done.out)
    assert ["built_at", "pipelines", "uncoupled", "unknown"] == list(board)
    assert len(board["pipelines"]) > 0
    cards = [card for pipeline in board["pipelines"] for stage in pipeline["stages"].values() for card in stage]
    assert {"provisioned"} == {card["state"] for card in [*cards, *board["uncoupled"]]}
    for card in cards:
        assert {"resource", "app", "plan", "state", "uuid", "region", "since", "checked_at", "stale"} <= set(card)
    assert {"id", "name", "columns", "stages"} == set(board["pipelines"][0])


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**os.environ, **UNSET, **changes}
    return {name: value for name, value in merged.items() if value is not None}


async def _inspect(pair: Pair, database_url: str, *arguments: str) -> Result:
    # On a thread, because the command runs an event loop of its own.
    settings = _settings_of(pair, database_url)
    return await asyncio.to_thread(invoke, "inspect", *arguments, **settings)


def _settings_of(pair: Pair, database_url: str) -> dict[str, str]:
    settings = describe(pair.heroku).addon_services[0].settings
    return {**settings, "DATABASE_URL": database_url}


async def _run_python(script: str, *, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, env=environment, cwd=cwd
    )
    out, _ = await process.communicate()
    return out.decode()
