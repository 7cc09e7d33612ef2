"""Upkeep: what no workflow would end by itself is ended, told Heroku, and shown to an operator."""

from datetime import timedelta

from headrace.emulator import Clock
from headrace.models import State
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from pair import Acme, Pair, play_pair


async def test_a_provision_past_its_limit_is_given_up_before_heroku_does(database_url: str) -> None:
    """A hook that hangs: Heroku is told within the twelve hours, and an operator hears of it."""
    acme, clock = Acme(), Clock()
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme, clock=clock) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        clock.advance(PROVISION_LIMIT)
        await pair.parts.upkeep.run_once()
        await eventually(lambda: addon.id not in pair.heroku.state.addons)

        assert State.FAILED == (await pair.find(addon.id)).state
        assert [("provision.expired", addon.id)] == await _list_notices(pair)
        assert [] == acme.dropped

        acme.may_go_on.set()
        await pair.settle()
        assert [addon.id] == [resource.uuid for resource in acme.dropped]


async def test_a_provision_within_its_limit_is_left_alone(sqlite_url: str) -> None:
    """A minute before the limit a provision may still come to its end."""
    acme, clock = Acme(), Clock()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme, clock=clock) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        clock.advance(PROVISION_LIMIT - timedelta(minutes=1))
        await pair.parts.upkeep.run_once()
        acme.may_go_on.set()
        await pair.settle()

        assert (State.PROVISIONED, []) == ((await pair.find(addon.id)).state, await _list_notices(pair))


async def test_an_expired_provision_is_told_once_however_often_one_looks(sqlite_url: str) -> None:
    """Every worker looks every few seconds: one notice, one line in the timeline, one word to Heroku."""
    acme, clock = Acme(), Clock()
    acme.may_go_on.clear()
    async with play_pair(sqlite_url, acme=acme, clock=clock) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        clock.advance(PROVISION_LIMIT)
        for _ in range(3):
            await pair.parts.upkeep.run_once()
        await eventually(lambda: addon.id not in pair.heroku.state.addons)
        acme.may_go_on.set()
        await pair.settle()

        names = [event.name for event in await pair.list_events(addon.id)]
        assert (1, 1) == (names.count("provision.expired"), names.count("heroku.told"))
        assert 1 == len(await _list_notices(pair))


async def _list_notices(pair: Pair) -> list[tuple[str, str]]:
    rows = await pair.parts.database.read(list_open_notices)
    return [(row.kind, row.resource_uuid) for row in rows]
