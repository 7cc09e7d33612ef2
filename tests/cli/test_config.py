"""`headrace config`: set and rotate of one, of some or of all; jobs are shown, stopped and gone on with."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cli.running import invoke
from headrace.emulator import Addon, Fault, describe
from headrace.store.state.config.changes import list_config_changes
from ordering import TOKEN, load_config, provision, worker
from pair import Pair, play_pair
from workflows.config.test_rotate import RotatingAcme

NOBODY = "01234567-89ab-4def-8123-456789abcdef"


async def play(pair: Pair, *arguments: str) -> Result:
    """Run a command as another process would."""
    settings = describe(pair.heroku).addon_services[0].settings
    environment = {**settings, "DATABASE_URL": pair.parts.database.url}
    return await asyncio.to_thread(invoke, "config", *arguments, **environment)


async def provision_three(pair: Pair) -> list[Addon]:
    return [
        await provision(pair, app, plan="free" if app == "blog" else "basic") for app in ("shop", "shop-ci", "blog")
    ]


async def test_one_is_set_by_its_uuid(database_url: str) -> None:
    """The command waits until the worker has done it."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair)
        result = await play(pair, "set", addon.id, f"{TOKEN}=a=b")

        assert 0 == result.exit_code, result.output
        assert "set ACME_SEARCH_TOKEN: over; 1 of 1 done, 0 failed, 0 waiting  (command)" in result.stdout
        assert "a=b" == addon.config[TOKEN]
        assert addon.config == await load_config(pair, addon.id)


async def test_some_are_set_by_a_filter_and_told_as_json(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair:
        addons = await provision_three(pair)
        result = await play(pair, "set", "--plan", "basic", f"{TOKEN}=t-1", "--by", "grace", "--json")
        told = json.loads(result.stdout)

        assert (0, 2, 2, 0, [], "grace") == (
            result.exit_code,
            told["total"],
            told["done"],
            told["failed"],
            told["failures"],
            told["by"],
        )
        assert ["t-1", "t-1", None] == [addon.config.get(TOKEN) for addon in addons]


async def test_passwords_come_from_a_file_and_uuids_too(sqlite_url: str, tmp_path: Path) -> None:
    """Neither stands on a command line; null removes, and so does --remove."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision_three(pair)
        values, uuids = tmp_path / "values.json", tmp_path / "uuids.txt"
        values.write_text(json.dumps({TOKEN: "t-1"}), encoding="utf-8")
        uuids.write_text(f"\ufeff{addons[0].id}\n\n{addons[2].id.upper()}\n", encoding="utf-8")
        done = await play(pair, "set", "--values", str(values), "--file", str(uuids))
        set_then = [addon.config.get(TOKEN) for addon in addons]
        removed = await play(pair, "set", "--all", "--remove", TOKEN)

        assert (0, 0) == (done.exit_code, removed.exit_code)
        assert ["t-1", None, "t-1"] == set_then
        assert [None, None, None] == [addon.config.get(TOKEN) for addon in addons]


async def test_what_failed_is_told_and_is_the_exit_status(sqlite_url: str) -> None:
    """Also afterwards, by the job."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision_three(pair)
        path = f"/addons/{addons[1].id}/config"
        pair.heroku.faults.add(Fault(kind="status", status=422, method="PATCH", path=path))
        result = await play(pair, "set", "--all", f"{TOKEN}=t-1")
        jobs = await play(pair, "jobs", "--json")
        shown = await play(pair, "show", json.loads(jobs.stdout)["job"])

        assert (1, 1) == (result.exit_code, shown.exit_code)
        for told in (result.stdout, shown.stdout):
            assert "2 of 3 done, 1 failed" in told
            assert f"failed  {addons[1].id}  {addons[1].name}  set_config: Unprocessable" in told


async def test_a_job_is_stopped_and_gone_on_with(sqlite_url: str) -> None:
    """Without a worker nothing of it begins, so that it can be stopped for sure."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        ordered = json.loads((await play(pair, "set", "--all", f"{TOKEN}=t-1", "--no-wait", "--json")).stdout)
        stopped = await play(pair, "stop", ordered["job"])
        listed = await play(pair, "jobs")
        resumed = await play(pair, "resume", ordered["job"])
        async with worker(pair):
            await pair.settle()
            while addon.config.get(TOKEN) != "t-1":
                await asyncio.sleep(0.02)

        assert (1, {}) == (ordered["resources"], ordered["left_out"])
        assert f"Go on with `headrace config resume {ordered['job']}`." in stopped.stdout
        assert "stopped; 0 of 1 done" in listed.stdout
        assert "under way; 0 of 1 done" in resumed.stdout


async def test_credentials_are_rotated_by_the_worker(sqlite_url: str) -> None:
    """The command knows no hook; its worker does."""
    acme = RotatingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await provision(pair)
        result = await play(pair, "rotate", addon.id)

        assert 0 == result.exit_code, result.output
        assert "t-2" == addon.config[TOKEN]


async def test_a_worker_without_the_hook_says_so(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        result = await play(pair, "rotate", addon.id)

        assert 1 == result.exit_code
        assert "run_hook: MisuseError" in result.stdout


async def test_a_dry_run_changes_nothing(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        result = await play(pair, "set", "--all", f"{TOKEN}=t-1", "--dry-run")

        assert (0, "Nothing was ordered. It would be: 1 resource(s).\n") == (result.exit_code, result.stdout)
        assert [] == await pair.parts.database.read(list_config_changes, addon.id)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("set", f"{TOKEN}=t-1"), 2, "Name resources, give filters, or say --all: one of them."),
        (("set", "--all", "--plan", "free", f"{TOKEN}=t-1"), 2, "one of them."),
        (("set", "--all"), 1, "There is no config var to set."),
        (("set", "--all", "OTHER=x"), 1, "OTHER, which the manifest does not declare"),
        (("set", NOBODY, f"{TOKEN}=t-1"), 1, f"There is no resource {NOBODY}."),
        (("set", "shop", f"{TOKEN}=t-1"), 1, "not a UUID"),
        (("set", "--state", "gone", f"{TOKEN}=t-1"), 1, "There is no state 'gone'; there are provisioning"),
        (("show", "nothing"), 1, "There is no job nothing."),
        (("stop", "nothing"), 1, "There is no job nothing."),
        (("resume", "nothing"), 1, "There is no job nothing."),
        (("jobs",), 0, "Nothing was ordered yet."),
    ],
)
async def test_what_is_wrong_is_said_in_a_line(
    sqlite_url: str, arguments: tuple[str, ...], status: int, told: str
) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair:
        result: Any = await play(pair, *arguments)

        assert status == result.exit_code, result.output
        assert told in result.output
        assert "Traceback" not in result.output
