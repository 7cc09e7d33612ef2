"""Keys are rotated under a service that runs, in processes of its own, and writes all the time."""

import asyncio
from pathlib import Path

import pytest

from cli.running import Done, run
from headrace.emulator.world.records import Addon
from headrace.encryption import KeyRing, make_key
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.state.secrets import SecretStore
from headrace.testing import eventually
from pair import play_pair
from workers import START_WITHIN, Site, prepare_site, read_calls, serve_process

OLD_KEY, NEW_KEY = make_key(), make_key()
APPS = ("shop", "shop-staging", "blog", "ada-notes")


@pytest.mark.long
async def test_keys_are_rotated_under_a_running_service(postgres_url: str, tmp_path: Path) -> None:
    """Provisions go on meanwhile; then the new key alone opens everything, and a token can be refreshed with it."""
    async with prepare_site(postgres_url, tmp_path) as site:
        site.let_hooks_go_on()
        async with serve_process(tmp_path, keyed(site, OLD_KEY), site.port):
            old = await site.heroku.create_addon("shop-dev", "acme-search:basic")
            await eventually(lambda: old.state == State.PROVISIONED, within=START_WITHIN)
        both = keyed(site, f"{NEW_KEY},{OLD_KEY}")
        async with serve_process(tmp_path, both, site.port):
            rotation = asyncio.create_task(command(site, both, "secrets", "rotate"))
            addons: list[Addon] = []
            # At least one on each app, and for as long as the other process is at work.
            while not rotation.done() or len(addons) < len(APPS):
                addons.append(await site.heroku.create_addon(APPS[len(addons) % len(APPS)], "acme-search:basic"))
                await eventually(lambda: addons[-1].state == State.PROVISIONED, within=START_WITHIN)
            rotated = await rotation
            left = count_old(postgres_url)
        alone = keyed(site, NEW_KEY)
        async with serve_process(tmp_path, alone, site.port):
            site.heroku.expire_tokens(old)
            looked = await command(site, alone, "inspect", old.id)
            await site.heroku.deprovision(addons[0])

    assert 0 == left
    assert (0, True) == (rotated.status, "Sealed 0 " not in rotated.out)
    assert 0 == looked.status
    assert 1 + len(addons) == len(read_calls(tmp_path))


async def test_what_meets_a_key_that_is_missing_waits_for_it(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that is not restarted yet, or was without a key, gives nothing up: it goes on once it can read."""
    async with play_pair(database_url, HEADRACE_KEYS=OLD_KEY) as pair:
        newer = SecretStore(KeyRing.parse(f"{NEW_KEY},{OLD_KEY}"))
        older = SecretStore(KeyRing.parse(f"{OLD_KEY},{NEW_KEY}"))
        pair.acme.may_go_on.clear()
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: pair.acme.created)
        await pair.parts.database.write(newer.rotate, limit=10)
        pair.acme.may_go_on.set()
        await eventually(lambda: "step.failed" in [each.msg for each in caplog.records])
        await pair.parts.database.write(older.rotate, limit=10)
        await pair.settle()

        assert State.PROVISIONED == (await pair.find(addon.id)).state
        assert 1 == len(pair.acme.created)


def count_old(url: str) -> int:
    """How many secrets the new key does not open."""
    database = Database(url)
    with database.engine.connect() as connection:
        count = SecretStore(KeyRing.parse(NEW_KEY)).count_old(connection)
    database.close()
    return count


def keyed(site: Site, keys: str) -> dict[str, str]:
    return {**site.environment, "HEADRACE_KEYS": keys}


async def command(site: Site, environment: dict[str, str], *arguments: str) -> Done:
    return await run(*arguments, environment=environment, cwd=site.folder)
