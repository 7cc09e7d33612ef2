"""The commands that run a service: what is wrong is said before it starts, in a line for each."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.running import WHOLE_ACME, build_environment, invoke, run, run_python
from headrace.settings import SETTINGS
from headrace.store.sql.database import Database
from headrace.workflows.engine.lease import WorkerLease
from settings.test_settings import GOOD

ACME = """
from headrace import AddonService

service = AddonService.from_env()
something_else = 1
"""


# What a web process or a worker holds of these it holds for something that has happened: a first start, a provision.
HEAVY = ("aiohttp", "alembic", "cryptography", "dbos", "jinja2", "starlette", "uvicorn")


@pytest.mark.parametrize(
    ("is_web", "first", "later"),
    [
        (True, ["alembic", "dbos", "jinja2", "starlette"], ["jinja2", "starlette"]),
        (False, ["alembic", "dbos"], ["dbos"]),
    ],
)
async def test_a_process_imports_what_it_does(
    tmp_path: Path, *, is_web: bool, first: list[str], later: list[str]
) -> None:
    """Nothing that makes tables but at the first start, no workflow engine in a web process, no web in a worker.

    What asks Heroku comes with the first request to it, and what seals with the first secret.
    """
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    script = f"""
import asyncio, sys
import headrace.serving
from acme import service
from headrace.service import find_assembly
if {is_web}: service.asgi(has_worker=False)
async def run():
    assembly = find_assembly(service)
    async with assembly.running(assembly.assemble(), has_worker={not is_web}):
        print([m for m in {HEAVY} if m in sys.modules])
asyncio.run(run())
"""
    environment = build_environment({**GOOD, "DATABASE_URL": f"sqlite:///{tmp_path}/acme.db"})

    found = [await run_python(script, environment=environment, cwd=tmp_path) for _ in range(2)]

    assert [f"{first}\n", f"{later}\n"] == found


async def test_the_parent_of_two_processes_imports_nothing_of_the_service() -> None:
    """It is there for as long as they are, and does no more than wait."""
    heavy = (*HEAVY, "asyncio", "importlib.metadata", "sqlalchemy")
    script = f"""
import sys
import headrace.cli.main
from headrace.logs import configure_logging
import headrace.process.parent
configure_logging()
print([m for m in {heavy} if m in sys.modules])
"""

    assert "[]\n" == await run_python(script)


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
        (":service", ":service names no module; write it as addon:service, for service of addon.py."),
        ("..nowhere:service", "..nowhere:service names no module"),
        ("sub/nowhere:service", "sub/nowhere:service names no module"),
        ("acme_of_cli:nobody", "acme_of_cli has no nobody."),
        ("acme_of_cli:something_else", "acme_of_cli:something_else is a int, not an AddonService."),
    ],
)
async def test_a_target_that_is_no_service_is_explained(tmp_path: Path, target: str, text: str) -> None:
    """Unknown module, unknown name, something else: each has its own line."""
    (tmp_path / "acme_of_cli.py").write_text(ACME, encoding="utf-8")
    script = f"""
from headrace.cli.run import load_service
from headrace.errors import ConfigurationError
try:
    load_service({target!r}, None)
except ConfigurationError as error:
    print(error)
"""
    told = await run_python(script, environment=build_environment(GOOD), cwd=tmp_path)

    assert text in told


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("import os; os.not_there", "AttributeError: module 'os' has no attribute 'not_there'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
async def test_a_module_that_fails_is_told_with_its_own_traceback_alone(tmp_path: Path, line: str, text: str) -> None:
    """It begins at the partner's line: what leads there is ours. That it lacks the service is not said of it."""
    (tmp_path / "acme.py").write_text(f"{line}\n", encoding="utf-8")
    done = await run("serve", "acme:service", environment=GOOD, cwd=tmp_path)

    assert (2, True) == (done.status, "  - acme cannot be imported:\n" in done.err)
    assert 1 == done.err.count('  File "')
    assert f'  File "{tmp_path}/acme.py", line 1, in <module>' in done.err
    assert text in done.err


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
    assert "DATABASE_URL: a dyno's disk is emptied at every restart" in done.err
    assert "`heroku addons:create heroku-postgresql:essential-0` makes a PostgreSQL and sets this." in done.err


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
    assert ["built_at", "heroku_silent_since", "complete", "pipelines", "uncoupled", "unknown"] == list(board)
    assert len(board["pipelines"]) > 0
    cards = [card for pipeline in board["pipelines"] for stage in pipeline["stages"].values() for card in stage]
    assert {"provisioned"} == {card["state"] for card in [*cards, *board["uncoupled"]]}
    for card in cards:
        assert {"resource", "app", "plan", "state", "uuid", "region", "since", "checked_at", "stale"} <= set(card)
    assert {"id", "name", "columns", "stages", "digest"} == set(board["pipelines"][0])
