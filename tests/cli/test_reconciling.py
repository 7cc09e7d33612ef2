"""`headrace reconcile`, as an operator types it: lists of all forms, what is printed, exit statuses, and a kill."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cli.running import HEADRACE, LONGEST_SECONDS, Done, build_environment, run
from headrace.emulator import Fault, describe
from headrace.emulator.render.addons import render_addon
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from headrace.store.sql.tables.schema import resource
from headrace.testing import eventually
from pair import PASSWORD, SLUG, Pair, play_pair

pytestmark = pytest.mark.anyio
APPS = ("shop", "shop-staging", "blog", "ada-notes")
PATIENCE = timedelta(seconds=LONGEST_SECONDS)


@dataclass
class Desk:
    """An operator's desk: a service that runs, with Heroku beside it, and a folder."""

    pair: Pair
    folder: Path
    environment: dict[str, str | None]

    async def run(self, *arguments: str) -> Done:
        return await run("reconcile", *arguments, environment=self.environment, cwd=self.folder)

    def list_addons(self) -> list[dict[str, Any]]:
        return [render_addon(each, self.pair.heroku.url) for each in self.pair.heroku.state.addons]

    def write(self, items: object, name: str = "addons.json") -> str:
        (self.folder / name).write_text(items if isinstance(items, str) else json.dumps(items), encoding="utf-8")
        return name

    async def change_plans(self, plan: str) -> None:
        """Have every plan here differ from Heroku's."""
        query = sa.update(resource).values(plan=plan)
        await self.pair.parts.database.write(lambda connection: connection.execute(query))

    async def is_even(self) -> bool:
        plans = await self.pair.parts.database.read(_list_plans)
        return plans == {each.id: each.plan.name for each in self.pair.heroku.state.addons}


def _list_plans(connection: sa.Connection) -> dict[str, str]:
    return {row.uuid: row.plan for row in connection.execute(sa.select(resource.c.uuid, resource.c.plan))}


@asynccontextmanager
async def sit_down(url: str, folder: Path) -> AsyncIterator[Desk]:
    async with play_pair(url) as pair:
        for app in APPS:
            await pair.heroku.create_addon(app, "acme-search:basic")
        await pair.settle()
        settings = describe(pair.heroku).addon_services[0].settings
        yield Desk(pair, folder, {**settings, "DATABASE_URL": url})


async def test_where_all_is_well_one_line_says_so(sqlite_url: str, tmp_path: Path) -> None:
    """With a list and without; exit 0."""
    async with sit_down(sqlite_url, tmp_path) as desk:
        with_list, without = await desk.run(desk.write(desk.list_addons())), await desk.run()

    assert [(0, "4 compared, 0 differences. 0 mended, 0 open.\n")] * 2 == [
        (done.status, done.out) for done in (with_list, without)
    ]


async def test_what_differs_is_a_line_each_and_what_it_means(sqlite_url: str, tmp_path: Path) -> None:
    """Mended while the service runs; a rehearsal says that it is open, and exits 1."""
    async with sit_down(sqlite_url, tmp_path) as desk:
        await desk.change_plans("free")
        rehearsed = await desk.run("--dry-run", "--json")
        done = await desk.run()
        await eventually(desk.is_even, within=PATIENCE)

    names = ("difference", "plan", "herokus_plan", "is_open", "is_mended")
    findings = [json.loads(line) for line in rehearsed.out.splitlines()]
    assert (1, {("other plan", "free", "basic", True, False)}) == (
        rehearsed.status,
        {tuple(each[name] for name in names) for each in findings},
    )
    assert 0 == done.status
    assert 4 == done.out.count("heroku: basic         mended\n")
    assert "other plan (4): Heroku shows another plan, which is what the customer pays. " in done.out
    assert done.out.endswith("4 compared, 4 differences. 4 mended, 0 open.\n")


async def test_a_list_may_be_csv_or_come_by_a_pipe(sqlite_url: str, tmp_path: Path) -> None:
    """In the forms of an import; the list of installs too."""
    async with sit_down(sqlite_url, tmp_path) as desk:
        addons = desk.list_addons()
        rows = "\n".join(["uuid,plan", *(f"{each['id']},basic" for each in addons)])
        lines = "\n".join(json.dumps({"uuid": each["id"], "plan": "basic"}) for each in addons)
        installs = await _ask_installs(desk)
        done = [
            await desk.run(desk.write(rows, "rows.csv")),
            await desk.run(desk.write(lines, "lines.jsonl")),
            await desk.run("--format", "heroku", desk.write(installs, "installs")),
        ]
        unnamed = await desk.run("installs")

    assert [(0, "4 compared, 0 differences. 0 mended, 0 open.\n")] * 3 == [(each.status, each.out) for each in done]
    assert (2, True) == (unnamed.status, "--format" in unnamed.err)


async def _ask_installs(desk: Desk) -> str:
    headers = {"Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
    async with desk.pair.http.get(f"{desk.pair.heroku.url}/api/v3/apps", headers=headers) as answer:
        return await answer.text()


async def test_what_cannot_be_read_is_named_and_nothing_missing_is_gone(sqlite_url: str, tmp_path: Path) -> None:
    """Other services' add-ons are left out; what is no list at all is refused."""
    async with sit_down(sqlite_url, tmp_path) as desk:
        first, second, *others = desk.list_addons()
        desk.pair.heroku.remove_addon(first["id"])
        other = {**second, "id": first["id"], "addon_service": {"id": first["id"], "name": "other"}}
        odd = await desk.run(desk.write([other, {"id": "1"}, second, *others]))
        no_list = await desk.run(desk.write({"id": "unauthorized"}))
        await desk.pair.settle()

    assert (1, True, 1) == (odd.status, "perhaps gone (1)" in odd.out, len(odd.out.splitlines()) - 3)
    assert "item 2: " in odd.err
    assert "1 add-on of other services is left out." in odd.err
    assert (2, True, []) == (no_list.status, "not Heroku's list" in no_list.err, desk.pair.acme.dropped)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: str(number.name))
async def test_killed_in_the_middle_it_is_run_again(database_url: str, tmp_path: Path, number: signal.Signals) -> None:
    """What was mended is mended once, the rest the next time; in the end everybody agrees."""
    async with sit_down(database_url, tmp_path) as desk:
        await desk.change_plans("free")
        heroku, before = desk.pair.heroku, len(list(desk.pair.heroku.traffic))
        heroku.faults.add(Fault(kind="latency", seconds=60, path="/addons/*", count=1))
        process = await asyncio.create_subprocess_exec(
            HEADRACE, "reconcile", cwd=tmp_path, env=build_environment(desk.environment), stderr=asyncio.subprocess.PIPE
        )
        await eventually(lambda: len(list(heroku.traffic)) >= before + len(APPS) - 1, within=PATIENCE)
        process.send_signal(number)
        _, err = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
        heroku.faults.clear()
        done = [await desk.run() for _ in range(2)]
        await eventually(desk.is_even, within=PATIENCE)
        changed = [each.uuid for each in desk.pair.acme.changed]

    assert (False, [0, 0]) == ("Traceback" in err.decode(), [each.status for each in done])
    assert (len(APPS), len(APPS)) == (len(changed), len(set(changed)))
