"""The commands about a fleet, as a partner whose provider is another program uses them."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.running import HEADRACE, Done, build_environment, run
from headrace.emulator import describe
from headrace.encryption import make_key
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import migrate
from headrace.testing import eventually
from pair import Pair, play_pair

APPS = ("shop", "shop-staging", "blog", "ada-notes")
LINE = '{"uuid": "%s", "plan": "basic", "refresh_token": "%s"}'


@dataclass
class Other:
    """A company whose resources another provider has provisioned, and an empty database for headrace."""

    pair: Pair
    folder: Path
    environment: dict[str, str | None]
    uuids: dict[str, str] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)

    async def run(self, *arguments: str) -> Done:
        return await run(*arguments, environment=self.environment, cwd=self.folder)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def write_lines(self) -> str:
        lines = [LINE % (uuid, self.refresh_tokens[app]) for app, uuid in self.uuids.items()]
        return self.write("resources.jsonl", "\n".join(lines))


@asynccontextmanager
async def play_other(folder: Path, sqlite_url: str) -> AsyncIterator[Other]:
    async with play_pair(sqlite_url) as pair:
        settings = describe(pair.heroku).addon_services[0].settings
        url = f"sqlite:///{folder}/other.db"
        database = Database(url)
        migrate(database)
        database.close()
        other = Other(pair, folder, {**settings, "DATABASE_URL": url})
        for app in APPS:
            addon = await pair.heroku.create_addon(app, "acme-search:basic")
            await pair.settle()
            token = await pair.parts.database.read(pair.parts.secrets.find_token, addon.id)
            assert token is not None
            other.uuids[app], other.refresh_tokens[app] = addon.id, token.refresh.reveal()
        yield other


async def test_a_fleet_of_another_provider_gets_its_pipelines(sqlite_url: str, tmp_path: Path) -> None:
    """Import, sync, history: no hook, no call of Heroku, and no line of the provider changed."""
    async with play_other(tmp_path, sqlite_url) as other:
        imported = await other.run("import", other.write_lines())
        again = await other.run("import", "resources.jsonl")
        synced = await other.run("sync", "--json")
        history = await other.run("history", other.uuids["shop"])
        as_json = await other.run("history", other.uuids["ada-notes"], "--json")

    assert (0, "4 new, 0 changed, 0 same, 0 kept, 0 not read.\n") == (imported.status, imported.out)
    assert "0 new, 0 changed, 4 same, 0 kept, 0 not read.\n" == again.out
    summary = json.loads(synced.out)
    assert (0, 4, {}) == (synced.status, summary["looked"], summary["errors"])
    assert "until now" in history.out
    assert "shop, production" in history.out
    assert (None, None) == (json.loads(as_json.out)["pipeline"], json.loads(as_json.out)["to"])


async def test_bad_lines_are_named_and_the_rest_goes_in(sqlite_url: str, tmp_path: Path) -> None:
    """With their numbers, and what is wrong; the exit status says that something was left out."""
    async with play_other(tmp_path, sqlite_url) as other:
        good, better = other.uuids["shop"], other.uuids["blog"]
        text = f"uuid,plan,state\n{good},basic,\nnot-a-uuid,basic,\n{better},free,provisioned\n{good},,\n"
        rehearsed = await other.run("import", other.write("r.csv", text), "--dry-run")
        done = await other.run("import", "r.csv")

    assert (1, "2 new, 0 changed, 0 same, 0 kept, 2 not read. Nothing was changed.\n") == (
        rehearsed.status,
        rehearsed.out,
    )
    assert (1, "2 new, 0 changed, 0 same, 0 kept, 2 not read.\n") == (done.status, done.out)
    first, second = done.err.splitlines()
    assert "line 3: uuid: is not a UUID." == first
    assert second.startswith("line 5: plan: ")


async def test_heroku_s_own_list_is_imported(sqlite_url: str, tmp_path: Path) -> None:
    """Without tokens nothing can be asked yet, and the doctor says so."""
    async with play_other(tmp_path, sqlite_url) as other:
        addon = {
            "id": other.uuids["shop"],
            "name": "acme-1",
            "app": {"id": other.uuids["blog"], "name": "shop"},
            "plan": {"id": other.uuids["blog"], "name": "acme-search:basic"},
            "addon_service": {"id": other.uuids["blog"], "name": "acme-search"},
            "state": "provisioned",
        }
        done = await other.run("import", other.write("list.json", json.dumps([addon])))
        doctor = await other.run("doctor")

    assert (0, True) == (done.status, done.out.startswith("1 new"))
    assert "1 provisioned resource has none" in doctor.out


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("r.txt", "", "--format"),
        ("r.csv", "id,plan\n", "no column uuid"),
        ("r.json", '{"id": "unauthorized"}', "not Heroku's list"),
    ],
)
async def test_a_file_that_is_something_else_is_refused(
    sqlite_url: str, tmp_path: Path, name: str, text: str, problem: str
) -> None:
    """Exit 2, and one clear line; nobody wanted to start anything."""
    async with play_other(tmp_path, sqlite_url) as other:
        done = await other.run("import", other.write(name, text))

    assert (2, True, False) == (done.status, problem in done.err, "Traceback" in done.err)
    assert "cannot start" not in done.err
    assert name == "r.txt" or "This file cannot be read" in done.err


async def test_sync_looks_at_what_it_is_told_to(sqlite_url: str, tmp_path: Path) -> None:
    """One by its uuid, whatever else is due; then what is due; nothing when nothing is; everything with --all."""
    async with play_other(tmp_path, sqlite_url) as other:
        await other.run("import", other.write_lines())
        looked = [
            json.loads((await other.run("sync", "--json", *options)).out)["looked"]
            for options in ([other.uuids["shop"]], [], [], ["--all"])
        ]
        told = await other.run("sync")

    assert [1, 3, 0, 4] == looked
    assert told.out.startswith("Looked at 0 resources in ")


async def test_errors_are_counted_by_kind(sqlite_url: str, tmp_path: Path) -> None:
    """A token that Heroku refuses costs the others nothing; exit 1, and the doctor says what to do."""
    async with play_other(tmp_path, sqlite_url) as other:
        other.refresh_tokens["shop"] = "no-such-token"
        await other.run("import", other.write_lines())
        synced = await other.run("sync", "--json")
        doctor = await other.run("doctor", "--json")

    summary = json.loads(synced.out)
    findings = {line["subject"]: line for line in map(json.loads, doctor.out.splitlines())}
    assert (1, 3, {"TokenRejected": 1}) == (synced.status, summary["looked"], summary["errors"])
    assert (1, "fail", True) == (
        doctor.status,
        findings["tokens"]["level"],
        "HEADRACE_CLIENT_SECRET" in findings["tokens"]["finding"],
    )


async def test_a_sync_that_is_interrupted_goes_on_where_it_was(sqlite_url: str, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a request: no traceback, and what was not looked at is due at once."""
    from headrace.emulator import Fault

    async with play_other(tmp_path, sqlite_url) as other:
        await other.run("import", other.write_lines())
        other.pair.heroku.faults.add(Fault(kind="latency", seconds=60, path="/addons/*"))
        before = len(list(other.pair.heroku.traffic))
        process = await asyncio.create_subprocess_exec(
            HEADRACE, "sync", cwd=tmp_path, env=build_environment(other.environment), stderr=asyncio.subprocess.PIPE
        )
        # The tokens are refreshed by then, and the slow requests are under way.
        await eventually(lambda: len(list(other.pair.heroku.traffic)) >= before + len(APPS))
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 120)
        other.pair.heroku.faults.clear()
        again = await other.run("sync", "--json")

    assert 0 != process.returncode
    assert "Traceback" not in err.decode()
    assert len(APPS) == json.loads(again.out)["looked"]


