"""The commands of an operator: one clear line for what is wrong, and text or JSON for what is found."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from cli.running import invoke
from headrace.emulator import describe
from headrace.encryption import KeyRing, make_key
from headrace.errors import MisuseError
from headrace.store.sql.database import Database
from headrace.store.sql.tables import METADATA
from headrace.store.state.notices import list_open_notices
from headrace.store.state.secrets import SecretStore
from headrace.testing import eventually
from hearing import deliver, provision
from pair import Acme, Pair, play_pair
from settings.test_settings import GOOD
from store.making import add_resource

UNKNOWN = "01234567-89ab-cdef-0123-456789abcdef"


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


async def test_names_do_not_act_on_the_terminal(sqlite_url: str) -> None:
    """What a customer has called a pipeline is shown without what moves a cursor or turns a line, in both commands."""
    async with play_pair(sqlite_url) as pair:
        pair.heroku.create_pipeline("a\x1b[31mb\u202ec", owner="ada@lumen.example")
        pair.heroku.couple("ada-notes", "a\x1b[31mb\u202ec", "staging")
        addon = await pair.heroku.create_addon("ada-notes", "acme-search:basic")
        await pair.settle()
        settings = _settings_of(pair, sqlite_url)
        inspected, told = [
            await asyncio.to_thread(invoke, command, addon.id, **settings) for command in ("inspect", "history")
        ]

    assert "pipeline:       a?[31mb?c\n" in inspected.stdout
    assert "a?[31mb?c, staging\n" in told.stdout


@pytest.mark.parametrize(("uuid", "text"), [("not-a-uuid", "not a UUID"), (UNKNOWN, UNKNOWN)])
def test_inspect_of_what_is_not_there_is_one_clear_line(sqlite_url: str, uuid: str, text: str) -> None:
    """Exit 1, and no traceback."""
    result = invoke("inspect", uuid, **{**GOOD, "DATABASE_URL": sqlite_url})

    assert SystemExit is type(result.exception)
    assert (1, "") == (result.exit_code, result.stdout)
    assert text in result.stderr
    assert 1 == len(result.stderr.splitlines())


async def test_an_odd_delivery_is_shown_by_the_number_of_its_notice(sqlite_url: str) -> None:
    """What Heroku sent, and why it is no event; the settings' key opens what was kept sealed."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        await deliver(pair, uuid, b'{"id": "e1", "action": null}')
        (notice,) = await pair.parts.database.read(list_open_notices)
        settings = _settings_of(pair, sqlite_url)
        shown = await asyncio.to_thread(invoke, "notices", "show", str(notice.id), **settings)
        missing = await asyncio.to_thread(invoke, "notices", "show", "999", **settings)

    assert (0, 1) == (shown.exit_code, missing.exit_code)
    assert "event.odd" in shown.stdout
    assert '{"id": "e1", "action": null}' in shown.stdout


async def test_a_notice_is_closed_by_its_number(sqlite_url: str) -> None:
    """Whatever it tells of; what is not open is said, and exits 1."""
    acme = Acme(move_error=MisuseError("Never."))
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        await eventually(lambda: pair.parts.database.read(list_open_notices))
        run = partial(asyncio.to_thread, invoke, **_settings_of(pair, sqlite_url))
        number = str(json.loads((await run("notices", "--json")).stdout)["id"])
        listed, closed = await run("notices"), await run("notices", "settle", number)
        again, left = await run("notices", "settle", number), await run("notices")

    assert listed.stdout.strip().startswith(f"{number}  ")
    assert (0, "Closed 1.\n") == (closed.exit_code, closed.stdout)
    assert (1, "Nothing waits for an operator.\n") == (again.exit_code, left.stdout)
    assert number in again.stderr


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


def test_migrate_makes_every_table(tmp_path: Path) -> None:
    """On a file that is not there yet; twice is as good as once."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    results = [invoke("migrate", **{**GOOD, "DATABASE_URL": url}) for _ in range(2)]

    assert [(0, "The database is up to date.\n")] * 2 == [(one.exit_code, one.stdout) for one in results]
    database = Database(url)
    assert set(METADATA.tables) <= set(sa.inspect(database.engine).get_table_names())
    database.close()


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
    assert "Sealed 1 secret with the new key.\n" == first.output
    assert "Sealed 0 secrets with the new key.\n" == second.output
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


async def _inspect(pair: Pair, database_url: str, *arguments: str) -> Result:
    # On a thread, because the command runs an event loop of its own.
    settings = _settings_of(pair, database_url)
    return await asyncio.to_thread(invoke, "inspect", *arguments, **settings)


def _settings_of(pair: Pair, database_url: str) -> dict[str, str]:
    settings = describe(pair.heroku).addon_services[0].settings
    return {**settings, "DATABASE_URL": database_url}
