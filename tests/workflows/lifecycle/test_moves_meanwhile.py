"""An app moves while something of its resource is under way: the partner hears of it once, and at the right time."""

import asyncio

import pytest
import sqlalchemy as sa

from headrace.emulator import Fault
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.retries import NEVER, TABLE
from headrace.store.sql.tables.schema import placement
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.ledger import Status
from headrace.workflows.engine.port import Engine
from pair import Acme, Pair, play_pair

GOING_ON = (Status.ENQUEUED, Status.RUNNING)


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        (("production",), [("staging", "production")]),
        (("production", "development"), [("staging", "development")]),
        (("production", "staging"), []),
    ],
)
async def test_a_move_while_the_hook_of_a_provision_runs_is_told_when_it_is_done(
    database_url: str, stages: tuple[str, ...], told: list[tuple[str, str]]
) -> None:
    """Once, from where the hook was told the app is to where it is now; there and back again is no move."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: acme.created)
        await _move(pair, addon.id, *stages)
        before = list(acme.moved)
        acme.may_go_on.set()
        await pair.settle()
        await _hear(pair, told)

        assert ([], "staging") == (before, acme.created[0].stage)
        assert len(stages) == [event.name for event in await pair.list_events(addon.id)].count("placement.moved")


async def test_a_move_after_the_hook_and_before_the_mark_is_told(database_url: str) -> None:
    """The hook is done, and Heroku is away: the provision is not."""
    async with play_pair(database_url) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=503, path="*/actions/provision"))
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: _has_event(pair, addon.id, "config.set"))
        await _move(pair, addon.id, "production")
        pair.heroku.faults.clear()
        await pair.settle()
        await _hear(pair, [("staging", "production")])

        assert State.PROVISIONED == (await pair.find(addon.id)).state


async def test_a_hook_that_is_called_again_with_the_new_place_needs_no_telling(database_url: str) -> None:
    """It failed when it was called with the old one: what it made in the end is made for the new one."""
    acme = Acme(error=OSError("The cloud is away."), failures_left=1)
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: acme.created)
        await _move(pair, addon.id, "production")
        acme.may_go_on.set()
        await pair.settle()
        await _hear(pair, [])

        assert ["staging", "production"] == [provision.stage for provision in acme.created]


async def test_a_move_while_the_hook_of_a_plan_change_runs_is_told_once(database_url: str) -> None:
    """The resource is provisioned all the while: it is told at once."""
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:free")
        await pair.settle()
        acme.may_go_on.clear()
        change = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "basic"}))
        await eventually(lambda: acme.changed)
        await _move(pair, addon.id, "production")
        await _hear(pair, [("staging", "production")])
        acme.may_go_on.set()
        await change
        await pair.settle()

        assert 1 == len(acme.moved)


async def test_a_move_before_a_removal_is_told_to_nobody(sqlite_url: str) -> None:
    """What is removed while it is made was never anywhere."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: acme.created)
        await _move(pair, addon.id, "production")
        await pair.heroku.deprovision(addon)
        acme.may_go_on.set()
        await pair.settle()
        await _hear(pair, [])

        assert State.DEPROVISIONED == (await pair.find(addon.id)).state


async def test_the_move_of_a_provision_that_outlives_a_restart_is_told_once(database_url: str) -> None:
    """Where the hook was told the app is, and where it is, stand in the store."""
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair:
        acme.may_go_on.clear()
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await eventually(lambda: acme.created)
        await _move(pair, addon.id, "production")
        acme.may_go_on.set()
        await pair.settle()
        await _hear(pair, [("staging", "production")])
    async with play_pair(database_url) as pair:
        await _hear(pair, [])

        assert 1 == len(acme.moved)


async def test_a_move_that_could_not_be_told_is_mended_by_the_next_one_that_could(sqlite_url: str) -> None:
    """Who knows where the app is now has missed nothing that matters; the notice closes by itself."""
    acme = Acme(move_error=OSError("The cloud is away."))
    async with play_pair(sqlite_url, acme=acme, retries=dict.fromkeys(TABLE, NEVER)) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        await _move(pair, addon.id, "production")
        await _hear(pair, [])
        missed = await pair.parts.database.read(list_open_notices)
        acme.move_error = None
        await _move(pair, addon.id, "development")
        await _hear(pair, [("production", "development")])

        assert ["stage_change.failed"] == [notice.kind for notice in missed]
        assert [] == await pair.parts.database.read(list_open_notices)


async def _move(pair: Pair, uuid: str, *stages: str) -> None:
    """Move the app, and have each move found."""
    for stage in stages:
        pair.heroku.move("shop-staging", stage)
        await pair.parts.inspector.inspect(uuid)


async def _hear(pair: Pair, told: list[tuple[str, str]]) -> None:
    """Wait until the partner has heard of all that there is to tell: of these moves, and of no other."""
    await eventually(lambda: _is_told(pair))
    assert told == [(change.old_stage, change.stage) for change in pair.acme.moved]


async def _is_told(pair: Pair) -> bool:
    statuses = await pair.parts.database.read(_find_statuses, pair.parts.engine)
    return not any(status in GOING_ON for status in statuses)


def _find_statuses(connection: sa.Connection, engine: Engine) -> list[Status]:
    """How far the workflows are that tell of moves."""
    rows = connection.execute(sa.select(placement.c.resource_uuid, placement.c.id)).all()
    ids = [build_id(WorkflowKind.STAGE_CHANGE, uuid, which=number) for uuid, number in rows]
    return list(engine.find_statuses(connection, ids).values())


async def _has_event(pair: Pair, uuid: str, name: str) -> bool:
    return name in [event.name for event in await pair.list_events(uuid)]