async def test_the_doctor_finds_nothing_wrong_with_what_is_well(sqlite_url: str, tmp_path: Path) -> None:
    """Every line says ok."""
    async with play_other(tmp_path, sqlite_url) as other:
        await other.run("import", other.write_lines())
        await other.run("sync")
        doctor = await other.run("doctor")

    assert 0 == doctor.status
    assert {"ok"} == {line.split()[0] for line in doctor.out.splitlines()}
    assert 13 == len(doctor.out.splitlines())


async def test_the_doctor_says_what_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    """Settings that are missing; Heroku away; a key that is gone; a database that is not there yet."""
    async with play_other(tmp_path, sqlite_url) as other:
        await other.run("import", other.write_lines())
        good = other.environment
        other.environment = {**good, "HEADRACE_CLIENT_SECRET": None}
        unset = await other.run("doctor")
        other.environment = {**good, "HEROKU_API_URL": "http://127.0.0.1:1", "HEADRACE_KEYS": make_key()}
        away = await other.run("doctor")
        other.environment = {**good, "DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
        new = await other.run("doctor")

    assert (1, 1, 1) == (unset.status, away.status, new.status)
    assert "Missing HEADRACE_CLIENT_SECRET" in unset.out
    assert "fail  heroku api  cannot be reached" in away.out
    assert "HEADRACE_KEYS lacks the key" in away.out
    assert "run `headrace migrate`" in new.out


async def test_history_of_what_is_not_there_is_one_clear_line(sqlite_url: str, tmp_path: Path) -> None:
    """Exit 1, and no traceback."""
    async with play_other(tmp_path, sqlite_url) as other:
        done = await other.run("history", other.uuids["shop"])

    assert (1, "") == (done.status, done.out)
    assert other.uuids["shop"] in done.err
